"""Other people's monitors, as they write today: what they say is read as what they said when it was stored."""

import json
from typing import Any

import pytest

from bot.domain.event import AlertEvent, ChangeEvent
from handlers.http.endpoint import parse_delivery
from handlers.webhooks.models import mlflow
from tests.acceptance.model_tools import made_by, python_of
from tests.unit.handlers.test_model_tools import stored
from tests.unit.strategies import NOON

KEYS = {"evidently": "report", "nannyml": "rows"}


def _needs(tool: str) -> pytest.MarkDecorator:
    reason = f"TANDEM_{tool.upper()}_PYTHON names no Python with {tool}"
    return pytest.mark.skipif(not python_of(tool), reason=reason)


def _said(tool: str, written: dict[str, Any]) -> dict[str, set[tuple[str, str, str]]]:
    """Which alerts fire and which are resolved, for each of the documents."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    for name, document in written.items():
        if name == "version":
            continue
        body = json.dumps({"model": "demand-forecast", KEYS[tool]: document}).encode()
        alerts = [event for event in parse_delivery(tool, body, NOON) if isinstance(event, AlertEvent)]
        found[name] = {
            (alert.labels["alertname"], alert.labels.get("feature", ""), alert.status.value) for alert in alerts
        }
    return found


@pytest.mark.parametrize("tool", [pytest.param(tool, marks=_needs(tool)) for tool in KEYS])
def test_what_a_monitor_writes_now_is_read_as_before(tool: str) -> None:
    written = made_by(tool)
    said = _said(tool, written)
    assert said == _said(tool, stored(tool)), f"{tool} {written['version']}"
    assert all(said.values())


@_needs("mlflow")
def test_mlflow_signs_now_as_before_and_tells_the_same_changes() -> None:
    written = made_by("mlflow")
    changes = []
    for delivery in written["deliveries"]:
        assert mlflow.signed(delivery["headers"], delivery["body"].encode(), written["secret"].encode())
        changes += mlflow.parse(delivery["body"].encode(), delivery["headers"], NOON)
    before = [mlflow.parse(one["body"].encode(), one["headers"], NOON) for one in stored("mlflow")["deliveries"]]
    assert {_title(one) for one in changes} == {_title(one) for told in before for one in told} != set()


def _title(told: Any) -> str:
    """Of a change; of a budget that is exceeded, which is an alert, what it says."""
    if isinstance(told, AlertEvent):
        return told.annotations["summary"]
    assert isinstance(told, ChangeEvent)
    return told.title
