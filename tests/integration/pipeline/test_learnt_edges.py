"""Alerts teach on which host a service runs; what they taught is found around a name, bounded, and forgotten."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.event import AlertEvent, Event
from bot.domain.rules import Rules
from bot.inbox.inbox import Entry
from bot.pipeline.batch import Batch, Trigger
from bot.pipeline.stage import stages_on
from bot.pipeline.stages.learn_topology import learn_topology, learnt_around
from bot.remediation.planning import make_plan
from bot.storage.database import Database
from bot.storage.queries import learnt_edges
from bot.storage.queries.learnt_edges import EVERYWHERE, KEPT, LearntEdge
from detectors.topology import Topology
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.statements import statements_of

MakeAlert = Callable[..., AlertEvent]
HOUR = timedelta(hours=1)


async def around(database: Database, clock: Clock, *names: str, domains: Iterable[str] = ("eu",)) -> dict[str, Any]:
    async with database.read() as connection:
        return await learnt_edges.learnt_edges(connection, domains, names, clock.now)


async def learn(database: Database, clock: Clock, *edges: str, domain: str = "eu", partition: int = 0) -> None:
    """Edges are written as in ``web>host-1``."""
    async with database.write() as connection:
        said = [LearntEdge(domain, *edge.split(">")) for edge in edges]
        await learnt_edges.learn(connection, partition, said, clock.now)


async def seen(database: Database, clock: Clock) -> dict[str, timedelta]:
    """Every edge, and how long ago it was last seen."""
    async with database.read() as connection:
        known = await learnt_edges.all_edges(connection, clock.now)
    return {f"{edge.service}>{edge.depends_on}": clock.now - last for edge, last in known}


async def test_an_alert_with_a_service_and_a_host_teaches_that_the_service_runs_there(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(
        alert(service="checkout", instance="10.0.0.5:8080", cluster="eu"),
        alert(service="forecast", node="worker-3", pod="forecast-0", instance="10.244.1.7:80", cluster="eu"),
    )
    assert await around(pipeline.database, clock, "10.0.0.5") == {"checkout": ["10.0.0.5"]}
    assert await around(pipeline.database, clock, "forecast") == {"forecast": ["worker-3"]}


async def test_what_names_no_host_or_only_what_scrapes_it_teaches_nothing(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert(service="checkout"), alert(service="", job="node-exporter", instance="db-1:9100"))
    assert await seen(pipeline.database, clock) == {}


async def test_an_alert_that_fires_on_teaches_on_and_one_that_ends_teaches_nothing(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert("resolved", host="db-1"), alert(alertname="Down", host="db-2"))
    assert await seen(pipeline.database, clock) == {"checkout>db-2": timedelta(0)}
    clock.pass_(days=1)
    await pipeline.send(alert(alertname="Down", host="db-2"))
    assert await seen(pipeline.database, clock) == {"checkout>db-2": timedelta(0)}


async def test_what_alerts_teach_is_known_before_they_are_correlated() -> None:
    names = [stage.name for stage in stages_on(Trigger.ENTRIES)]
    assert names.index("claim") < names.index("learn_topology") < names.index("correlate")


async def test_who_says_again_what_is_known_is_not_looked_around_for(pipeline: Pipeline, alert: MakeAlert) -> None:
    asked = []
    for events in ([alert(host="db-1")], [alert(host="db-1")], [alert(host="db-1", severity="critical")]):
        with statements_of(pipeline.database) as performed:
            await pipeline.send(*events)
        asked.append(sum("learnt_edge" in statement for statement, _ in performed))
    first, again, worse = asked
    assert again == 1, "whether it was taught lately"
    assert first > worse > 1


async def test_a_batch_knows_what_lies_around_the_services_and_hosts_of_its_alerts(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await learn(pipeline.database, clock, "cart>db-1", "search>db-2", "old>db-3", domain="")
    await learn(pipeline.database, clock, "elsewhere>db-1", domain="eu")
    host_down = alert(service="", job="node-exporter", instance="db-1:9100")
    events: list[Event] = [host_down, alert(service="search"), alert(host="db-4")]
    entry = Entry(1, clock.now, events)
    batch = Batch(0, clock.now, Rules(), Topology({}), make_plan, pipeline.inbox, entries=[entry])
    async with pipeline.database.write() as connection:
        await learn_topology(batch, connection)
        found = await learnt_around(batch, connection)
    assert found == {"cart": ["db-1"], "checkout": ["db-4"], "search": ["db-2"]}


async def test_around_a_host_are_the_services_on_it_and_around_a_service_those_that_share_its_hosts(
    database: Database, clock: Clock
) -> None:
    await learn(database, clock, "web>h1", "api>h1", "api>h2", "db>h2", "far>h3")
    assert await around(database, clock, "h1") == {"api": ["h1"], "web": ["h1"]}
    assert await around(database, clock, "web") == {"api": ["h1"], "web": ["h1"]}
    assert await around(database, clock, "api") == {"api": ["h1", "h2"], "db": ["h2"], "web": ["h1"]}
    assert await around(database, clock, "web", "h3", "unknown") == {"api": ["h1"], "far": ["h3"], "web": ["h1"]}
    assert await around(database, clock, "unknown") == await around(database, clock) == {}


async def test_a_name_tells_only_in_its_domain(database: Database, clock: Clock) -> None:
    await learn(database, clock, "web>h1")
    await learn(database, clock, "api>h1", domain="us")
    assert await around(database, clock, "h1") == {"web": ["h1"]}
    assert await around(database, clock, "h1", domains=("eu", "us")) == {"api": ["h1"], "web": ["h1"]}


async def test_what_is_seen_again_is_renewed_and_not_written_each_time(database: Database, clock: Clock) -> None:
    await learn(database, clock, "web>h1")
    clock.pass_(minutes=59)
    await learn(database, clock, "web>h1", "web>h1")
    assert await seen(database, clock) == {"web>h1": timedelta(minutes=59)}
    clock.pass_(minutes=1)
    await learn(database, clock, "web>h1")
    assert await seen(database, clock) == {"web>h1": timedelta(0)}


async def test_what_is_not_seen_for_a_week_is_forgotten(database: Database, clock: Clock) -> None:
    await learn(database, clock, "web>h1", "api>h1")
    clock.now += KEPT
    assert await around(database, clock, "web") == {"api": ["h1"], "web": ["h1"]}
    await learn(database, clock, "api>h1")
    clock.pass_(seconds=1)
    assert await around(database, clock, "web", "h1") == {"api": ["h1"]}
    await learn(database, clock, "db>h2")
    async with database.read() as connection:
        assert len(await learnt_edges.all_edges(connection, clock.now - 2 * KEPT)) == 2


async def test_beyond_the_bound_of_a_partition_those_seen_longest_ago_go(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learnt_edges, "MOST", 3)
    await learn(database, clock, "other>h1", partition=1)
    for edge in ("a>h1", "b>h1", "c>h1"):
        clock.pass_(minutes=1)
        await learn(database, clock, edge)
    clock.now += HOUR
    await learn(database, clock, "a>h1", "d>h1")
    assert set(await seen(database, clock)) == {"a>h1", "c>h1", "d>h1", "other>h1"}


async def test_a_flood_of_hosts_at_one_moment_stays_below_the_bound_and_does_not_empty_it(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learnt_edges, "MOST", 50)
    await learn(database, clock, *(f"s{i}>h{i}" for i in range(1500)))
    assert len(await seen(database, clock)) == 45


async def test_a_service_that_was_seen_nearly_everywhere_ties_no_hosts_together(
    database: Database, clock: Clock
) -> None:
    await learn(database, clock, "web>h0", *(f"agent>h{i}" for i in range(EVERYWHERE + 1)))
    await learn(database, clock, *(f"pool>p{i}" for i in range(EVERYWHERE)))
    assert await around(database, clock, "h0", "agent") == {"web": ["h0"]}
    assert len((await around(database, clock, "pool"))["pool"]) == EVERYWHERE


async def test_more_names_than_one_statement_takes_are_all_looked_for(database: Database, clock: Clock) -> None:
    await learn(database, clock, *(f"s{i}>h{i}" for i in range(0, 2500, 100)))
    assert len(await around(database, clock, *(f"s{i}" for i in range(2500)))) == 25


async def test_nothing_observed_writes_nothing(database: Database, clock: Clock) -> None:
    async with database.write() as connection:
        await learnt_edges.learn(connection, 0, [], clock.now)
    assert await seen(database, clock) == {}


async def test_what_is_taught_for_longer_is_kept_for_longer_also_when_it_is_seen_again_and_others_are_not(
    database: Database, clock: Clock
) -> None:
    await learn(database, clock, "web>h1")
    async with database.write() as connection:
        await learnt_edges.learn(connection, 0, [LearntEdge("eu", "a", "b")], clock.now, timedelta(days=90))
    assert await around(database, clock, "web", "a") == {"a": ["b"], "web": ["h1"]}
    clock.pass_(days=1)
    await learn(database, clock, "a>b")
    clock.pass_(days=80)
    assert await around(database, clock, "web", "a") == {"a": ["b"]}
    clock.pass_(days=10)
    assert await around(database, clock, "a") == {}


async def test_what_is_unlearnt_is_known_no_longer_in_that_domain(database: Database, clock: Clock) -> None:
    await learn(database, clock, "a>b", "b>a", "a>c")
    await learn(database, clock, "a>b", domain="us")
    async with database.write() as connection:
        await learnt_edges.unlearn(connection, "eu", [("a", "b"), ("b", "a"), ("x", "y")])
        await learnt_edges.unlearn(connection, "eu", [])
    assert await around(database, clock, "a") == {"a": ["c"]}
    assert await around(database, clock, "a", domains=("us",)) == {"a": ["b"]}


async def test_an_alert_on_a_host_meets_the_alert_of_the_service_that_runs_there_and_no_other(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert(service="checkout", instance="db-1:80"), alert(service="search", instance="db-2:80"))
    clock.pass_(minutes=1)
    await pipeline.send(alert(alertname="HostDown", service="", job="node-exporter", instance="db-1:9100"))
    assert [incident.services for incident in await pipeline.incidents()] == [["checkout", "db-1"], ["search"]]


async def test_around_the_incident_of_a_batch_only_what_the_batch_has_not_looked_at_is_looked_up(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    def names(asked: list[tuple[str, Any]]) -> list[set[str]]:
        found = []
        for statement, values in asked:
            if "count(*) >" in statement and "FROM learnt_edge" in statement:
                given = values.values() if isinstance(values, dict) else values
                found.append({"web", "api"}.intersection(map(str, given)))
        return found

    web, api = alert(service="web", instance="h1"), alert(service="api", instance="h1")
    await pipeline.send(alert(service="", job="node-exporter", instance="h1:9100"), web, api)
    assert {"web", "api"} < set((await pipeline.only_incident()).services)
    with statements_of(pipeline.database) as asked:
        await pipeline.send(alert(alertname="Slow", service="web", instance="h1"))
    both, of_the_batch, of_the_incident = {"web", "api"}, {"web"}, {"api"}
    assert names(asked) == [of_the_batch, both, of_the_incident, both]  # both are on the host: they may be on very many
    with statements_of(pipeline.database) as asked:
        await pipeline.send(*(alert(alertname="Slower", service=name, instance="h1") for name in ("web", "api")))
    assert names(asked) == [both, both]


@pytest.mark.parametrize(("most", "whole"), [(3, False), (2000, True)])
async def test_what_is_looked_up_says_whether_it_is_all(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, most: int, whole: bool
) -> None:
    monkeypatch.setattr(learnt_edges, "MOST_AROUND", most)
    await learn(database, clock, "web>h1", "web>h2", "api>h1", "db>h1")
    async with database.read() as connection:
        assert (await learnt_edges.look_around(connection, ["eu"], ["web"], clock.now)).whole is whole
