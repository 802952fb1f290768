"""A runbook that has earned it is announced, run without a click, and loses that with the first bad run."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.domain.access.person import Person
from bot.domain.event import AlertEvent
from bot.domain.guards.freeze import GuardRules
from bot.domain.incident import Incident
from bot.domain.matcher import Matcher
from bot.domain.rules import Rules
from bot.domain.run import Decision, Run, RunStatus
from bot.domain.runs.autonomy import TANDEM
from bot.errors import Refused
from bot.incidents.lifecycle import acknowledge
from bot.incidents.permissions import Actor
from bot.incidents.silencing import add_silence
from bot.remediation.autonomy.announcing import Announcing
from bot.remediation.autonomy.record import cause_of
from bot.remediation.autonomy.stopping import stop
from bot.remediation.starting import Start
from bot.remediation.steps import Steps
from bot.storage.queries import audit, incidents, runs
from bot.storage.queries.runs import Claim
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage
from bot.storage.seal import Seal
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import Night, book, night

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
RULES = {"after": 3, "at_least": 0.3, "severity_at_most": "high", "notice": "60s"}
KEY = Seal(b"a key that is long enough for this")


def earning(**fields: Any) -> Any:
    return book(autonomy=RULES, **fields)


class Loop:
    """The loop that announces, with its seconds moved by hand."""

    def __init__(self, here: Night) -> None:
        self.here = here
        self.made = Announcing(here.pipeline.database, here.terms, here.pipeline.clock, lambda: here.seconds)

    async def look(self, *, after: float = 10.0, shows: bool = True) -> Run:
        """Two of its looks, a second apart; between them a channel may come to show what there is."""
        await self.here.pass_(after - 1)
        await self.made.look()
        if shows:
            await show(self.here)
        await self.here.pass_(1)
        await self.made.look()
        return await _last(self.here)


async def show(here: Night) -> None:
    """A channel shows its incidents as they are."""
    shown = [
        ChannelMessage(incident_id=one.id, channel="C1", ts="1.0", shown_version=one.version, threaded=True)
        for one in await here.pipeline.incidents()
    ]
    async with here.pipeline.database.write() as connection:
        await channel_messages.save_all(connection, shown)


async def _last(here: Night) -> Run:
    return (await here.pipeline.runs_of((await here.pipeline.incidents())[0]))[-1]


async def _with_record(pipeline: Pipeline, alert: MakeAlert, *ended: dict[str, Any], **how: Any) -> tuple[Night, Loop]:
    """A runbook whose runs ended so in an incident of before, and an incident in which it is offered."""
    pipeline.database.use_seal(KEY)
    here = await night(pipeline, None, how.pop("rules", None), restart=how.pop("restart", earning()))
    await here.pipeline.send(alert(**how))
    offered = await _last(here)
    incident = await here.pipeline.only_incident()
    await add_record(here, incident, offered, *ended)
    return here, Loop(here)


async def add_record(here: Night, incident: Incident, like: Run, *ended: dict[str, Any]) -> None:
    """Runs like this one that ended so in an incident of before."""
    at = here.pipeline.clock.now - timedelta(days=1)
    before = msgspec.structs.replace(incident, id="before", number=1000)
    made = [
        msgspec.structs.replace(
            like,
            id=f"run-{n}",
            incident_id="before",
            ended_at=at + timedelta(minutes=n),
            started_at=at,
            decisions=[Decision(fields.pop("by", "U1"), "approve", at)],
            **{"status": RunStatus.SUCCEEDED, "earned": True, "cause": cause_of(incident), **fields},
        )
        for n, fields in enumerate(map(dict, ended))
    ]
    async with here.pipeline.database.write() as connection:
        await incidents.save(connection, [before], {})
        await runs.save(connection, made)


GOOD: dict[str, Any] = {}
BAD: dict[str, Any] = {"status": RunStatus.ROLLED_BACK, "earned": None}


async def test_what_people_approved_often_enough_is_announced_run_and_verified_without_a_click(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3)
    announced = await loop.look()
    assert announced.status is RunStatus.PROPOSED
    assert announced.announced is not None
    assert announced.announced.runs == ["run-0", "run-1", "run-2"]
    timeline = await here.pipeline.timeline_of((await here.pipeline.incidents())[0])
    [said] = [text for text in timeline if text.startswith("Tandem will run")]
    assert said.startswith("Tandem will run “Restart checkout” by itself in 1m (3 verified successes, 0 failures")
    assert (await loop.look(after=49)).status is RunStatus.PROPOSED  # the notice
    approved = await loop.look(after=12)
    assert (approved.status, approved.approvals) == (RunStatus.APPROVED, [TANDEM])
    seconds = here.seconds
    here.at(seconds + 5, lambda: here.pipeline.send(alert("resolved")))
    ended = await here.carry_out(approved)
    assert (ended.status, ended.alone, ended.earned) == (RunStatus.SUCCEEDED, True, True)
    async with here.pipeline.database.read() as connection:
        actions = [row["action"] for row in await audit.entries(connection, f"run {ended.id}")]
    assert actions[:2] == ["run.announced", "run.approve"]


async def test_a_click_of_before_and_what_followed_are_what_is_counted(pipeline: Pipeline, alert: MakeAlert) -> None:
    here = await night(pipeline, restart=earning())
    await here.pipeline.send(alert())
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    ended = await here.carry_out(await here.approve())
    assert (ended.status, ended.earned, ended.cause != "") == (RunStatus.SUCCEEDED, True, True)


RECORDS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "too few": ([GOOD] * 2, {}),
    "a failure after them": ([*[GOOD] * 9, BAD], {}),
    "not enough approved anew": ([*[GOOD] * 9, BAD, GOOD, GOOD], {}),
    "a stop of a person after them": ([*[GOOD] * 9, {"status": RunStatus.STOPPED, "earned": None}], {}),
    "not verified": ([{"earned": False}] * 9, {}),
    "of Tandem alone": ([{"by": TANDEM}] * 9, {}),
    "another cause": ([{"cause": "data"}] * 9, {}),
    "too severe": ([GOOD] * 9, {"severity": "critical"}),
    "frozen": ([GOOD] * 9, {"rules": Rules(guards=GuardRules.model_validate({"freeze": [
        {"name": "always", "at": "00:00", "lasts": "24h"}]}))}),
    "off": ([GOOD] * 9, {"restart": book()}),
    "at another hour": ([GOOD] * 9, {"restart": book(autonomy={**RULES, "hours": {"at": "22:00", "lasts": "9h"}})}),
    "too many dependants": ([GOOD] * 9, {
        "rules": Rules(depends_on={"web": ["checkout"]}),
        "restart": book(autonomy={**RULES, "most_dependants": 0})}),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
async def test_what_is_not_earned_or_not_allowed_waits_for_a_click(
    pipeline: Pipeline, alert: MakeAlert, name: str
) -> None:
    ended, how = RECORDS[name]
    _, loop = await _with_record(pipeline, alert, *ended, **how)
    for _ in range(3):
        run = await loop.look(after=30)
    assert (run.status, run.announced) == (RunStatus.PROPOSED, None)


async def test_runs_of_an_incident_that_became_part_of_another_never_count(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 9)
    async with here.pipeline.database.write() as connection:
        before = await incidents.by_id(connection, "before")
        assert before is not None
        await incidents.save(connection, [msgspec.structs.replace(before, part_of="another")], {})
    assert (await loop.look()).announced is None


@pytest.mark.parametrize("when", [2, 8])
async def test_a_run_during_which_an_alert_of_it_was_silenced_never_counts(
    pipeline: Pipeline, alert: MakeAlert, when: int
) -> None:
    here = await night(pipeline, restart=earning())
    await here.pipeline.send(alert())

    async def silence() -> None:
        matchers, now = [Matcher("service", "=", "checkout")], here.pipeline.clock.now
        await add_silence(here.pipeline.database, matchers, timedelta(minutes=5), "", "U1", now, anyway=True)

    here.at(when, silence)
    here.at(5, lambda: here.pipeline.send(alert("resolved")))
    ended = await here.carry_out(await here.approve())
    assert (ended.status, ended.earned) == (RunStatus.SUCCEEDED, False)


async def test_stop_during_the_notice_runs_nothing_and_takes_the_autonomy_away(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3)
    run = await loop.look()
    with pytest.raises(Refused, match="You may not stop a run"):
        await stop(here.pipeline.database, run.id, Actor(Person("U5", member=False)), here.pipeline.clock.now)
    stopped = await stop(here.pipeline.database, run.id, "U5", here.pipeline.clock.now)
    assert (stopped.status, stopped.outcome) == (RunStatus.REJECTED, "Stopped by @U5 before it began: nothing was run.")
    await here.pipeline.send(alert("resolved"))
    here.pipeline.clock.pass_(hours=2)
    await here.pipeline.send(alert(starts_at=here.pipeline.clock.now))
    await loop.look(after=60)
    [again] = await here.pipeline.runs_of((await here.pipeline.incidents())[1])
    assert (again.status, again.announced) == (RunStatus.PROPOSED, None)
    with pytest.raises(Refused, match="there is nothing to stop"):
        await stop(here.pipeline.database, run.id, "U5", here.pipeline.clock.now)


async def test_stop_while_it_runs_ends_it_at_the_next_boundary(pipeline: Pipeline, alert: MakeAlert) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3)
    await loop.look()
    approved = await loop.look(after=61)
    here.at(here.seconds + 3, lambda: stop(here.pipeline.database, approved.id, "U5", here.pipeline.clock.now))
    ended = await here.carry_out(approved)
    assert ended.status is RunStatus.STOPPED
    assert ended.outcome.startswith("Stopped by @U5 before it was verified.")


async def test_stop_after_the_notice_and_before_the_start_runs_nothing(pipeline: Pipeline, alert: MakeAlert) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3)
    await loop.look()
    approved = await loop.look(after=61)
    await stop(here.pipeline.database, approved.id, "U5", here.pipeline.clock.now)
    assert not await here.steps.begin(Claim(approved.id, ""))
    assert (await here.load(approved)).status is RunStatus.STOPPED


async def test_somebody_who_takes_the_incident_over_during_the_notice_decides(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3)
    run = await loop.look()
    await acknowledge(here.pipeline.database, run.incident_id, "U7", here.pipeline.clock.now)
    taken_back = await loop.look()
    assert (taken_back.status, taken_back.announced) == (RunStatus.PROPOSED, None)
    assert (await loop.look(after=120)).status is RunStatus.PROPOSED


async def test_what_is_lost_between_the_approval_and_the_start_is_not_started(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3)
    await loop.look()
    approved = await loop.look(after=61)
    cause = cause_of((await here.pipeline.incidents())[0])
    failed = msgspec.structs.replace(approved, id="later", status=RunStatus.FAILED, ended_at=here.pipeline.clock.now)
    async with here.pipeline.database.write() as connection:
        await runs.save(connection, [msgspec.structs.replace(failed, incident_id="before", cause=cause)])
    assert not await here.steps.begin(Claim(approved.id, ""))
    ended = await here.load(approved)
    assert ended.status is RunStatus.EXPIRED
    assert "since its last bad run" in ended.outcome


async def test_nobody_is_asked_in_which_group_tandem_is(pipeline: Pipeline, alert: MakeAlert) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3, restart=earning(approval={"approvers": ["S0SHOP1"]}))
    await loop.look()
    approved = await loop.look(after=61)

    async def look_up(user: str, _groups: object) -> Person:
        return Person(user, unknown={"S0SHOP1": "Slack does not answer"})

    steps = Steps(here.records, {}, Start(here.records, here.terms, look_up))
    assert await asyncio.wait_for(steps.begin(Claim(approved.id, "")), 10)


async def test_what_no_channel_shows_is_not_run_and_its_notice_begins_when_one_does(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3)
    await show(here)  # as it was before it is announced
    assert (await loop.look(shows=False)).announced
    assert (await loop.look(after=300, shows=False)).status is RunStatus.PROPOSED
    assert (await loop.look(after=10)).status is RunStatus.PROPOSED
    assert (await loop.look(after=49)).status is RunStatus.PROPOSED
    assert (await loop.look(after=12)).status is RunStatus.APPROVED


async def test_no_jump_of_the_clock_shortens_the_notice(pipeline: Pipeline, alert: MakeAlert) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3)
    await loop.look()
    here.pipeline.clock.pass_(minutes=10)
    assert (await loop.look(after=2)).status is RunStatus.PROPOSED


async def test_an_approval_of_tandem_that_was_written_past_it_starts_nothing(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3)
    run = await loop.look()
    decisions = [Decision(TANDEM, "approve", here.pipeline.clock.now)]
    async with here.pipeline.database.write() as connection:
        await runs.save(connection, [msgspec.structs.replace(run, decisions=decisions, status=RunStatus.APPROVED)])
    assert not await here.steps.begin(Claim(run.id, ""))
    assert (await here.load(run)).status is RunStatus.FAILED


async def test_an_edit_of_the_runbook_begins_a_record_anew_and_switching_autonomy_on_does_not(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    here, loop = await _with_record(pipeline, alert, *[GOOD] * 3, restart=book())
    here.runbooks["restart"] = earning()
    assert (await loop.look()).announced is not None
    here.runbooks["restart"] = earning(title="Restart it")
    assert (await loop.look(after=61)).status is RunStatus.PROPOSED
