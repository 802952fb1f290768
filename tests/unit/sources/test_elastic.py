"""Kibana's webhook connector, with the body that the documentation gives."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed
from handlers.webhooks.elastic import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULE: dict[str, Any] = {
    "id": "3583a470-74f6-11ed-9801-35303b735aef",
    "name": "Latency threshold",
    "tags": "apm,team:blue,service.kind: web",
    "space": "default",
    "url": "https://kibana.example/app/management/insightsAndAlerting/triggersActions/rule/3583a470",
}
ALERT: dict[str, Any] = {
    "id": "cart_production",
    "actionGroup": "threshold_met",
    "actionGroupName": "Threshold met",
}
DELIVERY: dict[str, Any] = {
    "rule": RULE,
    "alert": ALERT,
    "date": "2026-03-01T11:51:03.157Z",
    "reason": "Avg. latency is 2.1 s in the last 5 mins for service: cart. Alert when > 1.5 s.",
    "message": "",
    "service": "cart",
    "host": "",
    "link": "https://kibana.example/app/observability/alerts/0f4c2a5e",
}


def event_of(alert: Any = None, rule: Any = None, **fields: Any) -> AlertEvent:
    changed = {"alert": ALERT | (alert or {}), "rule": RULE | (rule or {})}
    [event] = parse(msgspec.json.encode({**DELIVERY, **changed, **fields}), {}, NOON)
    assert isinstance(event, AlertEvent)
    return event


def test_an_alert_of_a_rule_fires_with_its_reason_and_the_rules_tags() -> None:
    event = event_of()
    assert (event.status, event.group) == ("firing", RULE["id"])
    assert event.labels == {
        "alertname": "Latency threshold",
        "service": "cart",
        "team": "blue",
        "service.kind": "web",
        "alert": "cart_production",
        "space": "default",
        "tags": "apm",
    }
    assert event.starts_at == datetime(2026, 3, 1, 11, 51, 3, 157000, tzinfo=UTC)
    assert event.annotations == {"summary": DELIVERY["reason"]}
    assert event.link == DELIVERY["link"]


def test_the_same_alert_recovers() -> None:
    over = event_of({"actionGroup": "recovered", "actionGroupName": "Recovered"}, date="2026-03-01T11:58:00Z")
    assert (over.status, over.fingerprint) == ("resolved", event_of().fingerprint)
    assert over.ends_at == datetime(2026, 3, 1, 11, 58, tzinfo=UTC)


def test_each_alert_of_a_rule_is_one_of_its_own() -> None:
    assert event_of({"id": "checkout_production"}).fingerprint != event_of().fingerprint


@pytest.mark.parametrize(
    ("name", "tags", "severity"),
    [
        ("Critical", "", "critical"),
        ("Low", "", "low"),
        ("Warning", "severity:p1", "p1"),
        ("Query matched", "", None),
        ("Alert", "severity: critical", "critical"),
    ],
)
def test_the_action_group_is_the_severity_unless_a_tag_says_it(name: str, tags: str, severity: str | None) -> None:
    assert event_of({"actionGroupName": name}, {"tags": tags}).labels.get("severity") == severity


def test_variables_that_a_rule_does_not_have_are_empty_and_left_out() -> None:
    event = event_of(reason="", message="count is 7", service="", link="")
    assert (event.annotations, "service" in event.labels) == ({"summary": "count is 7"}, False)
    assert event.link == RULE["url"]


def test_less_is_enough_and_more_does_not_disturb() -> None:
    least = {"rule": {"id": "1", "name": "Disk"}, "alert": {"id": "*", "actionGroup": "default", "new": 1}, "new": {}}
    [event] = parse(msgspec.json.encode(least), {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.labels, event.starts_at) == ({"alertname": "Disk", "alert": "*"}, NOON)


def test_a_summary_of_alerts_is_refused_with_what_to_choose_instead() -> None:
    with pytest.raises(Malformed, match="For each alert"):
        event_of({"id": "", "actionGroup": "", "actionGroupName": ""})


@pytest.mark.parametrize(
    ("fields", "where"),
    [({"date": "today"}, "date"), ({"rule": []}, "rule"), ({"alert": {"id": {}}}, "alert.id"), ({"host": []}, "host")],
)
def test_what_is_malformed_is_named(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        parse(msgspec.json.encode({**DELIVERY, **fields}), {}, NOON)
