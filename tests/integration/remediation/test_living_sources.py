"""While a run is verified, the sources of its alerts are asked: what nothing renews has not ended by their word."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import pytest

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.run import RunStatus
from bot.domain.runs.verification import Listing
from bot.domain.watched.heartbeat import Heartbeat
from bot.pipeline.worker import Worker
from bot.remediation.evidence import Evidence, watchdogs_in
from bot.watches.configured import watches
from tests.integration.pipeline_driver import Pipeline, plan_without_values
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Source:
    """Alertmanager's own list, as a test has it."""

    def __init__(self) -> None:
        self.ends: dict[str, datetime] = {}
        self.running_since: datetime | None = None

    async def read(self) -> Mapping[str, Listing]:
        return {"alertmanager": Listing(dict(self.ends), self.running_since)}


async def _here(pipeline: Pipeline, event: AlertEvent) -> tuple[Night, Source]:
    """An alert fires, and its source will have it for four seconds more unless it is renewed."""
    source = Source()
    here = await night(pipeline, evidence=Evidence(listings=source.read))
    await here.pipeline.send(event)
    source.ends = {event.fingerprint: here.pipeline.clock.now + timedelta(seconds=4)}
    return here, source


async def test_an_alert_that_ends_because_nothing_renews_it_verifies_nothing(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, source = await _here(pipeline, alert())
    run, clock = await here.approve(), here.pipeline.clock
    here.at(6, lambda: here.pipeline.send(alert("resolved", ends_at=clock.now - timedelta(seconds=2))))
    here.at(6, lambda: _forget(source))
    run = await here.carry_out(run)
    assert run.status is RunStatus.FAILED
    assert "HighLatency on checkout ended, but what it was found in no longer comes" in run.outcome


async def test_an_alert_that_its_source_ends_before_is_verified(pipeline: Pipeline, alert: MakeAlert) -> None:
    here, source = await _here(pipeline, alert())
    run, clock = await here.approve(), here.pipeline.clock
    here.at(3, lambda: here.pipeline.send(alert("resolved", ends_at=clock.now - timedelta(seconds=1))))
    here.at(3, lambda: _forget(source))
    assert (await here.carry_out(run)).status is RunStatus.SUCCEEDED


async def test_an_alert_that_ends_while_it_is_silenced_there_is_verified_by_the_list(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, source = await _here(pipeline, alert())
    run = await here.approve()
    here.at(1, lambda: _forget(source))  # and nothing is delivered
    source.ends = dict.fromkeys(source.ends, here.pipeline.clock.now + timedelta(minutes=4))
    assert (await here.carry_out(run)).status is RunStatus.SUCCEEDED


async def test_what_the_list_has_shown_to_be_ended_stays_so_after_the_moment_it_would_have_lapsed(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, source = await _here(pipeline, alert())
    run = await here.approve()
    here.at(1, lambda: _forget(source))  # three seconds before, and it has to stay ended for longer
    assert (await here.carry_out(run)).status is RunStatus.SUCCEEDED


async def test_what_is_back_in_the_list_fires_though_nothing_is_delivered(pipeline: Pipeline, alert: MakeAlert) -> None:
    here, source = await _here(pipeline, alert())
    run = await here.approve()
    again = dict.fromkeys(source.ends, here.pipeline.clock.now + timedelta(hours=1))
    here.at(1, lambda: _forget(source))
    here.at(7, lambda: _list(source, again))
    run = await here.carry_out(run)
    assert run.status is not RunStatus.SUCCEEDED
    assert "HighLatency on checkout still fires" in run.outcome


async def _list(source: Source, ends: Mapping[str, datetime]) -> None:
    source.ends = dict(ends)


async def test_a_source_that_restarted_without_its_data_verifies_nothing(pipeline: Pipeline, alert: MakeAlert) -> None:
    here, source = await _here(pipeline, alert())
    source.ends = dict.fromkeys(source.ends, here.pipeline.clock.now + timedelta(minutes=4))
    run = await here.approve()

    async def restart() -> None:
        source.running_since = here.pipeline.clock.now
        source.ends = {}

    here.at(3, restart)
    run = await here.carry_out(run)
    assert (run.status, "still fires" in run.outcome) == (RunStatus.ROLLED_BACK, True)


async def test_while_the_watchdog_of_prometheus_is_missed_nothing_is_verified(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    watchdog = Heartbeat.model_validate({"every": "10s", "grace": "1s", "alert": ['alertname="Watchdog"']})
    rules = Rules(runbooks={"restart": book()}, heartbeats={"prometheus": watchdog}, partitions=1)
    one = await Pipeline(pipeline.database, pipeline.inbox, pipeline.clock, rules).prepare()
    one.worker = Worker(one.services, plan_without_values, watches(rules, one.clock))
    here = Night(one, rules.runbooks, Evidence(watchdogs=watchdogs_in(rules)))
    await one.send(alert(alertname="Watchdog"), alert())
    run = await here.approve()
    here.at(5, lambda: one.send(alert("resolved")))
    here.at(12, one.worker.tick)
    run = await here.carry_out(run)
    assert run.status is RunStatus.FAILED
    assert "the heartbeat prometheus is missed" in run.outcome


async def _forget(source: Source) -> None:
    source.ends = {}
