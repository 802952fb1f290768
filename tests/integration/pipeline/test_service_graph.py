"""Metrics of calls teach who depends on whom; what was learnt holds for incidents, and on ticks."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.event import AlertEvent, SamplesEvent, Series
from bot.domain.matcher import parse_matcher
from bot.domain.silence import Silence
from bot.pipeline.learning.service_graph import calls_in
from bot.storage.database import Database
from bot.storage.queries import learnt_edges, silences
from bot.storage.queries.learnt_edges import EVERYWHERE, EdgeKind, LearntEdge
from tests.conftest import Clock
from tests.integration.pipeline.test_learnt_edges import around
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
REQUESTS = "traces_service_graph_request_total"


def counted(client: str, server: str, value: float = 20.0, name: str = REQUESTS, **labels: str) -> Series:
    """As the collector's connector writes it."""
    given = {"__name__": name, "client": client, "server": server, "connection_type": "", "failed": "false"}
    return Series(given | labels, [1772366400000], [value])


def samples(*series: Series, **labels: str) -> SamplesEvent:
    return SamplesEvent("prometheus", labels, list(series))


async def calls(database: Database, clock: Clock, *edges: str) -> None:
    """Edges are written as in ``web>api``."""
    async with database.write() as connection:
        said = [LearntEdge("eu", *edge.split(">")) for edge in edges]
        await learnt_edges.learn(connection, 0, said, clock.now, kind=EdgeKind.CALLS)


@pytest.mark.parametrize(
    ("series", "pairs"),
    [
        (counted("web", "api"), [("web", "api")]),
        (counted("app", "db", connection_type="database"), [("app", "db")]),
        (counted("web", "api", name=f"servicegraph_{REQUESTS}"), [("web", "api")]),
        (counted("web", "api", name="traces_service_graph_request_failed_total"), []),
        (counted("web", "api", value=0.0), []),
        (counted("web", "api", value=float("nan")), []),
        (counted("web", "web"), []),
        (counted("", "api"), []),
        (counted("web", "unknown", connection_type="virtual_node"), []),
        (counted("user", "web", connection_type="virtual_node", virtual_node="client"), []),
        (counted("user", "web"), [("user", "web")]),
        (counted("web", "mysql", connection_type="virtual_node", virtual_node="server"), [("web", "mysql")]),
        (Series({"__name__": REQUESTS}, [1], [1.0]), []),
    ],
)
def test_who_calls_whom_is_read_from_requests_that_were_counted(series: Series, pairs: list[Any]) -> None:
    assert list(calls_in(samples(series))) == pairs


async def test_calls_that_are_counted_teach_in_their_domain_that_the_caller_depends_on_the_called(
    pipeline: Pipeline, clock: Clock
) -> None:
    await pipeline.send(samples(counted("web", "api"), counted("api", "db"), cluster="eu"))
    assert await around(pipeline.database, clock, "api") == {"api": ["db"], "web": ["api"]}
    assert await around(pipeline.database, clock, "api", domains=["us"]) == {}


async def test_calls_are_followed_as_far_as_the_topology_looks(database: Database, clock: Clock) -> None:
    await calls(database, clock, "a>b", "b>c", "c>d", "d>e")
    assert await around(database, clock, "a") == {"a": ["b"], "b": ["c"], "c": ["d"]}
    assert await around(database, clock, "e") == {"b": ["c"], "c": ["d"], "d": ["e"]}
    await calls(database, clock, "b>a")
    assert (await around(database, clock, "a"))["b"] == ["a", "c"]


async def test_a_gateway_may_call_very_many(database: Database, clock: Clock) -> None:
    await calls(database, clock, *(f"gateway>s{n}" for n in range(EVERYWHERE + 5)))
    assert len((await around(database, clock, "gateway"))["gateway"]) == EVERYWHERE + 5


async def test_around_a_service_that_everything_calls_there_is_a_bound(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learnt_edges, "MOST_AROUND", 3)
    await calls(database, clock, *(f"s{n}>auth" for n in range(5)))
    clock.pass_(minutes=1)
    await calls(database, clock, "late>auth", "far>s1")
    assert sorted(await around(database, clock, "auth")) == ["far", "late", "s0", "s1"]
    monkeypatch.setattr(learnt_edges, "MOST_AROUND", 2)
    assert sorted(await around(database, clock, "auth")) == ["late", "s0"]


async def test_where_a_service_runs_is_told_apart_from_what_it_calls(database: Database, clock: Clock) -> None:
    await calls(database, clock, "web>api")
    async with database.write() as connection:
        await learnt_edges.learn(connection, 0, [LearntEdge("eu", "web", "db-1")], clock.now)
        assert await learnt_edges.hosts_of(connection, "eu", ["web", "api"], clock.now) == {"web": {"db-1"}}
    assert await around(database, clock, "web") == {"web": ["api", "db-1"]}


async def test_alerts_meet_along_calls_and_the_called_service_is_the_cause(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(samples(counted("web", "api"), counted("shop", "api"), counted("api", "db")))
    await pipeline.send(alert(alertname="HighCPU", service="db"))
    for service in ("api", "web", "shop"):
        clock.pass_(seconds=20)
        await pipeline.send(alert(service=service))
    incident = await pipeline.only_incident()
    assert incident.services == ["db", "api", "web", "shop"]
    assert [cause.service for cause in incident.causes] == ["db"]


async def test_what_was_learnt_around_other_services_of_the_incident_counts_for_its_cause(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(samples(*(counted(service, "db") for service in ("web", "shop", "search"))))
    await pipeline.send(samples(counted("cache", "web")))
    await pipeline.send(
        alert(alertname="HighCPU", service="db"), *(alert(service=s) for s in ("web", "shop", "search"))
    )
    clock.pass_(minutes=1)
    await pipeline.send(alert(service="cache"))
    incident = await pipeline.only_incident()
    assert "cache, search, shop and 1 more depend on it (4 of 4 other affected)" in incident.causes[0].evidence


async def test_an_alert_whose_silence_ends_meets_its_incident_along_what_was_learnt(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(samples(counted("web", "db")))
    silence = Silence(
        id="s",
        matchers=[parse_matcher("service=web")],
        starts_at=clock.now,
        ends_at=clock.now + timedelta(minutes=2),
        created_by="U1",
    )
    async with pipeline.database.write() as connection:
        await silences.add(connection, silence)
    await pipeline.send(alert(service="web"))
    clock.pass_(minutes=1)
    await pipeline.send(alert(service="db"))
    clock.pass_(minutes=1)
    await pipeline.worker.tick()
    assert (await pipeline.only_incident()).services == ["db", "web"]
