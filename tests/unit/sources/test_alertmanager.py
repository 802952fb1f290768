"""Alertmanager's webhook: what it sends becomes events; anything else is malformed, and the field is named."""

import json
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import AlertEvent, AlertStatus, GroupResolved, decode_events, encode_events, fingerprint_of
from handlers.sources.registry import Malformed
from handlers.webhooks.alertmanager import parse
from tests.unit.payloads import mutated, taken
from tests.unit.strategies import NOON

Json = dict[str, Any]

texts = st.text(max_size=8)
maps = st.dictionaries(texts, texts, max_size=3)
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
written = times.map(lambda at: at.isoformat().replace("+00:00", "Z"))
alerts = st.fixed_dictionaries(
    {"status": st.sampled_from(["firing", "resolved"]), "labels": maps, "startsAt": written},
    optional={
        "annotations": maps,
        "endsAt": written | st.sampled_from(["0001-01-01T00:00:00Z", None]),
        "generatorURL": st.sampled_from(["", "http://prometheus:9090/graph?g0.expr=up&g0.tab=1", "javascript:x"]),
        "fingerprint": st.sampled_from(["", "129c35c3700bea39"]),
        "somethingNew": st.none() | st.integers() | maps,
    },
)
deliveries = st.fixed_dictionaries(
    {
        "version": st.just("4"),
        "status": st.sampled_from(["firing", "resolved"]),
        "alerts": st.lists(alerts, max_size=4),
        "groupKey": texts,
    },
    optional={"truncatedAlerts": st.integers(0, 5), "groupLabels": maps, "commonLabels": maps, "receiver": texts},
)

ALERT: Json = {
    "status": "firing",
    "labels": {"alertname": "Down", "service": "checkout"},
    "annotations": {"summary": "checkout is down"},
    "startsAt": "2026-03-01T12:00:00.5Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus:9090/graph",
    "fingerprint": "129c35c3700bea39",
}
DELIVERY: Json = {"version": "4", "status": "firing", "groupKey": "{}:{}", "truncatedAlerts": 0, "alerts": [ALERT]}


def parsed(delivery: Any) -> list[Any]:
    return taken(parse(json.dumps(delivery).encode(), {}, NOON))


def delivery(alert: Json | None = None, **changed: Any) -> Json:
    return DELIVERY | {"alerts": [ALERT | (alert or {})]} | changed


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from texts_of(item)


def assert_storable(events: list[Any]) -> None:
    """The inbox gives them back, no text holds what a database refuses, and every moment is in UTC."""
    assert decode_events(encode_events(events)) == events
    for event in events:
        fields = msgspec.structs.asdict(event)
        for text in (text for value in fields.values() for text in texts_of(value)):
            assert not [c for c in text if c not in "\t\n\r" and unicodedata.category(c) in ("Cc", "Cs") and c < "\x80"]
        assert all(at.tzinfo is UTC for at in fields.values() if isinstance(at, datetime))


@given(deliveries)
def test_every_alert_of_a_delivery_becomes_an_event(delivery: Json) -> None:
    events = [event for event in parsed(delivery) if isinstance(event, AlertEvent)]
    assert_storable(events)
    assert len(events) == len(delivery["alerts"])
    for event, alert in zip(events, delivery["alerts"], strict=True):
        assert event.status == alert["status"]
        assert len(event.labels) <= len(alert["labels"])
        assert event.starts_at == datetime.fromisoformat(alert["startsAt"])
        assert (event.ends_at is not None) == (
            event.status is AlertStatus.RESOLVED and (alert.get("endsAt") or "0001").startswith("2")
        )
        assert event.fingerprint == (alert.get("fingerprint") or fingerprint_of(event.labels))


@given(mutated(delivery()))
def test_a_delivery_with_anything_wrong_in_it_is_malformed_or_fit_to_be_stored(document: Any) -> None:
    try:
        events = parsed(document)
    except Malformed as error:
        assert str(error).strip()
    else:
        assert_storable(events)


@given(st.binary() | st.text().map(lambda text: json.dumps(delivery()).replace("checkout", text).encode()))
def test_any_bytes_are_events_or_malformed(body: bytes) -> None:
    try:
        events = taken(parse(body, {}, NOON))
    except Malformed:
        return
    assert_storable(events)


def test_an_alert_keeps_what_its_sender_said() -> None:
    assert parsed(delivery()) == [
        AlertEvent(
            source="alertmanager",
            fingerprint="129c35c3700bea39",
            status=AlertStatus.FIRING,
            labels={"alertname": "Down", "service": "checkout"},
            starts_at=datetime(2026, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC),
            annotations={"summary": "checkout is down"},
            group="{}:{}",
            link="http://prometheus:9090/graph",
        )
    ]


def test_moments_of_other_time_zones_are_understood() -> None:
    [event] = parsed(delivery({"startsAt": "2026-03-01T17:30:00+05:30"}))
    assert event.starts_at == NOON


def test_an_alert_that_began_in_the_year_1_begins_now() -> None:
    [event] = parsed(delivery({"startsAt": "0001-01-01T00:00:00Z"}))
    assert event.starts_at == NOON


def test_a_firing_alert_has_no_end_though_the_sender_expects_one() -> None:
    [event] = parsed(delivery({"endsAt": "2026-03-01T13:00:00Z"}))
    assert event.ends_at is None


def test_a_resolved_group_of_which_alerts_were_left_out_is_resolved_as_a_whole() -> None:
    resolved = {"status": "resolved", "endsAt": "2026-03-01T12:10:00Z"}
    events = parsed(delivery(resolved, status="resolved", truncatedAlerts=7, commonLabels={"cluster": "eu"}))
    assert events[-1] == GroupResolved("alertmanager", "{}:{}", {"cluster": "eu"}, NOON)
    assert not [e for e in parsed(delivery(resolved, status="resolved")) if isinstance(e, GroupResolved)]
    assert not [e for e in parsed(delivery(truncatedAlerts=7)) if isinstance(e, GroupResolved)]


@pytest.mark.parametrize(
    "changed, field",
    [
        ({"version": "3"}, "$.version"),
        ({"version": None}, "$.version"),
        ({"status": "pending"}, "$.status"),
        ({"alerts": {}}, "$.alerts"),
        ({"groupKey": {}}, "$.groupKey"),
        ({"truncatedAlerts": -1}, "$.truncatedAlerts"),
        ({"truncatedAlerts": 2**40}, "$.truncatedAlerts"),
        ({"commonLabels": {"a": {}}}, "$.commonLabels[...]"),
        ({"alerts": [ALERT | {"status": "pending"}]}, "$.alerts[0].status"),
        ({"alerts": [ALERT | {"labels": None}]}, "$.alerts[0].labels"),
        ({"alerts": [ALERT | {"labels": {"a": [5]}}]}, "$.alerts[0].labels[...]"),
        ({"alerts": [ALERT | {"annotations": "none"}]}, "$.alerts[0].annotations"),
        ({"alerts": [5]}, "$.alerts[0]"),
        ({"alerts": [ALERT | {"startsAt": "yesterday"}]}, "$.alerts[0].startsAt"),
        ({"alerts": [ALERT | {"startsAt": "2026-03-01T12:00:00"}]}, "$.alerts[0].startsAt"),
        ({"alerts": [ALERT | {"startsAt": "9999-12-31T23:59:59-14:00"}]}, "$.alerts[0].startsAt"),
        ({"alerts": [ALERT | {"status": "resolved", "endsAt": "9999-12-31T23:59:59-14:00"}]}, "$.alerts[0].endsAt"),
        ({"alerts": [ALERT | {"fingerprint": []}]}, "$.alerts[0].fingerprint"),
    ],
)
def test_what_is_malformed_is_named(changed: Json, field: str) -> None:
    with pytest.raises(Malformed) as refused:
        parsed(DELIVERY | changed)
    assert field in str(refused.value)


@pytest.mark.parametrize("missing", ["version", "alerts"])
def test_a_missing_field_is_named(missing: str) -> None:
    with pytest.raises(Malformed, match=f"missing required field `{missing}`"):
        parsed({name: value for name, value in DELIVERY.items() if name != missing})


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000, b'{"version":"4"}x', b'{"a":"\xed\xa0\x80"}'],
)
def test_what_is_no_delivery_at_all_is_malformed_and_says_why(body: bytes) -> None:
    with pytest.raises(Malformed, match=r"\w"):
        taken(parse(body, {}, NOON))


@pytest.mark.parametrize("bad", ["\x00", "\x07", "\x1b", "\x7f", "\x08", "\x0c"])
def test_what_no_database_can_hold_is_replaced_wherever_it_stands(bad: str) -> None:
    alert = {
        "labels": {f"a{bad}": f"b{bad}"},
        "annotations": {f"c{bad}": bad},
        "fingerprint": f"f{bad}",
        "generatorURL": f"http://h/{bad}",
    }
    [event] = parsed(delivery(alert, groupKey=f"g{bad}"))
    assert_storable([event])
    assert event.labels == {"a\ufffd": "b\ufffd"}
    assert (event.fingerprint, event.group) == ("f\ufffd", "g\ufffd")
    raw = json.dumps(delivery(alert), ensure_ascii=False).encode()
    assert taken(parse(raw, {}, NOON))[0] == parsed(delivery(alert))[0]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://h/", "/graph", "HTTP", ""])
def test_only_addresses_of_the_web_are_links(url: str) -> None:
    [event] = parsed(delivery({"generatorURL": url}))
    assert event.link == ""
