"""Opsgenie's outgoing webhook, after the examples of its documentation."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed, all_sources
from handlers.webhooks.opsgenie import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALERT: dict[str, Any] = {
    "alertId": "052652ac-5d1c-464a-812a-7dd18bbfba8c",
    "message": "Memory is running out",
    "tags": ["service:cart", "urgent", "OverwriteQuietHours"],
    "tinyId": "23",
    "entity": "gateway-db",
    "alias": "aliastest",
    "createdAt": 1625239292510,
    "updatedAt": 1625239293064000000,
    "username": "System",
    "description": "Gateway DB is running out of memory.",
    "team": "xpto",
    "details": {"cluster": "eu-1"},
    "priority": "P1",
    "source": "",
}


def events_of(action: str, **fields: Any) -> list[Any]:
    delivery = {
        "action": action,
        "alert": {**ALERT, **fields},
        "source": {"name": "", "type": "incident"},
        "integrationName": "Webhook",
        "integrationId": "4c4e-9ccc-f85e705ef323",
        "integrationType": "Webhook",
    }
    return parse(msgspec.json.encode(delivery), {}, NOON)


def test_a_created_alert_fires_with_its_priority_its_tags_and_its_details() -> None:
    [event] = events_of("Create")
    assert isinstance(event, AlertEvent)
    assert event.labels == {
        "alertname": "Memory is running out",
        "service": "cart",
        "severity": "P1",
        "priority": "P1",
        "entity": "gateway-db",
        "cluster": "eu-1",
        "team": "xpto",
        "tags": "urgent, OverwriteQuietHours",
    }
    assert (event.fingerprint, event.group, event.status) == (ALERT["alertId"], "aliastest", "firing")
    assert event.starts_at == datetime(2021, 7, 2, 15, 21, 32, 510000, tzinfo=UTC)
    assert event.link == f"https://app.opsgenie.com/alert/detail/{ALERT['alertId']}/details"


@pytest.mark.parametrize("action", ["Acknowledge", "UnAcknowledge", "UpdatePriority", "UpdateMessage"])
def test_what_happens_to_an_open_alert_leaves_it_firing(action: str) -> None:
    [event] = events_of(action, updatedAt=1625239293064)
    assert (event.status, event.fingerprint, event.ends_at) == ("firing", ALERT["alertId"], None)


@pytest.mark.parametrize(
    ("action", "who"), [("Acknowledge", "Opsgenie: ada@acme.example"), ("UnAcknowledge", ""), ("Create", "")]
)
def test_an_acknowledgement_says_by_whom(action: str, who: str) -> None:
    assert [event.acknowledged_by for event in events_of(action, username="ada@acme.example")] == [who]


@pytest.mark.parametrize("action", ["Close", "Delete"])
@pytest.mark.parametrize("updated", [1625239293064, 1625239293064000000])
def test_a_closed_alert_is_resolved_at_a_moment_in_milli_or_nanoseconds(action: str, updated: int) -> None:
    [event] = events_of(action, updatedAt=updated)
    assert (event.status, event.fingerprint) == ("resolved", ALERT["alertId"])
    assert event.ends_at == datetime(2021, 7, 2, 15, 21, 33, 64000, tzinfo=UTC)


@pytest.mark.parametrize("action", ["AddNote", "AddTags", "AssignOwnership", "Escalate", "Snooze", "restart it"])
def test_of_what_may_happen_to_a_closed_alert_too_nothing_is_told(action: str) -> None:
    assert events_of(action) == []


def test_what_the_alert_does_not_say_is_left_out() -> None:
    [event] = parse(b'{"action":"Create","alert":{"alertId":"a","tags":null,"entity":""}}', {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.labels, event.starts_at) == ({"alertname": "Opsgenie alert a"}, NOON)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"action":"Create","alert":{"alertId":"a"', "truncated"),
        (b'{"alert":{"alertId":"a"}}', "action"),
        (b'{"action":"Create","alert":{}}', r"alertId.*\$\.alert"),
        (b'{"action":"Create","alert":{"alertId":""}}', r"\$\.alert\.alertId"),
        (b'{"action":"Create","alert":{"alertId":"a","tags":"x"}}', r"\$\.alert\.tags"),
        (b'{"action":"Create","alert":{"alertId":"a","createdAt":"x"}}', r"\$\.alert\.createdAt"),
    ],
)
def test_what_is_malformed_is_named(body: bytes, where: str) -> None:
    with pytest.raises(Malformed, match=where):
        parse(body, {}, NOON)


def test_its_sender_shows_the_token() -> None:
    source = all_sources()["opsgenie"]
    assert source.verify is not None
    assert source.verify({"authorization": "Bearer s3cret"}, b"s3cret")
    assert not source.verify({"authorization": "GenieKey s3cret"}, b"s3cret")
