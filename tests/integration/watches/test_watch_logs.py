"""Log lines flow in minute by minute: what is abnormal becomes an incident, also across restarts and failures."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.event import ChangeEvent, ChangeKind, Event, LogLine, LogsEvent
from bot.domain.incident import IncidentStatus
from bot.domain.rules import Rules
from bot.domain.watched.telemetry import LogRules
from bot.inbox.inbox import Inbox, open_inbox
from bot.maintenance.telemetry import TelemetryPruning
from bot.pipeline.worker import Worker
from bot.storage.database import Database, open_database
from bot.storage.queries import snapshots as detector_state
from bot.watches.configured import watches
from bot.watches.logs.watch import LogsWatch
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, plan_without_values

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LEARNT = 200
MINUTE_MS = 60_000


def rules(**logs: object) -> Rules:
    watch = {"shop": {"match": ["service=~.+"], "severity": "high"}}
    return Rules(logs=LogRules.model_validate({"watch": watch, **logs}), partitions=2)


def lines(begin: int, count: int = 12, text: str = "order {} was placed") -> list[LogLine]:
    return [LogLine(begin + n * MINUTE_MS // count, text.format(n)) for n in range(count)]


class Flow:
    """A service that writes twelve lines a minute, and what else it is told to."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline, self.clock = pipeline, pipeline.clock
        self.restart()

    def restart(self) -> None:
        """A process that knows nothing but what is stored."""
        one = self.pipeline
        found = watches(one.rules, one.clock)[0]
        assert isinstance(found, LogsWatch)
        self.watch = found
        one.worker = Worker(one.services, plan_without_values, [self.watch])

    @property
    def now(self) -> int:
        return int(self.clock.now.timestamp() * 1000)

    def event(self, *said: LogLine, service: str = "checkout", **labels: str) -> LogsEvent:
        return LogsEvent("otlp", {"service": service, **labels}, list(said))

    async def learn(self, minutes: int = LEARNT) -> None:
        """What came before now, ten minutes at a time."""
        for ago in range(minutes, 0, -10):
            begin = self.now - ago * MINUTE_MS
            said = [line for n in range(min(10, ago)) for line in lines(begin + n * MINUTE_MS)]
            await self.pipeline.append(self.event(*said))
        await self.pipeline.worker.drain()

    async def minutes(self, count: int, *more: Callable[[int], list[LogLine]], usual: bool = True) -> None:
        """Minutes in which lines come, each delivered at its end, with a tick."""
        for _ in range(count):
            said = [line for write in more for line in write(self.now)] + (lines(self.now) if usual else [])
            await self.pass_(minutes=1)
            if said:
                await self.pipeline.send(self.event(*said))

    async def pass_(self, **span: float) -> None:
        self.clock.pass_(**span)
        await self.pipeline.worker.tick()

    async def names(self) -> list[tuple[str, str, str]]:
        """The alerts of all incidents: name, status, summary."""
        found = [await self.pipeline.alerts_of(incident) for incident in await self.pipeline.incidents()]
        return [(one.name, one.status.value, one.annotations["summary"]) for alerts in found for one in alerts]


def many(begin: int) -> list[LogLine]:
    return lines(begin, 228)


def new(begin: int) -> list[LogLine]:
    return [LogLine(begin, "replica of the ledger is behind by 17 s")]


@pytest.fixture
async def flow(database: Database, inbox: Inbox, clock: Clock) -> Flow:
    flow = Flow(await Pipeline(database, inbox, clock, rules()).prepare())
    await flow.learn()
    return flow


async def test_lines_that_come_more_often_are_an_incident_that_ends_when_they_do_not(flow: Flow) -> None:
    await flow.minutes(3)
    assert await flow.pipeline.incidents() == []
    await flow.minutes(4, many)
    [(name, status, summary)] = await flow.names()
    assert (name, status) == ("LogRateAnomaly", "firing")
    assert summary == "“order <*> was placed” came 240 times a minute, 12 expected"
    incident = await flow.pipeline.only_incident()
    [alert] = await flow.pipeline.alerts_of(incident)
    assert (alert.service, alert.severity, alert.source) == ("checkout", "high", "tandem")
    assert alert.chart is not None
    await flow.minutes(10)
    assert [status for _, status, _ in await flow.names()] == ["resolved"]
    assert (await flow.pipeline.only_incident()).status is IncidentStatus.RESOLVED


async def test_lines_that_stop_are_found_by_the_clock_alone(flow: Flow) -> None:
    await flow.minutes(3)
    for _ in range(30):
        await flow.pass_(seconds=20)
    [(name, status, _)] = await flow.names()
    assert (name, status) == ("LogLineStopped", "firing")
    await flow.minutes(4)
    assert [status for _, status, _ in await flow.names()] == ["resolved"]


@on_sqlite
async def test_a_new_line_after_a_deploy_says_so(flow: Flow) -> None:
    await flow.minutes(3)
    changed: Event = ChangeEvent(
        "github", "42", "checkout", ChangeKind.DEPLOY, "Deploy", flow.clock.now, {}, version="v2.1"
    )
    await flow.pipeline.send(changed)
    await flow.minutes(1, new)
    await flow.minutes(2)
    [(name, _, summary)] = await flow.names()
    assert name == "UnseenLogLine" and summary.endswith("after the deploy v2.1 of checkout")


async def test_a_restart_forgets_nothing_and_raises_nothing_twice(flow: Flow) -> None:
    await flow.minutes(3, many)
    fired = await flow.names()
    for _ in range(3):
        flow.restart()
        await flow.minutes(1, many)
    flow.restart()
    await flow.pass_(seconds=10)
    assert await flow.names() == fired and len(fired) == 1
    [incident] = await flow.pipeline.incidents()
    [alert] = await flow.pipeline.alerts_of(incident)
    assert (alert.episode, alert.repeats) == (1, 0)
    await flow.minutes(10)
    assert [status for _, status, _ in await flow.names()] == ["resolved"]


async def test_what_came_behind_the_last_snapshot_is_learnt_from_the_inbox(flow: Flow) -> None:
    await flow.pipeline.send(flow.event(*lines(flow.now, 3, "index {} was rebuilt")))
    untouched = flow.watch
    flow.restart()
    await flow.pass_(seconds=5)
    [before] = [group for memory in untouched._snapshots for group in memory.groups.values()]
    [after] = [group for memory in flow.watch._snapshots for group in memory.groups.values()]
    assert after.stream.miner.state() == before.stream.miner.state()
    assert after.stream.state()["open"] == before.stream.state()["open"]


@on_sqlite
async def test_the_time_in_which_the_bot_was_down_is_no_silence(flow: Flow) -> None:
    await flow.minutes(3)
    flow.restart()
    flow.clock.pass_(hours=5)
    await flow.pass_(seconds=5)
    await flow.minutes(10)
    assert await flow.pipeline.incidents() == []


async def test_a_batch_that_fails_is_learnt_once(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    await flow.minutes(3)
    save = detector_state.save
    failed: list[int] = []

    async def fail_once(*args: object) -> None:
        if not failed:
            failed.append(1)
            raise RuntimeError("the disk is full")
        await save(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(detector_state, "save", fail_once)
    begin = flow.now
    flow.clock.pass_(minutes=2)  # a snapshot is due
    await flow.pipeline.send(flow.event(*lines(begin), *many(begin)))
    assert failed
    await flow.minutes(2)
    [(_, _, summary)] = await flow.names()
    assert summary == "“order <*> was placed” came 240 times a minute, 12 expected"


@on_sqlite
async def test_a_delivery_that_is_repeated_counts_once(flow: Flow) -> None:
    event = flow.event(*lines(flow.now, 100))
    for _ in range(10):
        await flow.pipeline.send(event)
    await flow.pass_(minutes=2)
    await flow.minutes(3)
    assert all(name != "LogRateAnomaly" or "100 times" in summary for name, _, summary in await flow.names())


@on_sqlite
async def test_more_groups_than_may_be_are_left_out_and_room_is_made_by_forgetting(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    ruled = rules(most_streams=2, forget_after="1h")
    flow = Flow(await Pipeline(database, inbox, clock, ruled).prepare())
    for n in range(50):
        await flow.pipeline.send(flow.event(*lines(flow.now), service=f"service-{n}"))
    assert flow.watch._count() == 2
    for _ in range(8):
        await flow.pass_(minutes=10)
    assert flow.watch._count() == 0
    async with database.read() as connection:
        kept = [await detector_state.load(connection, partition, "logs") for partition in range(2)]
    assert {name for found in kept for name in found} <= {""}
    await flow.pipeline.send(flow.event(*lines(flow.now), service="service-49"))
    assert flow.watch._count() == 1


@on_sqlite
async def test_what_fires_is_resolved_when_its_watch_is_taken_out_of_the_configuration(flow: Flow) -> None:
    await flow.minutes(4, many)
    assert [status for _, status, _ in await flow.names()] == ["firing"]
    flow.pipeline.rules = rules(watch={"other": {"match": ["service=other"]}})
    flow.restart()
    await flow.pass_(seconds=5)
    assert [status for _, status, _ in await flow.names()] == ["resolved"]
    assert flow.watch._count() == 0


@on_sqlite
async def test_streams_of_other_domains_are_groups_of_their_own(database: Database, inbox: Inbox, clock: Clock) -> None:
    flow = Flow(await Pipeline(database, inbox, clock, rules()).prepare())
    for cluster in ("eu", "us"):
        await flow.pipeline.send(flow.event(*lines(flow.now), cluster=cluster))
    assert flow.watch._count() == 2


@on_sqlite
async def test_a_snapshot_that_cannot_be_read_is_left_out(flow: Flow) -> None:
    async with flow.pipeline.database.write() as connection:
        for partition in range(2):
            states = await detector_state.load(connection, partition, "logs")
            broken = {name: b"\xc1broken" for name in states if name}
            await detector_state.save(connection, partition, "logs", broken, 10**6, flow.clock.now)
    flow.restart()
    await flow.minutes(3)
    assert flow.watch._count() == 1 and await flow.pipeline.incidents() == []


async def test_a_crash_between_two_batches_loses_no_line_and_no_finding(tmp_path: Path, clock: Clock) -> None:
    """A process for each minute, as if it were killed every time: it ends as one process does."""

    begin = clock.now

    async def told(folder: Path, restarts: bool) -> list[tuple[str, str, str]]:
        folder.mkdir()
        clock.now = begin
        database = open_database(f"sqlite:///{folder}/tandem.db")
        await database.migrate()
        inbox = open_inbox(database)
        await inbox.prepare(0)
        flow = Flow(await Pipeline(database, inbox, clock, rules()).prepare())
        await flow.learn()
        for minute in range(12):
            if restarts:
                flow.restart()
            await flow.minutes(1, *([many] if 4 <= minute < 6 else []), *([new] if minute == 2 else []))
        found = await flow.names()
        await inbox.close()
        await database.close()
        return found

    assert await told(tmp_path / "one", restarts=False) == await told(tmp_path / "other", restarts=True)


async def test_lines_that_were_learnt_are_deleted_from_the_inbox_and_nothing_else_is(flow: Flow) -> None:
    change = ChangeEvent("changes", "1", "checkout", ChangeKind.DEPLOY, "checkout 2", flow.clock.now)
    await flow.pipeline.send(change)
    await flow.minutes(70)
    one = flow.pipeline
    pruning = TelemetryPruning(one.services)
    while await pruning.prune():
        pass
    left = [
        event
        for partition in (0, 1)
        for entry in (await one.inbox.entries_after(partition, 0, 10_000)).entries
        for event in entry.events
    ]
    assert [event for event in left if isinstance(event, ChangeEvent)] == [change]
    assert 0 < sum(isinstance(event, LogsEvent) for event in left) <= 62
    flow.restart()
    await flow.minutes(3)
    assert await flow.names() == []


async def test_an_alert_of_lines_without_a_service_is_about_the_one_that_their_traces_name(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    of_hosts = Rules(logs=LogRules.model_validate({"watch": {"files": {"match": ["host=~.+"], "by": ["host"]}}}))
    flow = Flow(await Pipeline(database, inbox, clock, of_hosts).prepare())

    def bare(text: str, service: str = "") -> LogsEvent:
        return LogsEvent("otlp", {"host": "n1"}, [LogLine(flow.now + n, f"{text} {n}") for n in range(4)], service)

    for _ in range(130):
        await flow.pass_(minutes=1)
        await flow.pipeline.send(bare("order was placed"))
    await flow.pipeline.send(bare("panic: ledger is behind by", "cart"))
    await flow.pass_(minutes=2)
    [alert] = await flow.pipeline.alerts_of(await flow.pipeline.only_incident())
    assert (alert.name, alert.service, alert.labels["host"]) == ("UnseenLogLine", "cart", "n1")
