"""Whatever comes to a source's parser, it makes events that can be kept, or says what is wrong, and nothing else."""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.event import AlertEvent, decode_events, encode_events
from handlers.webhooks.clean import clean
from handlers.webhooks.registry import Malformed, all_sources
from tests.unit import test_azure as azure
from tests.unit import test_cloudwatch as cloudwatch
from tests.unit import test_datadog as datadog
from tests.unit import test_googlecloud as googlecloud
from tests.unit import test_newrelic as newrelic
from tests.unit import test_opsgenie as opsgenie
from tests.unit import test_sentry as sentry
from tests.unit.strategies import NOON
from tests.unit.test_alertmanager import assert_storable

Sound = tuple[str, dict[str, str], Any]
SOUND: dict[str, Sound] = {
    "azure": (
        "azure",
        {},
        {"schemaId": "azureMonitorCommonAlertSchema", "data": {"essentials": azure.ESSENTIALS, "customProperties": {}}},
    ),
    "cloudwatch": ("cloudwatch", {}, cloudwatch.ALARM),
    "datadog": ("datadog", {}, datadog.ALERT),
    "googlecloud": ("googlecloud", {}, {"version": "1.2", "incident": googlecloud.INCIDENT}),
    "newrelic": ("newrelic", {}, newrelic.ISSUE),
    "opsgenie": ("opsgenie", {}, {"action": "Close", "alert": opsgenie.ALERT}),
    "sentry's rule": (
        "sentry",
        {sentry.RESOURCE: "event_alert"},
        {"action": "triggered", "data": {"event": sentry.EVENT, "triggered_rule": "r"}},
    ),
    "sentry's issue": (
        "sentry",
        {sentry.RESOURCE: "issue"},
        {"action": "resolved", "data": {"issue": sentry.ISSUE}},
    ),
    "sentry's metric": (
        "sentry",
        {sentry.RESOURCE: "metric_alert"},
        {"action": "critical", "data": {"metric_alert": sentry.METRIC}},
    ),
}

_texts = st.text(max_size=20) | st.sampled_from(
    ["", "\0", "null", "1e400", "nan", "9" * 400, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-01-01"]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=5,
)


def _places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*here, key)
        yield from _places(below, (*here, key))


def _spoilt(data: st.DataObject, sound: Any) -> Any:
    """A sound value in which a few things are replaced or missing."""
    value = copy.deepcopy(sound)
    for _ in range(data.draw(st.integers(0, 3))):
        *way, last = data.draw(st.sampled_from(list(_places(value)) or [(0,)]))
        parent = value
        for key in way:
            parent = parent[key]
        if isinstance(parent, dict) and last in parent and data.draw(st.booleans()):
            del parent[last]
        elif isinstance(parent, dict | list):
            parent[last] = data.draw(_values)
    return value


@pytest.mark.parametrize("case", sorted(SOUND))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_spoilt_delivery_makes_events_or_is_malformed(case: str, data: st.DataObject) -> None:
    source, headers, sound = SOUND[case]
    said = _spoilt(data, sound)
    if source == "cloudwatch":
        said = _spoilt(data, {**cloudwatch.ENVELOPE, "Message": msgspec.json.encode(said).decode()})
    try:
        events = all_sources()[source].parse(msgspec.json.encode(said), headers, NOON)
    except Malformed:
        return
    assert_storable(events)
    for event in events:
        assert isinstance(event, AlertEvent)
        assert event.fingerprint
        assert event.starts_at.utcoffset() is not None
        kept = [*event.labels.items(), *event.annotations.items(), (event.fingerprint, event.group)]
        assert all(clean(text) == text for pair in kept for text in pair)
