"""Every source that there is, with bodies that nobody should send: a list of events or Malformed, and nothing else.

What a source's own tests hold as examples, in capital letters, is what is broken here:
``test_grafana.py`` and ``test_changes_github.py`` are found by the names of their sources.
"""

import importlib
import json
import pkgutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.unit
from bot.inbox.intake import entries_for
from handlers.sources.registry import Malformed, Refusal, Source, all_sources
from tests.unit.payloads import mutated, values
from tests.unit.sources.test_alertmanager import assert_storable
from tests.unit.strategies import NOON

SOURCES = sorted(all_sources())
TOKEN = b"s3cret"
MODEL_TOOLS = Path(__file__).parents[1] / "model_tools"

WITHIN: dict[str, Callable[[Any], Any]] = {
    "azure": lambda part: {"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": part}},
    "cloudwatch": lambda part: {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-west-2:123456789012:MyTopic",
        "Message": json.dumps(part),
        "Timestamp": "2026-03-01T12:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.eu-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb.pem",
    },
    "googlecloud": lambda part: {"version": "1.2", "incident": part},
    "opsgenie": lambda part: {"action": "Create", "alert": part},
    "pagerduty": lambda part: {"event": {"event_type": "incident.triggered", "data": part}},
    "sentry": lambda part: {"action": "created", "data": {"issue": part, "event": part, "metric_alert": part}},
}
"""Where in a delivery an example belongs, where it is a part of one."""

HEADERS: list[dict[str, str]] = [
    {},
    {"content-type": "application/cloudevents+json", "x-tandem-model": "forecast"},
    {"content-type": "application/cloudevents-batch+json"},
    *({"content-type": "application/json", "x-github-event": kind} for kind in ("deployment_status", "release")),
    *({"sentry-hook-resource": kind} for kind in ("issue", "event_alert", "metric_alert")),
    {"ce-type": "x", "ce-id": "1", "ce-source": "s", "ce-specversion": "1.0", "ce-time": "yesterday"},
]
headers = st.sampled_from(HEADERS)


def examples_of(name: str) -> list[Any]:
    """The documents that the tests of a source have as constants, or what its tool made for them."""
    modules = [module.name for module in pkgutil.walk_packages(tests.unit.__path__, "tests.unit.")]
    own = [importlib.import_module(module) for module in modules if module.endswith(f"_{name}")]
    constants = [value for module in own for key, value in vars(module).items() if key.isupper()]
    return [value for value in (*constants, *made_by(name)) if isinstance(value, dict | list) and value]


def made_by(tool: str) -> list[Any]:
    """The documents that a model tool made, and the form of those of SageMaker, which has none to run here."""
    if tool == "sagemaker":
        return [{"violations": [{"feature_name": "price", "constraint_check_type": "baseline_drift_check"}]}]
    file = MODEL_TOOLS / f"{tool}.json"
    made = json.loads(file.read_text()) if file.exists() else {}
    return [json.loads(one["body"]) for one in made.get("deliveries", [])] or list(made.values())


EXAMPLES = {name: examples_of(name) for name in SOURCES}


def events_of(source: Source, body: bytes, given_headers: dict[str, str]) -> list[Any]:
    try:
        return list(source.parse(body, given_headers, NOON))
    except Malformed:
        return []


def parses_or_says_why(source: Source, body: bytes, given_headers: dict[str, str]) -> None:
    try:
        found = list(source.parse(body, given_headers, NOON))
    except (Malformed, UnicodeError) as error:  # the door says 400 to both
        assert str(error).strip()
        return
    events = [one for one in found if not isinstance(one, Refusal)]
    assert all(one.reason.strip() for one in found if isinstance(one, Refusal))
    assert_storable(events)
    entries_for(events, source.name, NOON, ["cluster"], 4)


@pytest.mark.parametrize("name", SOURCES)
def test_there_is_an_example_worth_breaking(name: str) -> None:
    wrapped = [WITHIN[name](example) for example in EXAMPLES[name] if name in WITHIN]
    bodies = [json.dumps(body).encode() for body in (*EXAMPLES[name], *wrapped)]
    made = [events_of(all_sources()[name], body, known) for body, known in product(bodies, HEADERS)]
    assert any(made), (
        f"tests/unit/test_{name}.py needs a constant, or WITHIN a place for it, of which {name} makes events"
    )


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=40)
@given(data=st.data())
def test_an_example_with_anything_wrong_in_it_is_malformed_or_fit_to_be_stored(name: str, data: st.DataObject) -> None:
    document = data.draw(st.sampled_from([*EXAMPLES[name], {}]).flatmap(mutated))
    wrapped = WITHIN[name](document) if name in WITHIN and data.draw(st.booleans()) else document
    parses_or_says_why(all_sources()[name], json.dumps(wrapped).encode(), data.draw(headers))


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=40)
@given(data=st.data())
def test_any_json_and_any_bytes_are_malformed_or_fit_to_be_stored(name: str, data: st.DataObject) -> None:
    anything = values.map(lambda document: json.dumps(document).encode())
    body = data.draw(anything | st.binary(max_size=200))
    parses_or_says_why(all_sources()[name], body, data.draw(headers))


@pytest.mark.parametrize("name", SOURCES)
def test_a_body_that_is_cut_off_anywhere_is_malformed(name: str) -> None:
    for example in EXAMPLES[name]:
        body = json.dumps(example).encode()
        for length in range(0, len(body), 7):
            with pytest.raises(Malformed):
                list(all_sources()[name].parse(body[:length], {"x-github-event": "release"}, NOON))


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000, b'{"result": ' + b"9" * 5000 + b"}", b'"\\ud800"']
)
def test_nesting_and_numbers_without_end_are_no_accident(name: str, body: bytes) -> None:
    parses_or_says_why(all_sources()[name], body, {})


@pytest.mark.parametrize("name", SOURCES)
def test_a_sender_that_shows_nothing_is_not_believed(name: str) -> None:
    source = all_sources()[name]
    for shown in ({}, {"authorization": ""}, {"authorization": "Bearer wrong"}, {"authorization": "Basic d3Jvbmc="}):
        assert not (source.verify and source.verify(shown, TOKEN))
        assert not (source.verify and source.verify(shown, None))
        assert not (source.signature and source.signature(shown, b"{}", TOKEN))
