"""Alerts of kube-prometheus and of exporters, with an empty configuration: which incidents they are."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.rules import CorrelationRules, Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries import learnt_edges
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # no other statement is made here
Send = Callable[..., AlertEvent]
HOUR = timedelta(hours=1)
BY_CLUSTER = '{}:{cluster="eu"}'
KSM = {"job": "kube-state-metrics", "instance": "10.1.7.20:8443", "container": "kube-rbac-proxy-main"}
KUBELET = {"job": "kubelet", "service": "kubelet", "instance": "10.1.0.9:10250"}


@pytest.fixture
def kube(clock: Clock) -> Send:
    """An alert with exactly these labels, that began some time ago."""

    def make(name: str, labels: dict[str, str], *, group: str = "", ago: timedelta = timedelta(0)) -> AlertEvent:
        labels = {"alertname": name, "severity": "warning", **labels}
        return AlertEvent(
            source="alertmanager",
            fingerprint=fingerprint_of(labels),
            status=AlertStatus.FIRING,
            labels=labels,
            starts_at=clock.now - ago,
            group=group,
        )

    return make


async def services_of(pipeline: Pipeline) -> list[list[str]]:
    """Of each incident the services, the oldest incident first."""
    return [sorted(incident.services) for incident in await pipeline.incidents()]


async def test_a_group_by_cluster_does_not_make_the_faults_of_a_cluster_one_incident(
    pipeline: Pipeline, kube: Send
) -> None:
    await pipeline.send(
        kube("KubeDeploymentReplicasMismatch", {**KSM, "namespace": "books", "deployment": "search"}, group=BY_CLUSTER),
        kube("KubeJobFailed", {**KSM, "namespace": "ops", "job_name": "backup-28951440"}, group=BY_CLUSTER),
        kube("KubePersistentVolumeFillingUp", {**KUBELET, "persistentvolumeclaim": "data-db-0"}, group=BY_CLUSTER),
    )
    assert await services_of(pipeline) == [["search"], ["backup"], ["db"]]


async def test_a_group_by_the_name_of_the_alert_still_is_evidence(pipeline: Pipeline, kube: Send) -> None:
    group = '{}:{alertname="KubePodCrashLooping", cluster="eu"}'
    pods = ("search-5b9c8d7f66-zk7w4", "web-7c4d5b6f99-b7v2n")
    await pipeline.send(*(kube("KubePodCrashLooping", {**KSM, "pod": pod}, group=group) for pod in pods))
    assert await services_of(pipeline) == [["search", "web"]]


async def test_alerts_that_always_fire_open_no_incident(pipeline: Pipeline, kube: Send) -> None:
    await pipeline.send(kube("Watchdog", {}), kube("InfoInhibitor", {"namespace": "books"}))
    assert await pipeline.incidents() == []


async def test_an_alert_that_is_kept_is_trouble_after_all(
    database: Database, inbox: Inbox, clock: Clock, kube: Send
) -> None:
    rules = CorrelationRules.model_validate({"naming": {"keep": ["InfoInhibitor"]}})
    pipeline = await Pipeline(database, inbox, clock, Rules(correlation=rules)).prepare()
    await pipeline.send(kube("Watchdog", {}), kube("InfoInhibitor", {"namespace": "books"}))
    assert (await pipeline.only_incident()).title.startswith("Info inhibitor")


async def test_the_address_of_what_reports_is_neither_taught_nor_a_host(
    pipeline: Pipeline, kube: Send, clock: Clock
) -> None:
    labels = {"namespace": "books", "node": "pool-a-3"}
    await pipeline.send(
        kube("KubeDeploymentReplicasMismatch", {**KSM, "namespace": "books", "deployment": "search"}),
        kube("KubePersistentVolumeFillingUp", {**KUBELET, **labels, "persistentvolumeclaim": "data-db-0"}),
        kube("ProbeFailed", {"job": "probe/monitoring/web", "instance": "https://www.books.example/"}),
        kube("RedisDown", {"job": "cart-redis-exporter", "instance": "10.1.9.44:9121"}),
    )
    async with pipeline.database.read() as connection:
        known = await learnt_edges.all_edges(connection, clock.now)
    assert [(edge.service, edge.depends_on) for edge, _ in known] == [("db", "pool-a-3")]


async def test_two_workloads_of_one_name_are_two_incidents(pipeline: Pipeline, kube: Send, clock: Clock) -> None:
    east, west = ({**KSM, "namespace": namespace, "deployment": "api"} for namespace in ("east", "west"))
    await pipeline.send(kube("KubeDeploymentReplicasMismatch", east), kube("KubeDeploymentReplicasMismatch", west))
    clock.pass_(seconds=30)
    await pipeline.send(kube("KubeDeploymentRolloutStuck", west), kube("HighLatency", {"service": "api"}))
    first, second = await pipeline.incidents()
    names = [{alert.labels.get("namespace") for alert in await pipeline.alerts_of(one)} for one in (first, second)]
    assert names[0] - {None} == {"east"}
    assert names[1] - {None} == {"west"}


async def test_what_began_hours_ago_does_not_join_what_begins_now_though_delivered_with_it(
    pipeline: Pipeline, kube: Send
) -> None:
    old = kube("KubeDeploymentReplicasMismatch", {**KSM, "namespace": "books", "deployment": "search"}, ago=9 * HOUR)
    new = kube("KubePodCrashLooping", {**KSM, "namespace": "books", "pod": "search-5b9c8d7f66-zk7w4"})
    await pipeline.send(old, new)
    assert [len(await pipeline.alerts_of(one)) for one in await pipeline.incidents()] == [1, 1]


async def test_a_name_is_the_same_whatever_was_learnt_before(pipeline: Pipeline, kube: Send, clock: Clock) -> None:
    await pipeline.send(kube("HighLatency", {"service": "mail", "host": "pool-a-3"}))
    clock.pass_(hours=1)
    await pipeline.send(kube("Slow", {"job": "search", "host": "pool-a-3", "instance": "pool-a-3:80"}))
    assert [alert.service for one in await pipeline.incidents() for alert in await pipeline.alerts_of(one)] == [
        "mail",
        "search",
    ]


async def test_what_runs_on_a_lost_node_is_folded(pipeline: Pipeline, kube: Send, clock: Clock) -> None:
    on_node: dict[str, Any] = {**KSM, "namespace": "books", "node": "pool-a-3"}
    await pipeline.send(kube("KubeNodeNotReady", {**KSM, "node": "pool-a-3"}))
    clock.pass_(seconds=20)
    await pipeline.send(
        kube("KubePodNotReady", {**on_node, "pod": "search-5b9c8d7f66-zk7w4"}),
        kube("KubePodNotReady", {**on_node, "pod": "web-7c4d5b6f99-b7v2n"}),
    )
    incident = await pipeline.only_incident()
    assert "2 alerts of 2 services on pool-a-3 (down) are its consequence" in incident.summary
