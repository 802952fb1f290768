"""Google Cloud Monitoring's webhook channel, after the example of its documentation."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed, all_sources
from handlers.webhooks.googlecloud import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
INCIDENT: dict[str, Any] = {
    "incident_id": "0.opqiw61fsv7p",
    "scoping_project_id": "internal-project",
    "scoping_project_number": 12345,
    "url": "https://console.cloud.google.com/monitoring/alerting/incidents/0.lxfiw61fsv7p?project=internal-project",
    "started_at": 1577840461,
    "ended_at": None,
    "state": "open",
    "severity": "Critical",
    "resource_id": "11223344",
    "resource_name": "internal-project gke-cluster-1-16-default-pool-e2df4cbd-dgp3",
    "resource_display_name": "gke-cluster-1-default-pool-e2df4cbd-dgp3",
    "resource_type_display_name": "VM Instance",
    "resource": {"type": "gce_instance", "labels": {"instance_id": "11223344", "project_id": "internal-project"}},
    "metric": {
        "type": "compute.googleapis.com/instance/cpu/utilization",
        "displayName": "CPU utilization",
        "labels": {"instance_name": "the name of the VM instance"},
    },
    "metadata": {"system_labels": {"labelkey": ["a", "b"]}, "user_labels": {"team": "blue"}},
    "policy_name": "Monitor-Project-Cluster",
    "policy_user_labels": {"tier": "gold"},
    "documentation": {"content": "Look at the pool", "mime_type": "text/markdown", "subject": "s", "links": []},
    "condition": {"name": "projects/internal-project/alertPolicies/1/conditions/1", "displayName": "usage"},
    "condition_name": "VM Instance - CPU utilization [MAX]",
    "threshold_value": "0.9",
    "observed_value": "0.95",
    "summary": "CPU utilization is above the threshold of 0.9 with a value of 0.95.",
}


def events_of(version: str = "1.2", **fields: Any) -> list[Any]:
    return parse(msgspec.json.encode({"version": version, "incident": {**INCIDENT, **fields}}), {}, NOON)


def test_an_open_incident_is_an_alert_of_its_resource() -> None:
    [event] = events_of()
    assert isinstance(event, AlertEvent)
    assert event.labels == {
        "alertname": "Monitor-Project-Cluster",
        "service": "gke-cluster-1-default-pool-e2df4cbd-dgp3",
        "severity": "Critical",
        "condition": "VM Instance - CPU utilization [MAX]",
        "metric": "compute.googleapis.com/instance/cpu/utilization",
        "resource_type": "gce_instance",
        "project": "internal-project",
        "project_id": "internal-project",
        "instance_id": "11223344",
        "instance_name": "the name of the VM instance",
        "team": "blue",
        "tier": "gold",
    }
    assert (event.fingerprint, event.status, event.link) == ("0.opqiw61fsv7p", "firing", INCIDENT["url"])
    assert event.starts_at == datetime(2020, 1, 1, 1, 1, 1, tzinfo=UTC)
    assert event.annotations == {"summary": INCIDENT["summary"], "description": "Look at the pool"}


@pytest.mark.parametrize("state", ["closed", "CLOSED"])
def test_a_closed_incident_is_resolved_and_says_when(state: str) -> None:
    [event] = events_of(state=state, ended_at=1577877071)
    assert (event.status, event.fingerprint) == ("resolved", "0.opqiw61fsv7p")
    assert event.ends_at == datetime(2020, 1, 1, 11, 11, 11, tzinfo=UTC)


def test_a_label_of_the_policy_or_the_resource_names_the_service() -> None:
    [event] = events_of(resource={"type": "cloud_run_revision", "labels": {"service_name": "cart"}})
    assert event.labels["service"] == "cart"
    [event] = events_of(policy_user_labels={"service": "shop"}, metadata={"user_labels": {"app": "cart"}})
    assert event.labels["service"] == "shop"


def test_no_severity_is_none_and_the_documentation_may_be_text() -> None:
    [event] = events_of(severity="No severity", documentation="Look", policy_user_labels=None)
    assert ("severity" in event.labels, event.annotations["description"]) == (False, "Look")


def test_the_test_of_the_channel_means_nothing() -> None:
    assert events_of(version="test", incident_id="12345", started_at=0, state="OPEN") == []


def test_what_the_incident_does_not_say_is_left_out() -> None:
    [event] = parse(b'{"incident":{"incident_id":"i","state":"open","new":[{}]}}', {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.labels, event.starts_at) == ({"alertname": "Google Cloud incident i"}, NOON)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"incident_id": ""}, "incident_id"),
        ({"state": None}, r"\$\.incident\.state"),
        ({"started_at": "now"}, r"\$\.incident\.started_at"),
        ({"started_at": 1e30}, r"\$\.incident\.started_at"),
        ({"resource": {"labels": ["x"]}}, r"\$\.incident\.resource\.labels"),
    ],
)
def test_what_is_malformed_is_named(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        events_of(**fields)


def test_a_truncated_body_is_malformed() -> None:
    with pytest.raises(Malformed):
        parse(b'{"version":"1.2","incident":{"incident_id":"0', {}, NOON)


def test_its_sender_shows_the_token_and_may_do_so_in_the_address() -> None:
    source = all_sources()["googlecloud"]
    assert source.verify is not None
    assert source.token_in_address
    assert not source.verify({}, b"s3cret")
