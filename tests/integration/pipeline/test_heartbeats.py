"""Heartbeats that stop are alerts, on both databases."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.domain.event import AlertEvent, PingEvent
from bot.domain.incident import IncidentStatus
from bot.domain.rules import Rules
from bot.domain.watched.heartbeat import Heartbeat
from bot.inbox.inbox import Inbox
from bot.pipeline.worker import Worker
from bot.storage.database import Database
from bot.watches.configured import watches
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, make_alert, plan_without_values

MakeAlert = Callable[..., AlertEvent]
BACKUP = Heartbeat(every=timedelta(hours=1), grace=timedelta(minutes=5), service="backup")
WATCHDOG = Heartbeat.model_validate({"every": "5m", "alert": ["alertname=Watchdog"]})
PING = PingEvent("heartbeat", "nightly", {})


class Beating(Pipeline):
    """The pipeline with its watches; ``restart`` is what a new process has."""

    def restart(self) -> None:
        found = watches(self.rules, self.clock)
        self.worker = Worker(self.services, plan_without_values, found)


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Beating:
    rules = Rules(heartbeats={"nightly": BACKUP, "watchdog": WATCHDOG})
    beating = Beating(database, inbox, clock, rules)
    await beating.prepare()
    beating.restart()
    return beating


async def test_a_heartbeat_that_stops_is_an_incident_and_its_return_ends_it(pipeline: Beating, clock: Clock) -> None:
    await pipeline.send(PING)
    clock.pass_(minutes=64)
    await pipeline.send(PingEvent("heartbeat", "nightly", {}))
    clock.pass_(minutes=64)
    await pipeline.worker.tick()
    missed = [incident for incident in await pipeline.incidents() if incident.services]
    assert missed == []
    clock.pass_(minutes=2)
    await pipeline.worker.tick()
    [incident] = [incident for incident in await pipeline.incidents() if incident.services]
    assert (incident.title, incident.services) == ("backup sends no heartbeat", ["backup"])
    [alert] = await pipeline.alerts_of(incident)
    assert "nightly was last heard of at 13:04:00 UTC" in alert.annotations["summary"]
    await pipeline.send(PING)
    [incident] = [incident for incident in await pipeline.incidents() if incident.services]
    assert incident.status is IncidentStatus.RESOLVED


async def test_one_that_never_came_is_missed_from_the_start_of_the_bot_on(pipeline: Beating, clock: Clock) -> None:
    await pipeline.worker.tick()
    clock.pass_(minutes=7)
    await pipeline.worker.tick()
    [watchdog] = await pipeline.incidents()
    assert watchdog.title == "Heartbeat missed"


async def test_a_ping_that_tells_of_a_failure_is_an_incident_until_the_next_good_one(
    pipeline: Beating, clock: Clock
) -> None:
    await pipeline.send(PingEvent("heartbeat", "nightly", {}, failed=True))
    assert (await pipeline.only_incident()).title == "backup reports a failure"
    clock.pass_(minutes=1)
    await pipeline.send(PING)
    assert not (await pipeline.only_incident()).open


async def test_the_watchdog_is_no_incident_while_it_fires_and_one_when_it_stops(
    pipeline: Beating, clock: Clock
) -> None:
    alert = make_alert(clock)
    for _ in range(3):
        await pipeline.send(alert(alertname="Watchdog", service=""))
        clock.pass_(minutes=5)
        await pipeline.worker.tick()
    assert await pipeline.incidents() == []
    clock.pass_(minutes=2)
    await pipeline.worker.tick()
    [incident] = await pipeline.incidents()
    [missed] = await pipeline.alerts_of(incident)
    assert missed.labels["heartbeat"] == "watchdog"


async def test_a_restart_neither_forgets_a_heartbeat_nor_tells_of_it_twice(pipeline: Beating, clock: Clock) -> None:
    await pipeline.send(PING)
    clock.pass_(minutes=60)
    pipeline.restart()
    await pipeline.worker.tick()
    clock.pass_(minutes=6)
    pipeline.restart()
    await pipeline.worker.tick()
    clock.pass_(minutes=6)
    pipeline.restart()
    await pipeline.worker.tick()
    [incident] = [incident for incident in await pipeline.incidents() if incident.services == ["backup"]]
    [alert] = await pipeline.alerts_of(incident)
    assert (alert.episode, alert.repeats) == (1, 0)
