"""PagerDuty's webhooks, version 3, after the example of its documentation."""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed
from handlers.webhooks.pagerduty import SIGNATURE, parse, signed

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
INCIDENT: dict[str, Any] = {
    "id": "PGR0VU2",
    "type": "incident",
    "self": "https://api.pagerduty.com/incidents/PGR0VU2",
    "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
    "number": 2,
    "status": "triggered",
    "incident_key": "d3640fbd41094207a1c11e58e46b1662",
    "created_at": "2020-04-09T15:16:27Z",
    "title": "A little bump in the road",
    "service": {"id": "PF9KMXH", "summary": "API Service", "type": "service_reference"},
    "teams": [{"id": "PFCVPS0", "summary": "Engineering", "type": "team_reference"}],
    "priority": {"id": "PSO75BM", "summary": "P1", "type": "priority_reference"},
    "urgency": "high",
    "resolve_reason": None,
}


def events_of(kind: str, data: Any, **fields: Any) -> list[Any]:
    happening = {
        "event_type": kind,
        "resource_type": "incident",
        "occurred_at": "2020-10-02T18:45:22.169Z",
        "data": data,
        **fields,
    }
    return parse(msgspec.json.encode({"event": happening}), {}, NOON)


def test_an_incident_that_is_triggered_is_an_alert_of_its_service() -> None:
    [event] = events_of("incident.triggered", INCIDENT)
    assert isinstance(event, AlertEvent)
    assert event.labels == {
        "alertname": "A little bump in the road",
        "service": "API Service",
        "severity": "P1",
        "urgency": "high",
        "priority": "P1",
        "team": "Engineering",
    }
    assert (event.fingerprint, event.status) == ("PGR0VU2", "firing")
    assert event.starts_at == datetime(2020, 4, 9, 15, 16, 27, tzinfo=UTC)
    assert event.link == "https://acme.pagerduty.com/incidents/PGR0VU2"


def test_its_resolution_says_when_it_ended() -> None:
    [event] = events_of("incident.resolved", {**INCIDENT, "status": "resolved"})
    assert (event.status, event.fingerprint) == ("resolved", "PGR0VU2")
    assert event.ends_at == datetime(2020, 10, 2, 18, 45, 22, 169000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("agent", "who"),
    [
        ({"id": "PLH1HKV", "summary": "Tenex Engineer", "type": "user_reference"}, "PagerDuty: Tenex Engineer"),
        ({"id": "P", "summary": None}, "PagerDuty: somebody"),
        (None, "PagerDuty: somebody"),
    ],
)
def test_its_acknowledgement_says_by_whom(agent: Any, who: str) -> None:
    acknowledged = {**INCIDENT, "status": "acknowledged"}
    assert [event.acknowledged_by for event in events_of("incident.acknowledged", acknowledged, agent=agent)] == [who]
    assert [event.acknowledged_by for event in events_of("incident.escalated", acknowledged, agent=agent)] == [""]


@pytest.mark.parametrize(("urgency", "severity"), [("high", "high"), ("low", "warning")])
def test_without_a_priority_the_urgency_is_the_severity(urgency: str, severity: str) -> None:
    [event] = events_of("incident.acknowledged", {**INCIDENT, "priority": None, "urgency": urgency})
    assert (event.status, event.labels["severity"]) == ("firing", severity)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("service.updated", {"id": "P", "type": "service"}),
        ("incident.annotated", {"id": "P", "type": "incident_note"}),
        ("pagey.ping", {"type": "ping"}),
        ("incident.triggered", None),
    ],
)
def test_what_is_no_incident_means_nothing(kind: str, data: Any) -> None:
    assert events_of(kind, data) == []


def test_what_is_malformed_is_named() -> None:
    with pytest.raises(Malformed, match="status"):
        events_of("incident.triggered", {"id": "P", "type": "incident"})
    with pytest.raises(Malformed, match="event"):
        parse(b"{}", {}, NOON)


@given(st.binary())
def test_one_signature_of_several_is_enough(body: bytes) -> None:
    mine = "v1=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert signed({SIGNATURE: mine}, body, b"secret")
    assert signed({SIGNATURE: f"v1={'0' * 64},{mine}"}, body, b"secret")
    assert not signed({SIGNATURE: mine.replace("v1=", "v2=")}, body, b"secret")
    assert not signed({SIGNATURE: mine}, body + b" ", b"secret")
    assert not signed({}, body, b"secret")
