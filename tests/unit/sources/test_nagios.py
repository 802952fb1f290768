"""Nagios: the fields that its notification commands post, as a form or as JSON."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed
from handlers.webhooks import nagios

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVICE: dict[str, Any] = {
    "type": "PROBLEM",
    "host": "web-1",
    "service": "HTTP",
    "state": "CRITICAL",
    "output": r"CRITICAL - C:\temp is full & 100% + ümlaut",
    "since": "1772365863",
    "link": "https://wiki.example/http",
}
HOST: dict[str, Any] = {"type": "PROBLEM", "host": "web-1", "state": "DOWN", "output": "PING CRITICAL", "since": "0"}


def events_of(fields: dict[str, Any]) -> list[Any]:
    as_form = nagios.parse(urlencode(fields).encode(), {}, NOON)
    assert as_form == nagios.parse(msgspec.json.encode(fields), {}, NOON)
    return as_form


def event_of(**fields: Any) -> AlertEvent:
    [event] = events_of(SERVICE | fields)
    assert isinstance(event, AlertEvent)
    return event


def test_a_service_problem_is_an_alert_of_its_host() -> None:
    event = event_of()
    assert event.labels == {
        "alertname": "HTTP",
        "host": "web-1",
        "service": "web-1",
        "check": "HTTP",
        "severity": "critical",
    }
    assert (event.status, event.starts_at) == ("firing", datetime(2026, 3, 1, 11, 51, 3, tzinfo=UTC))
    assert (event.annotations["summary"], event.link) == (SERVICE["output"], "https://wiki.example/http")


def test_its_recovery_is_the_same_alert_and_says_when_it_ended() -> None:
    over = event_of(type="RECOVERY", state="OK", since="1772366000.123")
    assert (over.status, over.fingerprint) == ("resolved", event_of().fingerprint)
    assert over.ends_at == datetime(2026, 3, 1, 11, 53, 20, 123000, tzinfo=UTC)


def test_a_host_that_is_down_is_another_alert_than_its_services() -> None:
    [event] = events_of(HOST)
    assert event.labels == {"alertname": "HostDown", "host": "web-1", "service": "web-1", "severity": "critical"}
    assert (event.starts_at, event.fingerprint == event_of().fingerprint) == (NOON, False)
    [over] = events_of(HOST | {"type": "RECOVERY", "state": "UP"})
    assert (over.status, over.fingerprint) == ("resolved", event.fingerprint)


@pytest.mark.parametrize(
    ("state", "severity"),
    [("WARNING", "warning"), ("UNKNOWN", "warning"), ("Critical", "critical"), ("UNREACHABLE", "high")],
)
def test_states_are_severities(state: str, severity: str) -> None:
    assert event_of(state=state).labels["severity"] == severity


@pytest.mark.parametrize("kind", ["ACKNOWLEDGEMENT", "FLAPPINGSTART", "FLAPPINGSTOP", "FLAPPINGEND"])
def test_the_state_counts_whatever_the_notification_is_about(kind: str) -> None:
    assert event_of(type=kind).status == "firing"
    assert event_of(type=kind, state="OK").status == "resolved"


@pytest.mark.parametrize("kind", ["DOWNTIMESTART", "DOWNTIMEEND", "DOWNTIMECANCELLED", "DOWNTIMEREMOVED", "CUSTOM"])
def test_downtimes_and_what_people_write_are_no_alerts(kind: str) -> None:
    assert events_of(SERVICE | {"type": kind}) == []


def test_a_check_may_say_of_which_application_it_is() -> None:
    assert event_of(app="checkout").labels["service"] == "checkout"


def test_less_is_enough_and_more_does_not_disturb() -> None:
    [event] = events_of({"type": "PROBLEM", "host": "web-1", "state": "DOWN", "attempt": "3"})
    assert (event.annotations, event.link, event.starts_at) == ({}, "", NOON)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "type"),
        (b"type=PROBLEM&host=web-1", "state"),
        (b"type=PROBLEM&host=web-1&state=$SERVICESTATE$", "state.*none of OK, UP"),
        (b"type=PROBLEM&host=web-1&state=DOWN&since=today", "since"),
        (b"type=PROBLEM&host=web-1&state=DOWN&since=nan", "since"),
        (b"type=PROBLEM&host=web-1&state=DOWN&since=1e300", "since"),
        (b"\xff\xfe", "neither JSON nor a form"),
        (b"a=1&" * 60, "neither JSON nor a form"),
        (b'{"type": "PROBLEM", "host": {}, "state": "DOWN"}', "host"),
        (b'{"type": "PROBLEM"', "truncated"),
    ],
)
def test_what_is_malformed_is_named(body: bytes, where: str) -> None:
    with pytest.raises(Malformed, match=where):
        nagios.parse(body, {}, NOON)
