"""Zabbix: what the script of its media type sends."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed
from handlers.webhooks.zabbix import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROBLEM: dict[str, Any] = {
    "id": "150233",
    "name": "High CPU utilization (over 90% for 5m)",
    "value": "1",
    "severity": "3",
    "host": "db-1",
    "opdata": "Current utilization: 97.2 %",
    "tags": [
        {"tag": "class", "value": "os"},
        {"tag": "scope", "value": "performance"},
        {"tag": "component", "value": "cpu"},
    ],
    "began": "2026-03-01T11:51:03.000Z",
    "ended": None,
    "link": "https://zabbix.example/tr_events.php?triggerid=22391&eventid=150233",
}


def event_of(**fields: Any) -> AlertEvent:
    [event] = parse(msgspec.json.encode({**PROBLEM, **fields}), {}, NOON)
    assert isinstance(event, AlertEvent)
    return event


def test_a_problem_is_an_alert_of_its_host_with_its_tags_as_labels() -> None:
    event = event_of()
    assert event.status == "firing"
    assert event.labels == {
        "alertname": "High CPU utilization (over 90% for 5m)",
        "service": "db-1",
        "host": "db-1",
        "severity": "average",
        "class": "os",
        "scope": "performance",
        "component": "cpu",
    }
    assert event.starts_at == datetime(2026, 3, 1, 11, 51, 3, tzinfo=UTC)
    assert event.annotations == {"summary": "Current utilization: 97.2 %"}
    assert event.link == PROBLEM["link"]


def test_its_recovery_names_the_same_problem_and_says_when() -> None:
    recovered = event_of(value="0", ended="2026-03-01T11:58:00.000Z")
    assert (recovered.status, recovered.fingerprint) == ("resolved", event_of().fingerprint)
    assert recovered.ends_at == datetime(2026, 3, 1, 11, 58, tzinfo=UTC)


def test_another_problem_of_the_same_trigger_is_another_alert() -> None:
    assert event_of(id="150234").fingerprint != event_of().fingerprint


@pytest.mark.parametrize(
    ("number", "word"),
    [("0", "info"), ("1", "info"), ("2", "warning"), ("3", "average"), ("4", "high"), ("5", "disaster")],
)
def test_severities_are_known_by_their_number_as_their_words_can_be_changed(number: str, word: str) -> None:
    assert event_of(severity=number).labels["severity"] == word


def test_a_tag_names_the_service_and_values_of_one_tag_are_kept_together() -> None:
    tags = [{"tag": "service", "value": "checkout"}, {"tag": "site", "value": "a"}, {"tag": "site", "value": "b"}]
    labels = event_of(tags=tags).labels
    assert (labels["service"], labels["site"]) == ("checkout", "a, b")


def test_what_zabbix_could_not_fill_in_is_left_out() -> None:
    event = event_of(opdata="{EVENT.OPDATA}", host="*UNKNOWN*")
    assert (event.annotations, "host" in event.labels, "service" in event.labels) == ({}, False, False)


def test_the_least_that_it_sends_is_enough_and_more_does_not_disturb() -> None:
    [event] = parse(b'{"id": "1", "name": "Down", "value": "1", "new": [{}]}', {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.labels, event.starts_at) == ({"alertname": "Down", "severity": "info"}, NOON)


@pytest.mark.parametrize(
    ("fields", "where"),
    [({"value": "2"}, "value"), ({"severity": 6}, "severity"), ({"tags": "x"}, "tags"), ({"began": "11:51"}, "began")],
)
def test_what_is_malformed_is_named(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        event_of(**fields)
