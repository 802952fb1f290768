"""Uptime Kuma's webhook."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed
from handlers.webhooks.uptimekuma import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONITOR: dict[str, Any] = {
    "id": 29,
    "name": "shop",
    "description": None,
    "pathName": "shop",
    "url": "https://shop.example/health",
    "hostname": None,
    "port": None,
    "type": "http",
    "interval": 60,
    "accepted_statuscodes": ["200-299"],
    "notificationIDList": {"2": True},
    "tags": [{"tag_id": 1, "monitor_id": 29, "value": "blue", "name": "team", "color": "#DC2626"}],
}
HEARTBEAT: dict[str, Any] = {
    "monitorID": 29,
    "status": 0,
    "time": "2026-03-01 11:51:35.527",
    "msg": "connect ECONNREFUSED 10.0.0.7:443",
    "important": True,
    "duration": 0,
    "timezone": "America/Los_Angeles",
    "timezoneOffset": "-08:00",
    "localDateTime": "2026-03-01 03:51:35",
}
DELIVERY: dict[str, Any] = {"heartbeat": HEARTBEAT, "monitor": MONITOR, "msg": "[shop] [🔴 Down] connect ECONNREFUSED"}


def parsed(document: Any) -> list[Any]:
    return parse(msgspec.json.encode(document), {}, NOON)


def events_of(heartbeat: Any = None, monitor: Any = None, **fields: Any) -> list[Any]:
    changed = {"heartbeat": HEARTBEAT | (heartbeat or {}), "monitor": MONITOR | (monitor or {})}
    return parsed({**DELIVERY, **changed, **fields})


def test_a_monitor_that_is_down_fires_since_its_heartbeat_which_is_in_utc() -> None:
    [event] = events_of()
    assert isinstance(event, AlertEvent)
    assert event.status == "firing"
    assert event.starts_at == datetime(2026, 3, 1, 11, 51, 35, 527000, tzinfo=UTC)
    assert event.labels == {
        "alertname": "MonitorDown",
        "service": "shop",
        "severity": "high",
        "team": "blue",
        "monitor": "shop",
        "type": "http",
        "address": "https://shop.example/health",
    }
    assert event.annotations == {"summary": "connect ECONNREFUSED 10.0.0.7:443"}
    assert event.link == "https://shop.example/health"


def test_the_same_monitor_comes_up_again() -> None:
    [down], [up] = events_of(), events_of({"status": 1, "time": "2026-03-01 11:55:00", "msg": "200 - OK"})
    assert (up.status, up.fingerprint) == ("resolved", down.fingerprint)
    assert up.ends_at == datetime(2026, 3, 1, 11, 55, tzinfo=UTC)


def test_a_monitor_of_the_same_number_elsewhere_is_another() -> None:
    [one], [other] = events_of(), events_of(monitor={"name": "warehouse"})
    assert one.fingerprint != other.fingerprint


def test_tags_say_what_the_tool_cannot() -> None:
    tags = [{"name": "service", "value": "checkout"}, {"name": "severity", "value": "critical"}, {"name": "eu"}]
    [event] = events_of(monitor={"tags": tags, "type": "ping", "url": "https://", "hostname": "db-1"})
    assert (event.labels["service"], event.labels["severity"], event.labels["host"]) == ("checkout", "critical", "db-1")
    assert (event.link, "address" in event.labels, "eu" in event.labels) == ("", False, False)


@pytest.mark.parametrize("status", [2, 3])
def test_neither_a_retry_nor_a_maintenance_begins_or_ends_anything(status: int) -> None:
    assert events_of({"status": status}) == []


def test_a_test_message_means_nothing() -> None:
    assert parsed({"heartbeat": None, "monitor": None, "msg": "Tandem Testing"}) == []


def test_a_certificate_that_ends_is_an_alert_without_an_end() -> None:
    said = "[shop][https://shop.example/health] server certificate shop.example will expire in 14 days"
    [event] = parsed({"heartbeat": None, "monitor": None, "msg": said})
    assert (event.status, event.labels["alertname"], event.labels["service"]) == (
        "firing",
        "CertificateExpires",
        "shop",
    )
    assert event.annotations["summary"] == "server certificate shop.example will expire in 14 days"
    [later] = parsed({"msg": said.replace("14", "7")})
    assert later.fingerprint == event.fingerprint


def test_what_a_monitor_does_not_say_is_left_out() -> None:
    least = {"heartbeat": {"status": 0, "time": "2026-03-01 11:51:35"}, "monitor": {"id": 1, "name": "shop"}}
    [event] = parsed(least)
    assert event.labels == {"alertname": "MonitorDown", "service": "shop", "monitor": "shop", "severity": "high"}
    assert (event.annotations, event.link) == ({}, "")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"heartbeat": {"status": "down", "time": "2026-03-01 11:51:35"}}, r"heartbeat.status"),
        ({"heartbeat": {"status": 0, "time": "yesterday"}}, r"heartbeat.time"),
        ({"monitor": {"id": 1}}, r"name.*monitor"),
        ({"monitor": []}, r"monitor"),
    ],
)
def test_what_is_malformed_is_named(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        parsed({**DELIVERY, **fields})
