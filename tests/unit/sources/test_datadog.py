"""Datadog's webhooks, with the payload that docs/sources.md gives."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed, all_sources
from handlers.webhooks.datadog import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALERT = {
    "id": "9bd4ac313a4d1e8fae2482df7b77628",
    "monitor": "1234",
    "title": "[P2] [Triggered] load is high on cart",
    "transition": "Triggered",
    "type": "error",
    "priority": "P2",
    "scope": "availability-zone:us-east-1a,service:cart",
    "tags": "monitor, service:shop, team:blue",
    "host": "web-1",
    "metric": "system.load.1",
    "status": "system.load.1 over service:cart was > 5.0 on average during the last 5m",
    "message": "The load is high. @webhook-tandem",
    "link": "https://app.datadoghq.com/monitors/1234",
    "date": "1406662672000",
}
VARIABLES = {
    "$AGGREG_KEY": "id",
    "$ALERT_ID": "monitor",
    "$ALERT_TITLE": "title",
    "$ALERT_TRANSITION": "transition",
    "$ALERT_TYPE": "type",
    "$ALERT_PRIORITY": "priority",
    "$ALERT_SCOPE": "scope",
    "$TAGS": "tags",
    "$HOSTNAME": "host",
    "$ALERT_METRIC": "metric",
    "$ALERT_STATUS": "status",
    "$TEXT_ONLY_MSG": "message",
    "$LINK": "link",
    "$DATE": "date",
}


def event_of(**fields: Any) -> AlertEvent:
    [event] = parse(msgspec.json.encode({**ALERT, **fields}), {}, NOON)
    assert isinstance(event, AlertEvent)
    return event


def test_the_payload_of_the_documentation_filled_in_is_an_alert_of_its_group() -> None:
    page = Path("docs/sources.md").read_text(encoding="utf-8").partition("## Datadog")[2]
    template = page.partition("```json\n")[2].partition("```")[0]
    filled = re.sub(r"\$[A-Z_]+", lambda variable: ALERT[VARIABLES[variable[0]]], template)
    [event] = parse(filled.encode(), {}, NOON)
    assert event == event_of()
    assert isinstance(event, AlertEvent)
    assert event.labels == {
        "alertname": "load is high on cart",
        "severity": "P2",
        "service": "cart",
        "availability-zone": "us-east-1a",
        "team": "blue",
        "host": "web-1",
        "metric": "system.load.1",
    }
    assert (event.group, event.status) == ("1234", "firing")
    assert event.starts_at == datetime(2014, 7, 29, 19, 37, 52, tzinfo=UTC)
    assert event.annotations == {"summary": ALERT["status"], "description": ALERT["message"]}
    assert event.link == ALERT["link"]


@pytest.mark.parametrize("transition", ["Re-Triggered", "No Data", "Re-No Data", "Warn", "Re-Warn", "Renotify", "null"])
def test_all_but_a_recovery_fires_under_the_same_fingerprint(transition: str) -> None:
    event = event_of(transition=transition)
    assert (event.status, event.fingerprint, event.ends_at) == ("firing", event_of().fingerprint, None)


@pytest.mark.parametrize("fields", [{"transition": "Recovered"}, {"transition": "null", "type": "success"}])
def test_a_recovery_is_resolved_and_says_when(fields: dict[str, str]) -> None:
    event = event_of(**fields)
    assert (event.status, event.fingerprint, event.ends_at) == ("resolved", event_of().fingerprint, event.starts_at)


def test_each_group_of_a_monitor_is_an_alert_of_its_own_and_without_groups_datadogs_key_names_it() -> None:
    assert event_of(scope="service:shop").fingerprint != event_of().fingerprint
    assert event_of(scope="").fingerprint == ALERT["id"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("[P1] [Re-Triggered on {host:ip-012345}] Host is down", "Host is down"),
        ("[Recovered on {host:a}] [prod] Host is down", "[prod] Host is down"),
        ("[Monitor Alert] Triggered: Host is down", "Triggered: Host is down"),
        ("[Triggered]", "[Triggered]"),
    ],
)
def test_what_changes_with_each_transition_is_not_part_of_the_name(title: str, name: str) -> None:
    assert event_of(title=title).labels["alertname"] == name


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ({"priority": "$ALERT_PRIORITY"}, "high"),
        ({"priority": "", "type": "warning"}, "warning"),
        ({"priority": "null", "tags": "severity:critical"}, "critical"),
    ],
)
def test_without_a_priority_the_tag_or_the_type_is_the_severity(fields: dict[str, str], severity: str) -> None:
    assert event_of(**fields).labels["severity"] == severity


def test_what_datadog_did_not_know_is_left_out_and_fields_of_ones_own_do_not_disturb() -> None:
    [event] = parse(b'{"transition":"Triggered","monitor":"7","scope":"n/a","mine":[{}],"date":""}', {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.labels, event.starts_at, event.annotations) == ({"alertname": "Datadog monitor 7"}, NOON, {})
    [other] = parse(b'{"transition":"Triggered","monitor":"8"}', {}, NOON)
    assert isinstance(other, AlertEvent)
    assert event.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (msgspec.json.encode(ALERT)[:-9], "truncated"),
        (b'{"title":"x"}', "transition"),
        (b'{"transition":"Triggered"}', r"\$\.monitor"),
        (b'{"transition":"Triggered","id":{}}', r"\$\.id"),
        (b'{"transition":"Triggered","id":"7","date":"today"}', r"\$\.date"),
    ],
)
def test_what_is_malformed_is_named(body: bytes, where: str) -> None:
    with pytest.raises(Malformed, match=where):
        parse(body, {}, NOON)


def test_its_sender_shows_the_token() -> None:
    source = all_sources()["datadog"]
    assert source.verify is not None
    assert source.verify({"authorization": "Bearer s3cret"}, b"s3cret")
    assert not source.verify({}, b"s3cret")
