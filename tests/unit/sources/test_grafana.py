"""Grafana's contact point of type webhook."""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import AlertEvent, GroupResolved
from handlers.sources.registry import Malformed
from handlers.webhooks.grafana import SIGNATURE, TIMESTAMP, parse, signed
from tests.unit.payloads import taken

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALERT: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "High memory usage", "grafana_folder": "Shop", "team": "blue", "service": "cart"},
    "annotations": {"summary": "The system has high memory usage"},
    "startsAt": "2026-03-01T11:51:03.157076+01:00",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "https://grafana.example/alerting/1afz29v7z/edit",
    "fingerprint": "c6eadffa33fcdf37",
    "silenceURL": "https://grafana.example/alerting/silence/new",
    "dashboardURL": "https://grafana.example/d/1",
    "panelURL": "https://grafana.example/d/1?viewPanel=2",
    "values": {"B": 44.23943737541908, "C": 1},
    "valueString": "[ var='B' labels={} value=44.23943737541908 ]",
}
DELIVERY: dict[str, Any] = {
    "receiver": "My Super Webhook",
    "status": "firing",
    "orgId": 1,
    "alerts": [ALERT],
    "groupLabels": {},
    "commonLabels": {"team": "blue"},
    "commonAnnotations": {},
    "externalURL": "https://grafana.example/",
    "version": "1",
    "groupKey": "{}:{}",
    "truncatedAlerts": 0,
    "title": "[FIRING:1] High memory usage",
    "state": "alerting",
    "message": "**Firing**",
}


def events_of(**fields: Any) -> list[Any]:
    return taken(parse(msgspec.json.encode({**DELIVERY, **fields}), {}, NOON))


def test_a_firing_alert_keeps_its_labels_its_values_and_the_way_to_its_panel() -> None:
    [event] = events_of()
    assert isinstance(event, AlertEvent)
    assert (event.status, event.fingerprint, event.labels) == ("firing", "c6eadffa33fcdf37", ALERT["labels"])
    assert event.starts_at == datetime(2026, 3, 1, 10, 51, 3, 157076, tzinfo=UTC)
    assert event.annotations["values"] == ALERT["valueString"]
    assert (event.link, event.ends_at) == ("https://grafana.example/d/1?viewPanel=2", None)


def test_a_resolved_alert_says_when_it_ended() -> None:
    [event] = events_of(status="resolved", alerts=[{**ALERT, "status": "resolved", "endsAt": "2026-03-01T12:00:00Z"}])
    assert (event.status, event.ends_at) == ("resolved", NOON)


def test_a_resolved_group_that_lists_not_all_resolves_the_others_too() -> None:
    *_, last = events_of(status="resolved", truncatedAlerts=3, alerts=[{**ALERT, "status": "resolved"}])
    assert last == GroupResolved("grafana", "{}:{}", {"team": "blue"}, NOON)


def test_what_the_alert_does_not_say_is_left_out() -> None:
    bare = {key: ALERT[key] for key in ("status", "labels", "startsAt")}
    [event] = parse(msgspec.json.encode({"alerts": [bare]}), {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.link, event.annotations, bool(event.fingerprint)) == ("", {}, True)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"alerts": [{**ALERT, "startsAt": "today"}]}, r"alerts\[0\].startsAt"),
        ({"alerts": [{**ALERT, "status": "pending"}]}, r"alerts\[0\].status"),
        ({"alerts": {}}, r"\$.alerts"),
    ],
)
def test_what_is_malformed_is_named(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        events_of(**fields)


@given(body=st.binary(), timestamp=st.sampled_from(["", "1772362800"]))
def test_the_signature_covers_the_body_and_the_timestamp_where_there_is_one(body: bytes, timestamp: str) -> None:
    what = timestamp.encode() + b":" + body if timestamp else body
    digest = hmac.new(b"secret", what, hashlib.sha256).hexdigest()
    headers = {SIGNATURE: digest} | ({TIMESTAMP: timestamp} if timestamp else {})
    assert signed(headers, body, b"secret")
    assert not signed(headers, body + b" ", b"secret")
    assert not signed(headers, body, b"other")
    assert not signed({**headers, TIMESTAMP: "1772362801"}, body, b"secret")
    assert not signed({}, body, b"secret")
