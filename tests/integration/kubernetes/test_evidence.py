"""When an incident opens, the pods of its services are looked up: in the thread, and in the ranking of causes."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.cause import CauseKind
from bot.domain.event import AlertEvent
from bot.domain.incident import Incident
from bot.integrations.kubernetes.evidence import gathering, reading
from bot.integrations.kubernetes.evidence.gathering import Evidence
from bot.kubernetes import Cluster
from bot.kubernetes.resources import DEPLOYMENTS, EVENTS, NODES, PODS
from tests.integration.kubernetes.api_server import ApiServer, Thing
from tests.integration.kubernetes.things import deployment, node, pod
from tests.integration.pipeline_driver import Pipeline

Alerts = Callable[..., AlertEvent]
SECRET = "our-own-s3cret"


class Night:
    def __init__(self, pipeline: Pipeline, cluster: Cluster) -> None:
        self.pipeline, self.changes = pipeline, 0
        self.evidence = Evidence(pipeline.services, cluster, lambda text: text.replace(SECRET, "***"), self._changed)

    def _changed(self) -> None:
        self.changes += 1

    async def open(self, *alerts: AlertEvent) -> Incident:
        """An incident, looked up a moment after it opened, and explained anew."""
        await self.pipeline.send(*alerts)
        self.pipeline.clock.pass_(seconds=10)
        while await self.evidence.look():
            pass
        await self.pipeline.worker.tick()
        return await self.pipeline.only_incident()

    async def said(self) -> list[str]:
        timeline = await self.pipeline.timeline_of(await self.pipeline.only_incident())
        return [text for text in timeline if text.startswith("Seen in Kubernetes")]


@pytest.fixture
async def night(pipeline: Pipeline, cluster: Cluster) -> AsyncIterator[Night]:
    yield Night(pipeline, cluster)


def _container(restarts: int = 0, *, ready: bool = True, **state: Any) -> Thing:
    return {"name": "app", "ready": ready, "restartCount": restarts, "state": {"running": {}}, "lastState": {}, **state}


def _ready(ready: bool) -> list[Thing]:
    return [{"type": "Ready", "status": "True" if ready else "False"}]


def _killed(pipeline: Pipeline, ago: timedelta = timedelta(minutes=2)) -> Thing:
    at = (pipeline.clock.now - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": at}}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}
    statuses = [_container(7, ready=False, state=waiting, lastState=ended)]
    thing = pod("checkout-a", containerStatuses=statuses, conditions=_ready(False))
    thing["spec"]["containers"][0]["resources"] = {"limits": {"memory": "512Mi"}}
    return thing


async def test_pods_that_ran_out_of_memory_are_in_the_thread_and_make_it_a_matter_of_resources(
    server: ApiServer, night: Night, alert: Alerts
) -> None:
    server.add(PODS, _killed(night.pipeline))
    server.add(PODS, pod("checkout-b", containerStatuses=[_container()], conditions=_ready(True)))
    server.add(NODES, node())
    server.logs["checkout-a/previous"] = f"GET /cart 200\nusing {SECRET}\ndb_password=hunter22\nOutOfMemoryError\n"
    incident = await night.open(alert(service="checkout", namespace="shop"))
    said = "\n".join(await night.said())
    assert "1 of 2 pods ran out of memory (limit 512Mi) and were killed" in said
    assert "Last log lines of the container before in checkout-a" in said
    assert "OutOfMemoryError" in said
    assert SECRET not in said and "hunter22" not in said
    assert (incident.causes[0].service, incident.causes[0].kind) == ("checkout", CauseKind.RESOURCE)
    assert any("ran out of memory" in text for text in incident.causes[0].evidence)
    assert night.changes == 1


async def test_what_the_cluster_says_decides_between_services_that_alert_alike(
    server: ApiServer, night: Night, alert: Alerts
) -> None:
    server.add(PODS, pod("payments-a", service="payments", containerStatuses=[_container()], conditions=_ready(True)))
    server.add(NODES, node())
    thing = _killed(night.pipeline)
    server.add(PODS, thing)
    both = [alert(service=name, namespace="shop", group="g") for name in ("payments", "checkout")]
    incident = await night.open(*both)
    assert incident.causes and incident.causes[0].service == "checkout"


async def test_pods_that_find_no_node_and_a_node_under_pressure_are_said(
    server: ApiServer, night: Night, alert: Alerts
) -> None:
    unscheduled = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient cpu.",
    }
    waiting = pod("checkout-b", node="", phase="Pending", conditions=[unscheduled])
    server.add(PODS, waiting)
    server.add(PODS, pod("checkout-a", containerStatuses=[_container()], conditions=_ready(True)))
    server.add(NODES, node("worker-1", MemoryPressure="True"))
    incident = await night.open(alert(service="checkout", namespace="shop"))
    said = "\n".join(await night.said())
    assert "1 of 2 pods find no node: 0/3 nodes are available: 3 Insufficient cpu." in said
    assert "node worker-1 is under MemoryPressure" in said
    assert incident.causes[0].kind is CauseKind.RESOURCE


async def test_warnings_of_the_pods_are_counted_and_those_of_others_are_not(
    server: ApiServer, night: Night, alert: Alerts
) -> None:
    server.add(PODS, pod("checkout-a", containerStatuses=[_container()], conditions=_ready(False)))
    server.add(NODES, node())
    at = night.pipeline.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def event(name: str, about: str, **more: Any) -> Thing:
        meta, what = {"name": name, "namespace": "shop"}, {"kind": "Pod", "name": about, "namespace": "shop"}
        usual = {
            "type": "Warning",
            "reason": "Unhealthy",
            "count": 14,
            "lastTimestamp": at,
            "message": "probe failed: 503",
        }
        return {"metadata": meta, "involvedObject": what, **usual, **more}

    server.add(EVENTS, event("a", "checkout-a"))
    server.add(EVENTS, event("b", "payments-a", reason="FailedMount"))
    server.add(EVENTS, event("c", "checkout-a", reason="FailedMount", lastTimestamp="2020-01-01T00:00:00Z"))
    await night.open(alert(service="checkout", namespace="shop"))
    said = "\n".join(await night.said())
    assert "Unhealthy × 14, last of pod checkout-a: probe failed: 503" in said
    assert "1 of 1 pods are not ready" in said
    assert "FailedMount" not in said


async def test_a_service_is_found_by_the_name_of_its_workload_too(
    server: ApiServer, night: Night, alert: Alerts
) -> None:
    thing = deployment("checkout-web")
    thing["spec"]["selector"]["matchLabels"] = {"app.kubernetes.io/name": "web"}
    server.add(DEPLOYMENTS, thing)
    server.add(PODS, pod("checkout-web-a", service="web", containerStatuses=[_container()], conditions=_ready(False)))
    server.add(NODES, node())
    await night.open(alert(service="checkout-web", namespace="shop"))
    assert "1 of 1 pods are not ready" in "\n".join(await night.said())


async def test_an_incident_is_looked_up_once_and_old_restarts_say_nothing(
    server: ApiServer, night: Night, alert: Alerts
) -> None:
    server.add(PODS, _killed(night.pipeline, ago=timedelta(hours=5)))
    server.add(NODES, node())
    await night.open(alert(service="checkout", namespace="shop"))
    calls = len(server.calls)
    assert calls
    assert "ran out of memory" not in "\n".join(await night.said())
    night.pipeline.clock.pass_(seconds=30)
    assert not await night.evidence.look()
    assert len(server.calls) == calls


async def test_a_cluster_that_hangs_holds_up_nothing_and_is_given_up_after_a_while(
    server: ApiServer, night: Night, alert: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "SPAN", 0.2)
    server.hanging.add("pods")
    incident = await night.open(alert(service="checkout", namespace="shop"))
    assert incident.open and await night.said() == []
    assert incident.observed == [], "it was looked at, once"


async def test_no_more_calls_are_made_than_the_budget_has(
    server: ApiServer, night: Night, alert: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_CALLS", 3)
    server.add(PODS, _killed(night.pipeline))
    server.add(NODES, node())
    await night.open(alert(service="checkout", namespace="shop"))
    assert len(server.calls) == 3
    assert "ran out of memory" in "\n".join(await night.said()), "what was found by then"


async def test_without_the_right_to_read_logs_the_rest_is_said(server: ApiServer, night: Night, alert: Alerts) -> None:
    server.forbidden |= {("get", "pods/log"), ("list", "events"), ("get", "nodes")}
    server.add(PODS, _killed(night.pipeline))
    await night.open(alert(service="checkout", namespace="shop"))
    assert "ran out of memory" in "\n".join(await night.said())
