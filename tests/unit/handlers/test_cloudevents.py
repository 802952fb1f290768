"""CloudEvents over HTTP: structured, binary and batched become the same events; anything else is malformed."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import AlertEvent, AlertStatus
from handlers.sources.registry import Malformed, Refusal
from handlers.webhooks.cloudevents import parse
from tests.unit.payloads import mutated, taken, values
from tests.unit.sources.test_alertmanager import assert_storable
from tests.unit.strategies import NOON

Json = dict[str, Any]

STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
ALERT: Json = {
    "labels": {"alertname": "Down", "service": "checkout"},
    "annotations": {"summary": "checkout is down"},
    "status": "resolved",
    "severity": "critical",
    "starts_at": "2026-03-01T11:00:00Z",
    "ends_at": "2026-03-01T11:30:00+00:00",
    "fingerprint": "f",
    "link": "https://h/",
}
EVENT: Json = {
    "specversion": "1.0",
    "id": "1",
    "source": "/ci",
    "type": "com.example.deploy.failed",
    "subject": "checkout",
    "time": "2026-03-01T11:00:00Z",
    "datacontenttype": "application/json",
    "data": {"summary": "it broke"},
}


def structured(event: Any) -> AlertEvent:
    [made] = parse(json.dumps(event).encode(), STRUCTURED, NOON)
    assert isinstance(made, AlertEvent)
    return made


def binary(event: Json) -> AlertEvent:
    headers = {f"ce-{name}": value for name, value in event.items() if name not in ("data", "datacontenttype")}
    body = json.dumps(event["data"]).encode()
    [made] = parse(body, headers | {"content-type": "application/json"}, NOON)
    assert isinstance(made, AlertEvent)
    return made


def test_any_event_is_an_alert_named_after_its_type_about_its_subject() -> None:
    made = structured(EVENT)
    assert made.labels == {
        "alertname": "com.example.deploy.failed",
        "service": "checkout",
        "cloudevents_source": "/ci",
    }
    assert made.annotations == {"summary": "it broke"}
    assert made.status is AlertStatus.FIRING
    assert made.starts_at == datetime(2026, 3, 1, 11, tzinfo=UTC)


def test_an_event_may_carry_an_alert_of_our_own_schema() -> None:
    assert structured(EVENT | {"data": ALERT}) == AlertEvent(
        source="cloudevents",
        fingerprint="f",
        status=AlertStatus.RESOLVED,
        labels={"alertname": "Down", "service": "checkout", "severity": "critical"},
        starts_at=datetime(2026, 3, 1, 11, tzinfo=UTC),
        annotations={"summary": "checkout is down"},
        ends_at=datetime(2026, 3, 1, 11, 30, tzinfo=UTC),
        link="https://h/",
    )


@pytest.mark.parametrize("data", [EVENT["data"], ALERT, {}, {"severity": "page", "service": "cart", "message": "x"}])
def test_structured_binary_and_batched_say_the_same(data: Json) -> None:
    event = EVENT | {"data": data}
    made = structured(event)
    assert binary(event) == made
    assert taken(parse(json.dumps([event, event]).encode(), BATCH, NOON)) == [made, made]


def test_the_same_type_ending_in_resolved_resolves_the_alert() -> None:
    fires = structured(EVENT)
    ends = structured(EVENT | {"type": EVENT["type"] + ".resolved", "id": "2"})
    says = structured(EVENT | {"data": {"status": "resolved"}})
    assert ends.status is says.status is AlertStatus.RESOLVED
    assert ends.fingerprint == says.fingerprint == fires.fingerprint
    assert ends.ends_at == datetime(2026, 3, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize("changed", [{"type": "other"}, {"source": "/cd"}, {"subject": "cart"}])
def test_another_type_source_or_subject_is_another_alert(changed: Json) -> None:
    assert structured(EVENT | changed).fingerprint != structured(EVENT).fingerprint


def test_a_resolution_of_our_own_schema_need_not_repeat_the_severity() -> None:
    data = {"labels": ALERT["labels"], "severity": "critical"}
    fires = structured(EVENT | {"data": data})
    worse = structured(EVENT | {"data": data | {"severity": "warning"}})
    ends = structured(EVENT | {"data": {"labels": ALERT["labels"], "status": "resolved"}})
    assert fires.fingerprint == worse.fingerprint == ends.fingerprint


def test_an_event_without_a_time_happens_when_it_is_received() -> None:
    without = {name: value for name, value in EVENT.items() if name != "time"}
    assert structured(without).starts_at == NOON
    assert structured(without | {"data": {"labels": {}}}).starts_at == NOON


@pytest.mark.parametrize("data", ["", "words", "\ud800", "{", None, 5, ["labels"], True])
def test_data_that_is_no_mapping_says_nothing(data: object) -> None:
    assert structured(EVENT | {"data": data}).annotations == {"summary": "checkout"}


def test_data_that_is_no_json_is_carried_and_nothing_is_read_from_it() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/ci", "ce-type": "t", "content-type": "image/png"}
    [made] = parse(b"\x89PNG\xff", headers, NOON)
    assert isinstance(made, AlertEvent)
    assert made.labels == {"alertname": "t", "cloudevents_source": "/ci"}


events = st.fixed_dictionaries(
    {name: st.just(EVENT[name]) for name in ("specversion", "id", "type")}
    | {"source": st.sampled_from(["/ci", "x:y"])},
    optional={
        "subject": st.sampled_from(["checkout", "\x00", "a b"]),
        "time": st.just(EVENT["time"]),
        "data": st.just(ALERT) | st.just(EVENT["data"]) | values,
        "data_base64": st.sampled_from(["eyJhIjoxfQ==", "/w==", "x"]),
        "datacontenttype": st.sampled_from(["application/json", "text/plain", "application/xml"]),
        "traceparent": st.just("00-1"),
    },
)


@given(mutated(events))
def test_an_event_with_anything_wrong_in_it_is_malformed_or_fit_to_be_stored(event: Any) -> None:
    body = json.dumps(event).encode()
    for headers, sent in ((STRUCTURED, body), (BATCH, b"[" + body + b"]"), ({}, body)):
        try:
            made = taken(parse(sent, headers, NOON))
        except Malformed as error:
            assert str(error).strip()
        else:
            assert_storable(made)


header_values = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=8)


@given(
    st.dictionaries(
        st.sampled_from(["ce-id", "ce-source", "ce-type", "ce-time", "ce-subject", "ce-x", "ce-"]), header_values
    ),
    st.sampled_from(["1.0", "0.3", "2.0", ""]),
    st.sampled_from(["application/json", "text/plain", "application/cloudevents+json", "", "text/json;x"]),
    mutated(ALERT).map(lambda data: json.dumps(data).encode()) | st.binary(max_size=10),
)
def test_a_binary_event_with_anything_wrong_in_it_is_malformed_or_fit_to_be_stored(
    headers: dict[str, str], version: str, content_type: str, body: bytes
) -> None:
    complete = {"ce-id": "1", "ce-source": "/ci", "ce-type": "t", "ce-specversion": version} | headers
    try:
        made = taken(parse(body, complete | {"content-type": content_type}, NOON))
    except Malformed as error:
        assert str(error).strip()
    else:
        assert_storable(made)


@given(st.binary(), st.sampled_from([STRUCTURED, BATCH, {}]))
def test_any_bytes_are_events_or_malformed(body: bytes, headers: dict[str, str]) -> None:
    try:
        made = taken(parse(body, headers, NOON))
    except Malformed as error:
        assert str(error).strip()
    else:
        assert made == []  # an empty batch


@pytest.mark.parametrize(
    "changed, field",
    [
        ({"specversion": "9"}, "specversion"),
        ({"id": ""}, "id"),
        ({"id": 5}, "id"),
        ({"source": None}, "source"),
        ({"type": []}, "type"),
        ({"time": "yesterday"}, "time"),
        ({"time": 5}, "time"),
        ({"subject": ""}, "subject"),
        ({"subject": 5}, "subject"),
        ({"data": {"labels": 5}}, "data"),
        ({"data": {"labels": {"a": {}}}}, "data"),
        ({"data": ALERT | {"status": "pending"}}, "data"),
        ({"data": ALERT | {"starts_at": "yesterday"}}, "starts_at"),
        ({"data": ALERT | {"starts_at": "9999-12-31T23:59:59-14:00"}}, "starts_at"),
        ({"data": ALERT | {"severity": {}}}, "severity"),
    ],
)
def test_what_is_malformed_is_named_also_in_a_batch(changed: Json, field: str) -> None:
    with pytest.raises(Malformed) as refused:
        structured(EVENT | changed)
    assert field in str(refused.value)
    good, other = parse(json.dumps([EVENT, EVENT | changed]).encode(), BATCH, NOON)
    assert not isinstance(good, Refusal)
    assert isinstance(other, Refusal)
    assert other.index == 1
    assert field in other.reason
    assert "$[1]" in other.reason


@pytest.mark.parametrize("field", ["status", "starts_at", "ends_at"])
def test_half_a_character_in_a_field_is_malformed(field: str) -> None:
    with pytest.raises(Malformed, match="data"):
        structured(EVENT | {"data": ALERT | {field: "\ud800"}})


@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type"])
def test_a_missing_attribute_is_named(missing: str) -> None:
    with pytest.raises(Malformed, match=missing):
        structured({name: value for name, value in EVENT.items() if name != missing})


@pytest.mark.parametrize("bad", ["\x00", "\x07", "\x7f", "\ud800"])
def test_what_no_database_can_hold_is_replaced_wherever_it_stands(bad: str) -> None:
    generic = EVENT | {"subject": f"s{bad}", "data": {"severity": bad, "message": bad}}
    own = EVENT | {"data": ALERT | {"labels": {f"a{bad}": bad}, "severity": bad, "link": f"https://h/{bad}"}}
    for event in (generic, own):
        assert_storable([structured(event)])
