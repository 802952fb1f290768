"""Azure Monitor's common alert schema, after the example of its documentation."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from bot.domain.severity import severity_of
from handlers.sources.registry import Malformed, all_sources
from handlers.webhooks.azure import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
ALERT_ID = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.AlertsManagement/alerts/b9569717-bc32-442f"
ESSENTIALS: dict[str, Any] = {
    "alertId": ALERT_ID,
    "alertRule": "WCUS-R2-Gen2",
    "severity": "Sev1",
    "signalType": "Metric",
    "monitorCondition": "Fired",
    "monitoringService": "Platform",
    "alertTargetIDs": [
        f"/subscriptions/{SUBSCRIPTION}/resourcegroups/pipelinealertrg/providers/microsoft.compute/virtualmachines/r2"
    ],
    "configurationItems": ["wcus-r2-gen2"],
    "originAlertId": "3f2d4487-b0fc-4125-8bd5-7ad17384221e_PipeLineAlertRG",
    "firedDateTime": "2019-03-22T13:58:24.3713213Z",
    "description": "Its CPU is busy",
    "essentialsVersion": "1.0",
    "alertContextVersion": "1.0",
}


def event_of(custom: Any = None, **fields: Any) -> AlertEvent:
    data = {"essentials": {**ESSENTIALS, **fields}, "alertContext": {"properties": None}, "customProperties": custom}
    [event] = parse(msgspec.json.encode({"schemaId": "azureMonitorCommonAlertSchema", "data": data}), {}, NOON)
    assert isinstance(event, AlertEvent)
    return event


def test_a_fired_alert_is_one_of_its_resource() -> None:
    event = event_of()
    assert event.labels == {
        "alertname": "WCUS-R2-Gen2",
        "service": "wcus-r2-gen2",
        "resource": "wcus-r2-gen2",
        "severity": "high",
        "resource_group": "pipelinealertrg",
        "subscription": SUBSCRIPTION,
        "signal": "Metric",
        "monitoring_service": "Platform",
    }
    assert (event.fingerprint, event.status, event.ends_at) == (ALERT_ID, "firing", None)
    assert event.starts_at == datetime(2019, 3, 22, 13, 58, 24, 371321, tzinfo=UTC)
    assert event.annotations == {"summary": "Its CPU is busy"}
    assert event.link.startswith("https://portal.azure.com/#blade/")
    assert event.link.endswith("alerts%2Fb9569717-bc32-442f")


def test_it_is_resolved_under_the_same_fingerprint_and_says_when() -> None:
    event = event_of(monitorCondition="Resolved", resolvedDateTime="2019-03-22T14:03:16.2246313Z")
    assert (event.status, event.fingerprint) == ("resolved", ALERT_ID)
    assert event.ends_at == datetime(2019, 3, 22, 14, 3, 16, 224631, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("Sev0", "critical"), ("Sev1", "high"), ("Sev2", "warning"), ("Sev3", "info"), ("Sev4", "info")],
)
def test_its_severities_begin_at_zero(said: str, meant: str) -> None:
    assert severity_of(event_of(severity=said).labels["severity"]) == meant


def test_a_custom_property_names_the_service_and_the_portals_own_link_is_preferred() -> None:
    event = event_of(custom={"service": "cart", "tier": None}, investigationLink="https://portal.azure.com/#view/x")
    assert (event.labels["service"], event.labels["resource"]) == ("cart", "wcus-r2-gen2")
    assert event.link == "https://portal.azure.com/#view/x"


def test_without_configuration_items_the_targets_own_name_is_the_service() -> None:
    assert event_of(configurationItems=[]).labels["service"] == "r2"
    bare = event_of(configurationItems=None, alertTargetIDs=None, firedDateTime=None)
    assert ("service" in bare.labels, bare.starts_at) == (False, NOON)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"monitorCondition": "Acknowledged"}, "monitorCondition"),
        ({"firedDateTime": "yesterday"}, "firedDateTime"),
        ({"alertId": ""}, "alertId"),
        ({"alertTargetIDs": "x"}, "alertTargetIDs"),
    ],
)
def test_what_is_malformed_is_named(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        event_of(**fields)


@pytest.mark.parametrize("body", [b'{"schemaId":"azureMon', b'{"schemaId":"Microsoft.Insights/activityLogs"}'])
def test_a_truncated_body_and_another_schema_are_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse(body, {}, NOON)


def test_its_sender_shows_the_token_and_may_do_so_in_the_address() -> None:
    source = all_sources()["azure"]
    assert source.verify is not None
    assert source.token_in_address
    assert not source.verify({}, b"s3cret")
