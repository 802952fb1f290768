"""Sentry's integration platform, after the examples of its documentation."""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed, all_sources
from handlers.webhooks.sentry import RESOURCE, SIGNATURE, parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT: dict[str, Any] = {
    "culprit": "?(<anonymous>)",
    "datetime": "2019-08-19T21:06:17.403000Z",
    "environment": None,
    "event_id": "e4874d664c3540c1a32eab185f12c5ab",
    "issue_id": "1170820242",
    "issue_url": "https://sentry.io/api/0/organizations/test-org/issues/1170820242/",
    "level": "error",
    "message": "",
    "project": 1,
    "tags": [["browser", "Chrome 75.0.3770"], ["environment", "production"], ["level", "error"], ["mechanism", None]],
    "title": "ReferenceError: heck is not defined",
    "url": "https://sentry.io/api/0/projects/test-org/front-end/events/e4874d664c3540c1a32eab185f12c5ab/",
    "web_url": "https://sentry.io/organizations/test-org/issues/1170820242/events/e4874d664c3540c1a32eab185f12c5ab/",
}
ISSUE: dict[str, Any] = {
    "id": "1170820242",
    "shortId": "IPE-1",
    "title": "ReferenceError: heck is not defined",
    "culprit": "?(<anonymous>)",
    "level": "error",
    "status": "resolved",
    "project": {"id": "1", "name": "front-end", "slug": "front-end", "platform": "javascript"},
    "firstSeen": "2019-08-19T21:06:17.403000Z",
    "web_url": "https://sentry.io/organizations/test-org/issues/1170820242/",
}
METRIC: dict[str, Any] = {
    "alert_rule": {"id": "7", "name": "Too many errors", "environment": "production", "triggers": []},
    "date_closed": None,
    "date_started": "2020-09-13T12:26:40.000000Z",
    "id": "4",
    "identifier": "1",
    "projects": ["bar"],
}


def events_of(resource: str, action: str, data: Any) -> list[Any]:
    actor = {"id": "sentry", "name": "Sentry", "type": "application"}
    told = {"action": action, "actor": actor, "data": data, "installation": {"uuid": "a8e5d37a"}}
    return parse(msgspec.json.encode(told), {RESOURCE: resource}, NOON)


def metric(action: str, **fields: Any) -> list[Any]:
    said = {"description_title": "Critical: Too many errors", "description_text": "1000 events in the last 10 minutes"}
    web_url = "https://sentry.io/organizations/test-org/alerts/4/"
    return events_of("metric_alert", action, {**said, "web_url": web_url, "metric_alert": {**METRIC, **fields}})


def test_an_alert_rule_that_acts_on_an_event_is_an_alert_of_the_project() -> None:
    [event] = events_of("event_alert", "triggered", {"event": EVENT, "triggered_rule": "Very Important Alert Rule!"})
    assert isinstance(event, AlertEvent)
    assert event.labels == {
        "alertname": "ReferenceError: heck is not defined",
        "service": "front-end",
        "project": "front-end",
        "severity": "error",
        "environment": "production",
        "browser": "Chrome 75.0.3770",
        "rule": "Very Important Alert Rule!",
    }
    assert (event.fingerprint, event.status, event.link) == ("issue/1170820242", "firing", EVENT["web_url"])
    assert event.starts_at == datetime(2019, 8, 19, 21, 6, 17, 403000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("action", "status"),
    [("created", "firing"), ("unresolved", "firing"), ("resolved", "resolved"), ("archived", "resolved")],
)
def test_what_becomes_of_an_issue_is_told_of_the_alert_of_its_rule(action: str, status: str) -> None:
    [event] = events_of("issue", action, {"issue": ISSUE})
    assert (event.status, event.fingerprint) == (status, "issue/1170820242")
    assert (event.labels["service"], event.link) == ("front-end", ISSUE["web_url"])
    assert event.ends_at == (NOON if status == "resolved" else None)


def test_an_issue_that_comes_back_begins_anew() -> None:
    [created], [back] = (events_of("issue", action, {"issue": ISSUE}) for action in ("created", "unresolved"))
    assert (created.starts_at, back.starts_at) == (datetime(2019, 8, 19, 21, 6, 17, 403000, tzinfo=UTC), NOON)


@pytest.mark.parametrize("action", ["critical", "warning"])
def test_a_metric_alert_has_the_severity_that_it_is_called_by(action: str) -> None:
    [event] = metric(action)
    assert (event.status, event.fingerprint, event.labels["severity"]) == ("firing", "metric/4", action)
    assert (event.labels["alertname"], event.labels["service"]) == ("Too many errors", "bar")
    assert event.starts_at == datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)


def test_a_metric_alert_that_is_resolved_says_when() -> None:
    [event] = metric("resolved", date_closed="2020-09-13T12:36:40.000000Z")
    assert (event.status, event.fingerprint) == ("resolved", "metric/4")
    assert event.ends_at == datetime(2020, 9, 13, 12, 36, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("resource", "action"),
    [("issue", "assigned"), ("metric_alert", "open"), ("installation", "created"), ("comment", "created"), ("", "x")],
)
def test_all_else_means_nothing(resource: str, action: str) -> None:
    assert events_of(resource, action, {"issue": ISSUE, "metric_alert": METRIC}) == []


def test_what_the_event_does_not_say_is_left_out() -> None:
    [event] = events_of("event_alert", "triggered", {"event": {"issue_id": 5, "tags": None}, "new": [1]})
    assert (event.labels, event.starts_at) == ({"alertname": "Sentry issue/5"}, NOON)


@pytest.mark.parametrize(
    ("resource", "data", "where"),
    [
        ("event_alert", {"event": {}}, "issue_id"),
        ("event_alert", {"event": {"issue_id": 5, "tags": [["one"]]}}, "tags"),
        ("issue", {}, "issue"),
        ("issue", {"issue": {"id": "5", "firstSeen": "now"}}, "firstSeen"),
    ],
)
def test_what_is_malformed_is_named(resource: str, data: Any, where: str) -> None:
    with pytest.raises(Malformed, match=where):
        events_of(resource, "created", data)


def test_a_truncated_body_is_malformed() -> None:
    with pytest.raises(Malformed):
        parse(b'{"action":"created","data":{"issue":{"id"', {RESOURCE: "issue"}, NOON)


@given(st.binary())
def test_the_signature_is_of_the_body_by_the_clients_secret(body: bytes) -> None:
    signature = all_sources()["sentry"].signature
    assert signature is not None
    mine = {SIGNATURE: hmac.new(b"secret", body, hashlib.sha256).hexdigest()}
    assert signature(mine, body, b"secret")
    assert not signature(mine, body + b" ", b"secret")
    assert not signature(mine, body, b"other")
    assert not signature({}, body, b"secret")
