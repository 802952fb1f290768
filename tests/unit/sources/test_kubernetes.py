"""Kubernetes' events as kubernetes-event-exporter posts them, and as the newer API has them."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent, GroupResolved
from handlers.sources.registry import Malformed
from handlers.webhooks.kubernetes import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
POD: dict[str, Any] = {
    "kind": "Pod",
    "namespace": "shop",
    "name": "cart-7d9f8b6c5-x2x5z",
    "uid": "8f1b9d7e-6a53-4b62-9d55-0f8f1f4c2a5e",
    "apiVersion": "v1",
    "resourceVersion": "18292818",
    "fieldPath": "spec.containers{cart}",
}
EVENT: dict[str, Any] = {
    "metadata": {"name": "cart-7d9f8b6c5-x2x5z.18a", "namespace": "shop", "creationTimestamp": "2026-03-01T11:40:00Z"},
    "reason": "BackOff",
    "message": "Back-off restarting failed container cart in pod cart-7d9f8b6c5-x2x5z_shop",
    "source": {"component": "kubelet", "host": "node-3"},
    "firstTimestamp": "2026-03-01T11:40:00Z",
    "lastTimestamp": "2026-03-01T11:51:03Z",
    "count": 12,
    "type": "Warning",
    "eventTime": None,
    "reportingComponent": "kubelet",
    "reportingInstance": "node-3",
    "clusterName": "eu-1",
    "involvedObject": POD,
}


def events_of(about: Any = None, **fields: Any) -> list[Any]:
    return parse(msgspec.json.encode({**EVENT, "involvedObject": POD | (about or {}), **fields}), {}, NOON)


def normal(reason: str, about: Any = None, **fields: Any) -> list[Any]:
    return events_of(about, type="Normal", reason=reason, **fields)


def test_a_warning_is_an_alert_of_its_object_since_it_was_last_seen() -> None:
    [event] = events_of()
    assert isinstance(event, AlertEvent)
    assert event.labels == {
        "alertname": "BackOff",
        "severity": "warning",
        "cluster": "eu-1",
        "namespace": "shop",
        "pod": "cart-7d9f8b6c5-x2x5z",
        "node": "node-3",
        "service": "cart",
    }
    assert (event.status, event.starts_at) == ("firing", datetime(2026, 3, 1, 11, 51, 3, tzinfo=UTC))
    assert event.annotations == {"summary": EVENT["message"]}


def test_the_same_warning_again_is_the_same_alert_and_another_reason_or_cluster_is_not() -> None:
    [event], [again] = events_of(), events_of(count=13, lastTimestamp="2026-03-01T11:56:03Z")
    assert again.fingerprint == event.fingerprint
    others = [events_of(reason="Unhealthy"), events_of(clusterName="us-1"), events_of({"name": "cart-7d9f8b6c5-aaaaa"})]
    assert event.fingerprint not in {other.fingerprint for [other] in others}


@pytest.mark.parametrize("reason", ["Started", "Killing"])
def test_a_container_that_starts_or_is_stopped_ends_its_warnings_and_its_pods(reason: str) -> None:
    [container], [pod] = events_of(), events_of({"fieldPath": ""}, reason="FailedMount")
    [sidecar] = events_of({"fieldPath": "spec.containers{proxy}"})
    ended = normal(reason)
    assert [type(event) for event in ended] == [GroupResolved, GroupResolved]
    assert {event.group for event in ended} == {container.group, pod.group}
    assert sidecar.group not in {container.group, pod.group}
    assert ended[0].labels["cluster"] == "eu-1"


@pytest.mark.parametrize(
    ("kind", "trouble", "over"),
    [
        ("Node", "NodeNotReady", "NodeReady"),
        ("Node", "NodeHasDiskPressure", "NodeHasNoDiskPressure"),
        ("PersistentVolumeClaim", "ProvisioningFailed", "ProvisioningSucceeded"),
        ("ReplicaSet", "FailedCreate", "SuccessfulCreate"),
    ],
)
def test_a_reason_that_is_the_end_of_another_ends_that_one_alone(kind: str, trouble: str, over: str) -> None:
    about = {"kind": kind, "name": "x", "fieldPath": ""}
    [firing], [other] = events_of(about, reason=trouble), events_of(about, reason="Rebooted")
    [ended] = normal(over, about)
    assert (ended.group == firing.group, ended.group == other.group) == (True, False)


def test_a_node_that_is_not_ready_is_an_alert_though_kubernetes_calls_it_normal() -> None:
    [event] = normal("NodeNotReady", {"kind": "Node", "name": "node-3", "namespace": "", "fieldPath": ""})
    assert (event.status, event.labels["node"], "service" in event.labels) == ("firing", "node-3", False)


@pytest.mark.parametrize("reason", ["Scheduled", "Pulled", "Created", "ScalingReplicaSet"])
def test_what_is_normal_and_ends_nothing_is_no_alert(reason: str) -> None:
    assert normal(reason) == []


@pytest.mark.parametrize(
    ("about", "service"),
    [
        ({"labels": {"app.kubernetes.io/name": "checkout", "app": "other"}}, "checkout"),
        ({"labels": {"app": "other"}}, "other"),
        ({"labels": None}, "cart"),
        ({"kind": "Deployment", "name": "ledger"}, "ledger"),
        ({"kind": "ReplicaSet", "name": "cart-7d9f8b6c5"}, "cart"),
        ({"name": "node-exporter-x2x5z"}, "node-exporter"),
        ({"name": "db-0"}, "db-0"),
        ({"name": "demand-forecast"}, "demand-forecast"),
        ({"kind": "PersistentVolumeClaim", "name": "data"}, None),
    ],
)
def test_the_service_is_the_objects_label_or_what_made_the_object(about: dict[str, Any], service: str | None) -> None:
    [event] = events_of(about)
    assert event.labels.get("service") == service


def test_the_newer_api_says_the_same_in_other_words() -> None:
    newer = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "type": "Warning",
        "reason": "FailedScheduling",
        "note": "0/3 nodes are available: 3 Insufficient cpu.",
        "regarding": POD | {"fieldPath": ""},
        "eventTime": "2026-03-01T11:45:00.123456Z",
        "series": {"count": 4, "lastObservedTime": "2026-03-01T11:55:00.123456Z"},
        "reportingController": "default-scheduler",
    }
    [event] = parse(msgspec.json.encode(newer), {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.labels["alertname"], event.annotations["summary"]) == ("FailedScheduling", newer["note"])
    assert event.starts_at == datetime(2026, 3, 1, 11, 55, 0, 123456, tzinfo=UTC)


def test_the_least_is_enough_and_a_kind_of_object_takes_no_labels_name() -> None:
    least = {
        "type": "Warning",
        "reason": "Odd",
        "clusterName": "eu-1",
        "involvedObject": {"kind": "Cluster", "name": "x"},
    }
    [event] = parse(msgspec.json.encode(least), {}, NOON)
    assert isinstance(event, AlertEvent)
    assert (event.labels, event.starts_at) == ({"alertname": "Odd", "severity": "warning", "cluster": "eu-1"}, NOON)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"involvedObject": None}, "involvedObject"),
        ({"involvedObject": {"kind": "Pod"}}, "name"),
        ({"lastTimestamp": "now"}, "lastTimestamp"),
        ({"type": {}}, "type"),
    ],
)
def test_what_is_malformed_is_named(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed, match=where):
        events_of(**fields)
