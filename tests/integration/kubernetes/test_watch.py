"""A cluster is watched: its objects become topology and changes, whatever the API server does meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.domain.change import Change
from bot.errors import LostLease
from bot.integrations.kubernetes import following, watching
from bot.integrations.kubernetes.watching import ClusterWatch
from bot.kubernetes import Cluster
from bot.kubernetes.resources import AUTOSCALERS, DEPLOYMENTS, INGRESSES, NODES, PODS, ROLLOUTS, SERVICES
from bot.storage.queries import changes, learnt_edges
from tests.acceptance.harness import until
from tests.integration.kubernetes.answers import failure
from tests.integration.kubernetes.api_server import ApiServer, Call, Thing
from tests.integration.kubernetes.things import autoscaler, deployment, node, pod
from tests.integration.pipeline_driver import Pipeline

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LOOK", "_PLACES_EVERY", "_SAVE_EVERY", "_HOMES_EVERY"):
        monkeypatch.setattr(watching, name, 0.02)
    monkeypatch.setattr(following, "_LEAST", 0.02)
    monkeypatch.setattr(following, "_REFUSED_FOR", 0.05)
    monkeypatch.setattr(following, "_RELIST", 0.02)


Looks = Callable[[], Awaitable[list[Change]]]


class Night:
    def __init__(self, pipeline: Pipeline, cluster: Cluster) -> None:
        self.pipeline = pipeline
        self.watch = ClusterWatch(pipeline.services, cluster, pipeline.inbox.append, {})

    async def changes(self) -> list[Change]:
        await self.pipeline.worker.drain()
        now = self.pipeline.clock.now
        async with self.pipeline.database.read() as connection:
            services = ["checkout", "payments", "worker-1", "worker-2"]
            spans = now.replace(year=now.year - 1), now.replace(year=now.year + 1)
            return await changes.between(connection, ["", "eu"], services, *spans)

    async def titles(self) -> list[str]:
        return sorted(one.title for one in await self.changes())

    async def edges(self, domain: str = "") -> set[tuple[str, str]]:
        async with self.pipeline.database.read() as connection:
            found = await learnt_edges.all_edges(connection, self.pipeline.clock.now)
        return {(edge.service, edge.depends_on) for edge, _ in found if edge.domain == domain}


@asynccontextmanager
async def watched(pipeline: Pipeline, cluster: Cluster) -> AsyncIterator[Night]:
    night = Night(pipeline, cluster)
    task = asyncio.create_task(night.watch.run())
    try:
        yield night
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def listed(server: ApiServer) -> None:
    """Every collection that there is has been listed, and is being watched."""

    async def all_of_them() -> bool:
        return {call.resource for call in server.calls if call.verb == "watch"} >= {"deployments", "services", "nodes"}

    await until(all_of_them, "everything is watched")


def shop(server: ApiServer) -> None:
    """An ingress before a service before a deployment, which runs on a node and says what it calls."""
    thing = deployment()
    thing["metadata"]["annotations"]["tandem/depends-on"] = "payments"
    server.add(DEPLOYMENTS, thing)
    selector = {"app.kubernetes.io/name": "checkout"}
    server.add(SERVICES, {"metadata": {"name": "checkout-svc", "namespace": "shop"}, "spec": {"selector": selector}})
    backend = {"service": {"name": "checkout-svc", "port": {"number": 80}}}
    rule = {"host": "shop.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    server.add(INGRESSES, {"metadata": {"name": "front", "namespace": "shop"}, "spec": {"rules": [rule]}})
    server.add(AUTOSCALERS, autoscaler("checkout-hpa", "checkout", 2, 6))
    server.add(NODES, node())
    server.add(PODS, pod())


@on_sqlite
async def test_workloads_services_ingresses_and_nodes_become_topology_without_a_line_of_configuration(
    server: ApiServer, cluster: Cluster, pipeline: Pipeline
) -> None:
    shop(server)
    async with watched(pipeline, cluster) as night:

        async def known() -> bool:
            return await night.edges() >= {
                ("front", "checkout-svc"),
                ("checkout-svc", "checkout"),
                ("checkout", "payments"),
                ("checkout", "worker-1"),
                ("checkout-hpa", "checkout"),
            }

        await until(known, "the topology is learnt")
    assert await night.titles() == [], "what was there before nobody changed"


async def test_a_rollout_a_scaling_and_a_cordon_become_changes_with_what_was_before(
    server: ApiServer, cluster: Cluster, pipeline: Pipeline
) -> None:
    shop(server)
    async with watched(pipeline, cluster) as night:
        await listed(server)
        server.change(
            DEPLOYMENTS,
            "shop",
            "checkout",
            lambda one: one["spec"]["template"]["spec"]["containers"][0].update(image="shop/checkout:1.4.2"),
        )
        server.change(DEPLOYMENTS, "shop", "checkout", lambda one: one["spec"].update(replicas=5))
        server.change(NODES, "", "worker-1", lambda one: one["spec"].update(unschedulable=True))
        wanted = ["checkout: 3 → 5 replicas", "checkout: image shop/checkout:1.4.1 → shop/checkout:1.4.2"]

        async def told() -> bool:
            return await night.titles() == [*wanted, "worker-1: cordoned"]

        await until(told, "the changes are told")


async def test_alerts_of_what_the_cluster_connects_are_one_incident_and_name_the_rollout(
    server: ApiServer, cluster: Cluster, pipeline: Pipeline, alert: Callable[..., object]
) -> None:
    shop(server)
    async with watched(pipeline, cluster) as night:

        async def known() -> bool:
            return ("checkout", "payments") in await night.edges()

        await until(known, "the topology is learnt")
        new = deployment("payments", image="shop/payments:2.0")
        new["metadata"]["creationTimestamp"] = pipeline.clock.now.isoformat()
        server.add(DEPLOYMENTS, new)

        async def told() -> bool:
            return any("payments" in title for title in await night.titles())

        await until(told, "the change is told")
        pipeline.clock.pass_(seconds=60)
        await pipeline.send(alert(service="payments"), alert(service="checkout"))  # type: ignore[arg-type]
        incident = await pipeline.only_incident()
    assert set(incident.services) == {"payments", "checkout"}
    assert incident.causes[0].service == "payments"
    assert any("deployment created (shop/payments:2.0)" in text for text in incident.causes[0].evidence)


def _scaled_to(replicas: int) -> Callable[[Thing], None]:
    return lambda one: one["spec"].update(replicas=replicas)


@on_sqlite
async def test_a_server_that_closes_every_watch_loses_no_change_and_is_not_listed_again(
    server: ApiServer, cluster: Cluster, pipeline: Pipeline
) -> None:
    shop(server)
    server.watch_for = 0.0
    async with watched(pipeline, cluster) as night:
        await listed(server)
        for replicas in (4, 5, 6):
            server.change(DEPLOYMENTS, "shop", "checkout", _scaled_to(replicas))
            server.watch_for = 0.05

        async def told() -> bool:
            return len(await night.titles()) == 3

        await until(told, "all three changes are told")
    lists = [call for call in server.calls if call.verb == "list" and call.resource == "deployments"]
    assert len(lists) == 1
    assert server.watches > 3


@on_sqlite
async def test_after_a_410_the_list_says_what_was_missed(
    server: ApiServer, cluster: Cluster, pipeline: Pipeline
) -> None:
    shop(server)
    server.watch_for = 0.0
    async with watched(pipeline, cluster) as night:
        await listed(server)
        server.history.clear()
        server.change(DEPLOYMENTS, "shop", "checkout", lambda one: one["spec"].update(replicas=9))
        server.history.clear()
        server.forget()

        async def told() -> bool:
            return await night.titles() == ["checkout: 3 → 9 replicas"]

        await until(told, "the change is found by the list")


async def test_what_changed_while_nobody_watched_is_found_afterwards(
    server: ApiServer, cluster: Cluster, pipeline: Pipeline
) -> None:
    shop(server)
    async with watched(pipeline, cluster) as first:

        async def saved() -> bool:
            return bool(first.watch._collections) and all(
                one.complete and not one.dirty for one in first.watch._collections
            )

        await until(saved, "what was seen is stored")
    server.change(DEPLOYMENTS, "shop", "checkout", lambda one: one["spec"].update(replicas=7))
    async with watched(pipeline, cluster) as second:

        async def told() -> bool:
            return await second.titles() == ["checkout: 3 → 7 replicas"]

        await until(told, "the change is found")


@on_sqlite
async def test_what_the_role_may_not_read_is_named_with_its_verb_and_the_rest_goes_on(
    server: ApiServer, cluster: Cluster, pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following.log, "error", lambda _event, **facts: said.append(facts["reason"]))
        shop(server)
        server.forbidden.add(("list", "ingresses"))
        async with watched(pipeline, cluster) as night:

            async def known() -> bool:
                return ("checkout-svc", "checkout") in await night.edges() and bool(said)

            await until(known, "the rest is learnt")
            await asyncio.sleep(0.2)
            server.forbidden.clear()

            async def allowed() -> bool:
                return ("front", "checkout-svc") in await night.edges()

            await until(allowed, "the right is there, and used")
    assert len(said) == 1, "said once"
    assert "the role lacks the verb 'list' on ingresses.networking.k8s.io in namespace shop" in said[0]


@on_sqlite
@pytest.mark.parametrize("code", [429, 500])
async def test_a_server_in_trouble_is_asked_again_as_late_as_it_says(
    server: ApiServer, cluster: Cluster, pipeline: Pipeline, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_LONGEST_BACKOFF", 0.05)
    shop(server)

    def busy(call: Call) -> web.Response | None:
        if call.resource != "deployments":
            return None
        return failure(code, "TooManyRequests", "busy", **{"Retry-After": "0"})

    server.faults += [busy, busy, busy]
    async with watched(pipeline, cluster) as night:

        async def known() -> bool:
            return ("checkout", "payments") in await night.edges()

        await until(known, "the topology is learnt all the same")


@on_sqlite
async def test_one_collection_that_hangs_holds_up_no_other(
    server: ApiServer, cluster: Cluster, pipeline: Pipeline
) -> None:
    shop(server)
    server.hanging.add("ingresses")
    server.missing.add("rollouts")
    async with watched(pipeline, cluster) as night:

        async def known() -> bool:
            return ("checkout-svc", "checkout") in await night.edges()

        await until(known, "the rest is learnt")
    assert ROLLOUTS.plural in {call.resource for call in server.calls}


@on_sqlite
async def test_edges_count_in_the_domains_that_alerts_come_in_where_the_configuration_names_none(
    server: ApiServer, cluster: Cluster, pipeline: Pipeline, alert: Callable[..., object]
) -> None:
    shop(server)
    await pipeline.send(alert(service="other", cluster="eu"))  # type: ignore[arg-type]
    async with watched(pipeline, cluster) as night:

        async def known() -> bool:
            return ("checkout", "payments") in await night.edges("eu")

        await until(known, "the topology is known where alerts come from")


async def test_a_replica_that_lost_the_role_says_so_and_not_as_a_group_of_errors(
    cluster: Cluster, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = ClusterWatch(pipeline.services, cluster, pipeline.inbox.append, {})

    async def lost() -> None:
        raise LostLease("another replica has the role")

    monkeypatch.setattr(watch, "_save", lost)
    with pytest.raises(LostLease):
        await watch.run()
