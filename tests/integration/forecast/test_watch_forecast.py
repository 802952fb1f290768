"""Limits that watched series will cross: said before it happens, edited, and over by itself."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

import pytest

from bot.domain.alert import Alert
from bot.domain.event import EndedBy, SamplesEvent, Series
from bot.domain.incident import IncidentStatus
from bot.domain.rules import Rules
from bot.domain.watched.telemetry import MetricRules
from bot.inbox.inbox import Inbox
from bot.maintenance.telemetry import TelemetryPruning
from bot.storage.database import Database
from bot.watches.configured import watches
from bot.watches.forecast.watch import ForecastWatch
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.integration.watches.metrics_driver import Labels, Metrics

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
QUEUE = {"__name__": "checkout_queue_length", "service": "checkout"}
CAPACITY = {"__name__": "checkout_queue_capacity", "service": "checkout"}


def rules(**forecast: object) -> Rules:
    given = {"limit": 1000, "ahead": "2h", **forecast}
    watch = {"queue": {"match": ["__name__=checkout_queue_length"], "by": ["service"], "forecast": given}}
    return Rules(metrics=MetricRules.model_validate({"watch": watch}), partitions=1)


class Level:
    """A queue whose length rises by so much a minute."""

    def __init__(self, clock: Clock, level: float = 200.0, rate: float = 0.0, noise: float = 5.0) -> None:
        self._clock, self._random, self._noise = clock, Random(3), noise
        self.turn(rate, level)

    def turn(self, rate: float, level: float | None = None) -> None:
        """Go on from here, or from another level, at another rate."""
        self._level = self.mean() if level is None else level
        self._since, self._rate = self._clock.now, rate

    def mean(self) -> float:
        return self._level + self._rate * (self._clock.now - self._since) / timedelta(minutes=1)

    def __call__(self) -> float:
        return self.mean() + self._random.gauss(0.0, self._noise)


class Forecasts(Metrics):
    """One sample of each series a minute; only limits are watched for, so that nothing else alerts."""

    def restart(self) -> None:
        super().restart()
        one = self.pipeline
        own = [watch for watch in watches(one.rules, one.clock) if isinstance(watch, ForecastWatch)]
        one.worker = type(one.worker)(one.services, one.worker._make_plan, own)

    async def until(self, holds: Callable[[list[Alert]], bool], most: int = 240) -> list[Alert]:
        for _ in range(most // 5):
            await self.minutes(5)
            found = await self.alerts()
            if holds(found):
                return found
        raise AssertionError(f"{most} minutes later: {await self.alerts()}")

    async def alerts(self) -> list[Alert]:
        return [one for incident in await self.pipeline.incidents() for one in await self.pipeline.alerts_of(incident)]


async def forecasts(database: Database, inbox: Inbox, clock: Clock, ruled: Rules, level: Level) -> Forecasts:
    found = Forecasts(await Pipeline(database, inbox, clock, ruled).prepare(), [(QUEUE, level)])
    await found.learn()
    return found


def fires(found: list[Alert]) -> bool:
    return bool(found) and found[0].firing


def is_over(found: list[Alert]) -> bool:
    return bool(found) and not found[0].firing


async def test_a_queue_that_grows_alerts_before_its_limit_and_is_edited_and_worse_until_it_shrinks(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    level = Level(clock)
    queue = await forecasts(database, inbox, clock, rules(), level)
    await queue.minutes(30)
    assert await queue.alerts() == []
    level.turn(rate=5.0)
    crosses = clock.now + timedelta(minutes=160)
    [alert] = await queue.until(fires, 160)
    lead = crosses - clock.now
    assert lead > timedelta(minutes=30)
    assert (alert.source, alert.name, alert.service) == ("tandem", "SaturationForecast", "checkout")
    assert alert.labels["metric"] == "checkout_queue_length" and alert.labels["watch"] == "queue"
    said = alert.annotations["summary"]
    assert said.startswith("checkout's queue length will exceed its limit of 1,000 in ") and "(probably " in said
    median = datetime.fromisoformat(alert.annotations["forecast_at"])
    assert abs(median - crosses) < timedelta(minutes=35)
    assert float(alert.annotations["probability"]) >= 0.8 and alert.annotations["limit"] == "1000"
    assert alert.chart is not None and set(alert.chart.lines) == {"observed", "forecast", "limit"}
    [edited] = await queue.until(lambda found: found[0].annotations["summary"] != said)
    assert edited.identity == alert.identity and len(await queue.pipeline.incidents()) == 1
    [worse] = await queue.until(lambda found: found[0].severity.value == "high")
    assert clock.now < crosses and worse.firing
    [incident] = await queue.pipeline.incidents()
    assert [(one.service, one.kind) for one in incident.causes] == [("checkout", "resource")]
    [beyond] = await queue.until(lambda found: "exceeds its limit" in found[0].annotations["summary"])
    assert beyond.firing
    level.turn(rate=0.0, level=200.0)
    await queue.until(is_over, 60)
    assert (await queue.pipeline.only_incident()).status is IncidentStatus.RESOLVED


@on_sqlite
async def test_growth_that_stops_ends_the_alert_before_the_limit(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    level = Level(clock)
    queue = await forecasts(database, inbox, clock, rules(), level)
    level.turn(rate=5.0)
    await queue.until(fires, 160)
    level.turn(rate=0.0)
    [alert] = await queue.until(is_over)
    assert level.mean() < 900 and alert.ended_by is EndedBy.SENDER


@on_sqlite
async def test_a_disk_that_fills_is_storage_below_its_limit(database: Database, inbox: Inbox, clock: Clock) -> None:
    given = {"limit": 50, "side": "below", "ahead": "2h"}
    watch = {"disk": {"match": ["__name__=node_filesystem_free_bytes"], "by": ["instance"], "forecast": given}}
    ruled = Rules(metrics=MetricRules.model_validate({"watch": watch}), partitions=1)
    level = Level(clock, level=800.0)
    labels = {"__name__": "node_filesystem_free_bytes", "instance": "db-1", "service": "db"}
    disk = Forecasts(await Pipeline(database, inbox, clock, ruled).prepare(), [(labels, level)])
    await disk.learn()
    level.turn(rate=-5.0)
    [alert] = await disk.until(fires, 150)
    assert alert.name == "DiskFullForecast"
    assert alert.annotations["summary"].startswith("db's node filesystem free will fall below its limit of 50 B in ")
    [incident] = await disk.pipeline.incidents()
    assert incident.causes[0].kind == "storage"


@on_sqlite
async def test_the_limit_may_be_another_series_which_grows(database: Database, inbox: Inbox, clock: Clock) -> None:
    capacity = [1000.0]
    level = Level(clock)
    flows: list[tuple[Labels, Callable[[], float]]] = [(QUEUE, level), (CAPACITY, lambda: capacity[0])]
    ruled = rules(limit={"metric": "checkout_queue_capacity"})
    queue = Forecasts(await Pipeline(database, inbox, clock, ruled).prepare(), flows)
    await queue.learn()
    level.turn(rate=5.0)
    [alert] = await queue.until(fires, 160)
    assert alert.annotations["limit"] == "1000"
    capacity[0] = 10_000.0
    await queue.until(is_over, 40)
    assert level.mean() < 1000


@on_sqlite
async def test_a_forecast_without_metrics_is_stale_and_says_so_and_does_not_count_as_over(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    level = Level(clock)
    queue = await forecasts(database, inbox, clock, rules(), level)
    level.turn(rate=5.0)
    await queue.until(fires, 160)
    for _ in range(20):
        await queue.pass_(minutes=1)
    [alert] = await queue.alerts()
    assert alert.firing and alert.annotations["stale"] == "true"
    assert alert.annotations["summary"].startswith("The forecast is stale, no metrics have come since ")
    await queue.minutes(1)
    [alert] = await queue.alerts()
    assert alert.firing and alert.annotations["stale"] == "false"
    await queue.pass_(hours=25)
    [alert] = await queue.alerts()
    assert not alert.firing and alert.ended_by is EndedBy.SOURCE_SILENT


@pytest.mark.parametrize("at", ["before", "while it fires"])
async def test_what_was_learnt_survives_a_restart_and_a_replay_and_nothing_is_said_twice(
    at: str, database: Database, inbox: Inbox, clock: Clock
) -> None:
    level = Level(clock)
    queue = await forecasts(database, inbox, clock, rules(), level)
    await queue.minutes(7)  # the snapshots are five minutes old, and what came since is replayed
    level.turn(rate=5.0)
    if at == "before":
        queue.restart()
        await queue.minutes(4)
        queue.restart()
    before = await queue.until(fires, 160)
    if at == "while it fires":
        queue.restart()
    await queue.minutes(1)
    after = await queue.alerts()
    assert [one.identity for one in after] == [one.identity for one in before] and after[0].firing
    assert after[0].annotations["summary"] == before[0].annotations["summary"]
    level.turn(rate=0.0, level=200.0)
    await queue.until(is_over, 60)


async def test_samples_stay_in_the_inbox_until_they_are_in_the_snapshots(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    queue = await forecasts(database, inbox, clock, rules(), Level(clock))
    await queue.minutes(2)
    clock.pass_(hours=2)
    pruning = TelemetryPruning(queue.pipeline.services)
    while await pruning.prune():
        pass
    assert (
        await inbox.entries_after(0, 0, 10)
    ).entries != []  # the metrics' watch is not there, and has learnt nothing


@on_sqlite
async def test_series_of_one_group_are_one_alert_about_the_first_to_cross(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    levels = [Level(clock, level=200.0), Level(clock, level=300.0), Level(clock, level=100.0)]
    flows = [({**QUEUE, "instance": f"c-{n}"}, level) for n, level in enumerate(levels)]
    queue = Forecasts(await Pipeline(database, inbox, clock, rules()).prepare(), flows)
    await queue.learn()
    for level in levels[:2]:
        level.turn(rate=5.0)
    [alert] = await queue.until(lambda found: fires(found) and "other of the group" in found[0].annotations["summary"])
    assert "checkout_queue_length {instance=c-1" in alert.annotations["description"].splitlines()[0]
    assert "instance" not in alert.labels


@on_sqlite
async def test_ticks_say_nothing_while_entries_wait(database: Database, inbox: Inbox, clock: Clock) -> None:
    level = Level(clock)
    queue = await forecasts(database, inbox, clock, rules(), level)
    level.turn(rate=5.0)
    await queue.until(fires, 160)
    clock.pass_(minutes=30)
    now = int(clock.now.timestamp() * 1000)
    await queue.pipeline.append(SamplesEvent("prometheus", {}, [Series(dict(QUEUE), [now], [level()])]))
    await queue.pipeline.worker.drain()
    [alert] = await queue.alerts()
    assert alert.annotations["stale"] == "false"


@on_sqlite
async def test_a_pod_that_is_replaced_crosses_nothing_more(database: Database, inbox: Inbox, clock: Clock) -> None:
    old, other = Level(clock), Level(clock, level=300.0)
    flows: list[tuple[Labels, Callable[[], float]]] = [({**QUEUE, "pod": "a"}, old), ({**QUEUE, "pod": "b"}, other)]
    queue = Forecasts(await Pipeline(database, inbox, clock, rules()).prepare(), flows)
    await queue.learn()
    old.turn(rate=5.0)
    await queue.until(fires, 160)
    queue.flows = flows[1:]
    [alert] = await queue.until(is_over, 40)
    assert alert.ended_by is EndedBy.SENDER


@on_sqlite
async def test_another_horizon_is_learnt_anew_which_does_not_count_as_over(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    level = Level(clock)
    queue = await forecasts(database, inbox, clock, rules(), level)
    level.turn(rate=5.0)
    await queue.until(fires, 160)
    queue.pipeline.rules = rules(ahead="3h")
    queue.restart()
    [alert] = await queue.until(is_over, 40)
    assert alert.ended_by is EndedBy.SOURCE_SILENT
