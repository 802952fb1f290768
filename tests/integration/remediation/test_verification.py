"""A run is verified by what fired when it was approved, and by nothing else."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from bot.domain.event import AlertEvent, EndedBy
from bot.domain.matcher import parse_matchers
from bot.domain.run import Phase, RunStatus
from bot.incidents.lifecycle import acknowledge, resolve
from bot.incidents.silencing import add_silence
from bot.remediation.starting import Start
from bot.remediation.steps import Steps
from bot.storage.database import Database
from bot.storage.queries import alerts
from bot.storage.queries.runs import Claim
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class _ResolvedMeanwhile(Steps):
    """A person resolves the incident while a step is performed."""

    async def perform(self, claim: Claim, phase: Phase, position: int) -> bool | None:
        done = await super().perform(claim, phase, position)
        if phase is Phase.STEP:
            incident_id = (await self._records.load(claim)).incident_id
            await resolve(self._records.database, incident_id, "U7", self._records.clock())
        return done


@pytest.fixture
async def here(pipeline: Pipeline) -> Night:
    return await night(pipeline)


async def test_what_resolves_and_stays_so_is_verified(here: Night, alert: MakeAlert) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()
    here.at(20, lambda: here.pipeline.send(alert("resolved")))
    run = await here.carry_out(run)
    assert run.status is RunStatus.SUCCEEDED
    assert run.outcome == "Verified: the alerts have resolved and stayed so for 10s."
    assert here.seconds == 30


async def test_an_unrelated_alert_that_joins_is_named_and_does_not_count(here: Night, alert: MakeAlert) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()
    here.at(5, lambda: here.pipeline.send(alert(alertname="NewVersion", severity="info")))
    here.at(8, lambda: here.pipeline.send(alert("resolved")))
    run = await here.carry_out(run)
    assert run.status is RunStatus.SUCCEEDED
    assert run.outcome.endswith("Later came NewVersion on checkout, which does not count.")


async def test_what_ends_for_two_seconds_and_fires_again_is_not_verified_and_is_named(
    here: Night, alert: MakeAlert
) -> None:
    await here.pipeline.send(alert(pod="a"), alert(pod="b"))
    run = await here.approve()
    here.at(10, lambda: here.pipeline.send(alert("resolved", pod="a"), alert("resolved", pod="b")))
    here.at(12, lambda: here.pipeline.send(alert(pod="b", starts_at=here.pipeline.clock.now)))
    run = await here.carry_out(run)
    assert run.status is RunStatus.ROLLED_BACK
    assert "HighLatency on checkout (pod=b) still fires" in run.outcome
    assert "pod=a" not in run.outcome


async def test_what_fires_again_as_the_time_runs_out_is_not_verified(here: Night, alert: MakeAlert) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()
    here.at(58, lambda: here.pipeline.send(alert("resolved")))
    here.at(65, lambda: here.pipeline.send(alert(starts_at=here.pipeline.clock.now)))
    assert (await here.carry_out(run)).status is RunStatus.ROLLED_BACK
    assert here.seconds == 65


@pytest.mark.parametrize("ended_by", [EndedBy.SOURCE_SILENT, EndedBy.EXPIRED, EndedBy.NEW_REFERENCE])
async def test_an_end_that_is_only_silence_verifies_nothing_and_undoes_nothing(
    here: Night, alert: MakeAlert, ended_by: EndedBy
) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()
    here.at(5, lambda: here.pipeline.send(msgspec.structs.replace(alert("resolved"), ended_by=ended_by)))
    run = await here.carry_out(run)
    assert run.status is RunStatus.FAILED
    assert run.outcome.startswith("It could not be verified within 1m: HighLatency on checkout ended, but ")
    assert "Nothing was rolled back" in run.outcome


async def test_an_end_that_its_sender_was_asked_for_is_the_senders_word(here: Night, alert: MakeAlert) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()
    here.at(5, lambda: here.pipeline.send(msgspec.structs.replace(alert("resolved"), ended_by=EndedBy.RECONCILED)))
    assert (await here.carry_out(run)).status is RunStatus.SUCCEEDED


async def test_an_alert_that_is_no_longer_known_verifies_nothing(here: Night, alert: MakeAlert) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()

    async def prune() -> None:
        async with here.pipeline.database.write() as connection:
            await connection.exec_driver_sql("DELETE FROM alert")

    here.at(5, prune)
    run = await here.carry_out(run)
    assert (run.status, "HighLatency on checkout is no longer known" in run.outcome) == (RunStatus.FAILED, True)


async def test_a_silence_made_meanwhile_changes_nothing_about_what_its_sender_reports(
    here: Night, alert: MakeAlert
) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()
    clock = here.pipeline.clock
    matchers = parse_matchers('alertname="HighLatency"')
    here.at(2, lambda: add_silence(here.pipeline.database, matchers, timedelta(hours=1), "", "U2", clock.now))
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    here.at(8, lambda: here.pipeline.send(alert(starts_at=clock.now)))  # in no incident, and it fires all the same
    run = await here.carry_out(run)
    assert (run.status, "still fires" in run.outcome) == (RunStatus.ROLLED_BACK, True)


async def test_a_fix_that_worked_is_verified_though_it_was_silenced_meanwhile(here: Night, alert: MakeAlert) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()
    matchers, now = parse_matchers('alertname="HighLatency"'), here.pipeline.clock.now
    here.at(2, lambda: add_silence(here.pipeline.database, matchers, timedelta(hours=1), "", "U2", now))
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    assert (await here.carry_out(run)).status is RunStatus.SUCCEEDED


async def test_alerts_that_come_over_from_another_incident_do_not_count(
    here: Night, alert: MakeAlert, database: Database
) -> None:
    await here.pipeline.send(alert())
    first = await here.pipeline.only_incident()
    run = await here.approve()
    here.pipeline.clock.pass_(minutes=30)
    await here.pipeline.send(alert(alertname="Other", service="search"))
    other = (await here.pipeline.incidents())[-1]
    assert other.id != first.id

    async def merge() -> None:
        async with database.write() as connection:
            await alerts.move(connection, other.id, first.id)

    here.at(2, merge)
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    run = await here.carry_out(run)
    assert (run.status, "Later came Other on search" in run.outcome) == (RunStatus.SUCCEEDED, True)


async def test_a_detectors_alert_that_waits_to_be_sure_is_verified_by_its_data(here: Night, alert: MakeAlert) -> None:
    finding = msgspec.structs.replace(alert(), source="tandem")
    await here.pipeline.send(finding)
    run = await here.approve()
    good = msgspec.structs.replace(finding, good_since=here.pipeline.clock.now)
    here.at(5, lambda: here.pipeline.send(good))
    assert (await here.carry_out(run)).status is RunStatus.SUCCEEDED
    assert here.seconds == 15


async def test_a_flapping_alert_is_judged_by_what_it_says_and_not_by_the_hold_of_its_flapping(
    here: Night, alert: MakeAlert
) -> None:
    for _ in range(4):
        await here.pipeline.send(alert(starts_at=here.pipeline.clock.now))
        here.pipeline.clock.pass_(seconds=10)
        await here.pipeline.send(alert("resolved"))
        here.pipeline.clock.pass_(seconds=10)
    await here.pipeline.send(alert(starts_at=here.pipeline.clock.now))
    assert (await here.pipeline.alerts_of(await here.pipeline.only_incident()))[0].flapping
    run = await here.approve()
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    assert (await here.carry_out(run)).status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)])
async def test_a_jump_of_the_clock_neither_ends_nor_prolongs_a_verification(
    here: Night, alert: MakeAlert, jump: timedelta
) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()

    async def jumps() -> None:
        here.pipeline.clock.now += jump

    here.at(5, jumps)
    assert (await here.carry_out(run)).status is RunStatus.ROLLED_BACK
    assert here.seconds == 60


async def test_after_a_restart_a_verification_has_the_time_that_was_left(here: Night, alert: MakeAlert) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()

    async def crash() -> None:
        raise KeyboardInterrupt

    here.at(45, crash)
    with pytest.raises(KeyboardInterrupt):
        await here.carry_out(run)
    here.pipeline.clock.pass_(hours=5)  # nobody looked
    after = Night(here.pipeline, here.runbooks)
    assert (await after.carry_out(run)).status is RunStatus.ROLLED_BACK
    assert after.seconds == 20  # it was written down at 40


async def test_a_person_who_resolves_the_incident_stops_the_verification_and_nothing_is_undone(
    here: Night, alert: MakeAlert
) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()
    incident, clock = await here.pipeline.only_incident(), here.pipeline.clock
    here.at(5, lambda: resolve(here.pipeline.database, incident.id, "U7", clock.now))
    run = await here.carry_out(run)
    assert (run.status, here.seconds) == (RunStatus.STOPPED, 5)
    expected = "Stopped: resolved by @U7 before it was verified. HighLatency on checkout still fires."
    assert run.outcome == f"{expected} Nothing was rolled back."


async def test_behind_a_person_who_looks_after_the_incident_by_now_nothing_is_undone(
    here: Night, alert: MakeAlert
) -> None:
    await here.pipeline.send(alert())
    run = await here.approve()
    incident, clock = await here.pipeline.only_incident(), here.pipeline.clock
    here.at(5, lambda: acknowledge(here.pipeline.database, incident.id, "U7", clock.now))
    run = await here.carry_out(run)
    assert run.status is RunStatus.STOPPED
    assert "@U7 looks after the incident now" in run.outcome
    assert "HighLatency on checkout still fires" in run.outcome


async def test_a_failed_step_is_not_undone_behind_a_person_who_has_resolved_the_incident(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here = await night(pipeline, restart=book(steps=[{"command": {"argv": ["false"]}}]))
    await here.pipeline.send(alert())
    run = await here.approve()
    here.steps = _ResolvedMeanwhile(here.records, {}, Start(here.records, here.terms), here.verifier)
    run = await here.carry_out(run)
    assert run.status is RunStatus.STOPPED
    assert "@U7 has resolved the incident. Nothing was rolled back." in run.outcome
