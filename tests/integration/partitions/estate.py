"""An estate that is in use: incidents, alerts in every condition, what was learnt; and a look at where all of it is."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import select

from bot.components.partitions.offline import Offline
from bot.domain.alert import AlertRules
from bot.domain.event import (
    AlertEvent,
    EdgesEvent,
    LineageEvent,
    LlmEvent,
    LogLine,
    LogsEvent,
    PingEvent,
    SamplesEvent,
    Series,
    partition_of,
)
from bot.domain.incident import Incident, IncidentStatus
from bot.domain.lineage.observed import Run, RunState
from bot.domain.llm.observed import Measure, Tally
from bot.domain.rules import CorrelationRules, Rules
from bot.domain.watched.heartbeat import Heartbeat
from bot.domain.watched.telemetry import LogRules, MetricRules
from bot.inbox import offsets
from bot.inbox.inbox import Inbox
from bot.pipeline.worker import Worker
from bot.storage import homes
from bot.storage.database import Database, table_of
from bot.storage.queries import co_occurrence
from bot.storage.queries.deeds import anew, held
from bot.storage.tables.core import DetectorStateRow
from bot.watches import homes as pieces
from bot.watches.configured import watches
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, make_alert, plan_without_values

CLUSTERS = [f"eu-{number}" for number in range(6)]
_STATE = table_of(DetectorStateRow)

Make = Callable[..., AlertEvent]


def ruled(partitions: int = 16, by: Sequence[str] = ("cluster",)) -> Rules:
    forecast = {"limit": {"metric": "capacity"}, "ahead": "2h"}
    watch = {"latency": {"match": ["__name__=~latency.*"], "one_false_alarm_in": "7d", "forecast": forecast}}
    lines = {"errors": {"match": ["app=~.+"]}}
    return Rules(
        correlation=CorrelationRules(partition_by=list(by)),
        alerts=AlertRules(),
        metrics=MetricRules.model_validate({"watch": watch}),
        logs=LogRules.model_validate({"watch": lines}),
        heartbeats={
            f"backup-{one}": Heartbeat.model_validate({"every": "1h", "labels": {"cluster": one}}) for one in CLUSTERS
        },
        partitions=partitions,
    )


def job_ended(cluster: str, run: str, state: RunState, clock: Clock) -> LineageEvent:
    at = int(clock.now.timestamp() * 1000)
    return LineageEvent("openlineage", {"cluster": cluster}, at, Run("load", run, state))


class Estate:
    def __init__(self, database: Database, inbox: Inbox, clock: Clock, rules: Rules) -> None:
        self.pipeline = Pipeline(database, inbox, clock, rules)
        self.clock = clock
        self.start(rules)

    def start(self, rules: Rules) -> None:
        """Processes that know nothing but what is stored."""
        one = self.pipeline
        one.rules = rules
        self.watches = watches(rules, one.clock)
        one.worker = Worker(one.services, plan_without_values, self.watches)

    @property
    def offline(self) -> Offline:
        """As the command works on it: with watches of its own."""
        return self.towards(self.pipeline.rules)

    def towards(self, rules: Rules) -> Offline:
        return Offline(self.pipeline.services, watches(self.pipeline.rules, self.clock), rules)

    async def change(self, wanted: int, by: Sequence[str] = ("cluster",)) -> None:
        offline = self.towards(ruled(self.pipeline.rules.partitions, by))
        await offline.work_off()
        assert await offline.losses(wanted) == []
        await offline.change(wanted)
        self.start(ruled(wanted, by))

    async def all_end(self, *further: str) -> list[Incident]:
        """All that fires ends, also these alerts of the second cluster; returns the incidents, which are over."""
        self.clock.pass_(minutes=11)
        ends_at, alert = self.clock.now, make_alert(self.clock)
        for cluster in CLUSTERS:
            await self.pipeline.send(
                job_ended(cluster, "r2", RunState.COMPLETE, self.clock)
            )  # it is known that r1 failed
            names = ["HighLatency", *{CLUSTERS[0]: ("Flaps",), CLUSTERS[1]: further}.get(cluster, ())]
            for name in names:
                host = {"host": "node-1"} if name == "HighLatency" else {}
                await self.pipeline.send(alert("resolved", cluster=cluster, alertname=name, ends_at=ends_at, **host))
        for _ in range(3):
            self.clock.pass_(minutes=10)
            await self.pipeline.worker.tick()
        incidents = await self.pipeline.incidents()
        assert {one.status for one in incidents} == {IncidentStatus.RESOLVED}
        return incidents

    async def start_anew(self) -> None:
        async with self.pipeline.database.write() as connection:
            await offsets.prepare(connection, self.pipeline.rules.partitions, self.pipeline.inbox.identity)

    async def samples(self, minutes: int) -> None:
        now = int(self.clock.now.timestamp() * 1000)
        times = [now - 60_000 * ago for ago in range(minutes, 0, -1)]
        for cluster in CLUSTERS:
            labels = {"__name__": "latency_seconds", "service": "checkout", "cluster": cluster}
            capacity = Series({**labels, "__name__": "capacity"}, times, [5.0] * minutes)
            await self.pipeline.append(
                SamplesEvent("prometheus", {"cluster": cluster}, [Series(labels, times, [0.1] * minutes), capacity])
            )

    async def fill(self, make: Make) -> None:
        """An incident in each cluster; beside it what is learnt, and alerts that flap, wait and are held."""
        await self.start_anew()
        await self.samples(50)
        for cluster in CLUSTERS:
            edges = EdgesEvent("traces", {"cluster": cluster}, [("checkout", "cart")])
            ping = PingEvent("ping", f"backup-{cluster}", {"cluster": cluster})
            at = int(self.clock.now.timestamp() * 1000)
            lines = LogsEvent("otlp", {"cluster": cluster, "app": "checkout"}, [LogLine(at, "it went well", "info")])
            tally = Tally(Measure.LATENCY, "gpt", "", "", "", [(0.5, 20)])
            called = LlmEvent("otlp", {"cluster": cluster, "service": "assistant"}, at, [tally])
            job = job_ended(cluster, "r1", RunState.FAILED, self.clock)
            await self.pipeline.send(make(cluster=cluster, host="node-1"), edges, ping, lines, called, job)
        for _ in range(3):  # one that flaps
            for status in ("resolved", "firing"):
                self.clock.pass_(seconds=20)
                await self.pipeline.send(make(status, cluster=CLUSTERS[0], alertname="Flaps", ends_at=self.clock.now))
        first = (await self.pipeline.incidents())[0]
        async with self.pipeline.database.write() as connection:
            await held.hold(connection, first.id, first.partition, self.clock.now)
            await anew.ask(connection, first.id, first.partition)
            for one in await self.pipeline.incidents():
                pair = {("checkout", "search"): 1.0}
                await co_occurrence.learn(connection, one.partition, one.domain, pair, self.clock.now)
        self.clock.pass_(seconds=30)

    async def see_that_all_is_at_home(self) -> None:
        """Every row is in the partition of its domain, offsets and marks agree."""
        rules, database = self.pipeline.rules, self.pipeline.database
        async with database.read() as connection:
            assert sorted(await offsets.positions(connection)) == list(range(rules.partitions))
            for table in homes.BY_DOMAIN:
                rows = (await connection.execute(select(table.c.domain, table.c.partition))).all()
                assert rows, table.name
                assert {row[1] == partition_of(row[0], rules.partitions) for row in rows} == {True}, table.name
            incident = {i.id: i.partition for i in await self.pipeline.incidents()}
            for table in homes.BY_INCIDENT:
                rows = (await connection.execute(select(table.c.incident_id, table.c.partition))).all()
                assert all(incident[row[0]] == row[1] for row in rows), table.name
            moves = await pieces.plan(connection, rules)
            assert not moves.unreadable
            assert [one for one in moves.pieces if one.home != one.partition] == []

    async def learnt(self) -> Mapping[tuple[str, str], bytes]:
        """Everything that watches have written down, by watch and name, wherever it is."""
        async with self.pipeline.database.read() as connection:
            rows = (await connection.execute(select(_STATE.c.watch, _STATE.c.name, _STATE.c.state))).all()
        own = [(watch, name, bytes(state)) for watch, name, state in rows if name and not name.startswith("limit:")]
        found = {(watch, name): state for watch, name, state in own}
        assert len(found) == len(own)
        return found

    async def limits(self) -> Mapping[str, set[bytes]]:
        """The limits that others report: each is wherever series have it."""
        async with self.pipeline.database.read() as connection:
            mine = _STATE.c.name.startswith("limit:")
            found: dict[str, set[bytes]] = {}
            for name, state in await connection.execute(select(_STATE.c.name, _STATE.c.state).where(mine)):
                found.setdefault(name, set()).add(bytes(state))
        return found
