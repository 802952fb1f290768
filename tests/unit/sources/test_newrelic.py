"""New Relic's workflows, with the default template of a webhook destination."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed, all_sources
from handlers.webhooks.newrelic import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ISSUE: dict[str, Any] = {
    "id": "3d4d8f2b-3c5c-4f6e-9d7a-fa1cf2e0a7b1",
    "issueUrl": "https://radar-api.service.newrelic.com/accounts/1/issues/3d4d8f2b",
    "title": "cart query result is > 5.0 on 'High response time'",
    "priority": "CRITICAL",
    "impactedEntities": ["cart", "shop"],
    "totalIncidents": 2,
    "state": "ACTIVATED",
    "trigger": "STATE_CHANGE",
    "isCorrelated": True,
    "createdAt": 1617881246260,
    "updatedAt": 1617881286260,
    "sources": ["newrelic"],
    "alertPolicyNames": ["Golden signals"],
    "alertConditionNames": ["High response time", "Errors"],
    "workflowName": "To Tandem",
}


def event_of(**fields: Any) -> AlertEvent:
    [event] = parse(msgspec.json.encode({**ISSUE, **fields}), {}, NOON)
    assert isinstance(event, AlertEvent)
    return event


def test_an_issue_of_several_incidents_is_one_alert_of_its_first_entity() -> None:
    event = event_of()
    assert event.labels == {
        "alertname": "High response time",
        "service": "cart",
        "severity": "CRITICAL",
        "policy": "Golden signals",
        "workflow": "To Tandem",
    }
    assert event.annotations == {"summary": ISSUE["title"], "entities": "cart, shop"}
    assert (event.fingerprint, event.status, event.link) == (ISSUE["id"], "firing", ISSUE["issueUrl"])
    assert event.starts_at == datetime(2021, 4, 8, 11, 27, 26, 260000, tzinfo=UTC)


@pytest.mark.parametrize("state", ["CREATED", "ACKNOWLEDGED"])
def test_told_again_it_is_the_same_alert(state: str) -> None:
    event = event_of(state=state)
    assert (event.status, event.fingerprint, event.ends_at) == ("firing", ISSUE["id"], None)


def test_a_closed_issue_is_resolved_and_says_when() -> None:
    event = event_of(state="CLOSED")
    assert (event.status, event.fingerprint) == ("resolved", ISSUE["id"])
    assert event.ends_at == datetime(2021, 4, 8, 11, 28, 6, 260000, tzinfo=UTC)


@pytest.mark.parametrize(("said", "service"), [("cart", "cart"), ([None, "shop"], "shop"), ([], ""), (None, "")])
def test_entities_may_be_one_several_or_none(said: Any, service: str) -> None:
    assert event_of(impactedEntities=said).labels.get("service", "") == service


def test_what_the_template_leaves_out_and_adds_does_not_disturb() -> None:
    [event] = parse(b'{"id":"i","state":"ACTIVATED","tags":{"a":[1]}}', {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.labels, event.starts_at) == ({"alertname": "New Relic issue i"}, NOON)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"id":"i","state":"ACT', "truncated"),
        (b'{"id":"i"}', "state"),
        (b'{"id":"","state":"CLOSED"}', r"\$\.id"),
        (b'{"id":"i","state":"CLOSED","priority":{}}', r"\$\.priority"),
        (b'{"id":"i","state":"CLOSED","updatedAt":"x"}', r"\$\.updatedAt"),
    ],
)
def test_what_is_malformed_is_named(body: bytes, where: str) -> None:
    with pytest.raises(Malformed, match=where):
        parse(body, {}, NOON)


def test_its_sender_shows_the_token() -> None:
    source = all_sources()["newrelic"]
    assert source.verify is not None
    assert source.verify({"authorization": "Bearer s3cret"}, b"s3cret")
    assert not source.verify({"authorization": "Bearer other"}, b"s3cret")
