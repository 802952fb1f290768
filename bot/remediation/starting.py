"""The start of an approved run: everything that it was approved under is checked again, and its target taken.

Between the click and the start, time passes: a crash, a restart, another run on the same target. What was approved runs
under the conditions that it was approved under, or not at all.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.access.person import Person, groups_in
from bot.domain.duration import format_duration
from bot.domain.guards.hold import Guard, Hold, held_up_by
from bot.domain.incident import Incident
from bot.domain.run import Run, RunStatus, plan_hash
from bot.domain.runbook import definition_hash
from bot.domain.runs.autonomy import TANDEM
from bot.incidents.guarding import Subject, frozen_by
from bot.observability.metrics import RUNS_ENDED
from bot.remediation.approval import Terms, holds_now, is_outside, watched_now
from bot.remediation.autonomy.deciding import why_not_alone
from bot.remediation.autonomy.record import cause_of
from bot.remediation.records import RunRecords, until_stored
from bot.storage.queries import incidents, runs
from bot.storage.queries.runs import Claim

LOOK_EVERY = 1.0
_EVERYWHERE = ""
"""What is one thing for all correlation domains is taken in this one."""
_TAMPERED = "The stored plan is not the one that was approved: nothing was run."


PersonLookup = Callable[[str, Collection[str]], Awaitable[Person]]
"""Somebody, and which of these user groups they are in."""


async def ungrouped(user: str, _groups: Collection[str]) -> Person:
    """Where nobody can be asked about groups."""
    return Person(user)


class Start:
    """Starts runs under ``terms``, those of tandem.yaml as it is now."""

    def __init__(self, records: RunRecords, terms: Terms, look_up: PersonLookup = ungrouped) -> None:
        self._records = records
        self._terms = terms
        self._runbooks = terms.runbooks
        self._look_up = look_up

    async def begin(self, claim: Claim) -> bool:
        """Mark the run as running, as soon as no other one works on its target. False where it may not start."""
        while True:
            run = await self._records.load(claim)
            if run.status is not RunStatus.APPROVED:
                return run.status in (RunStatus.RUNNING, RunStatus.VERIFYING) and await self._is_untouched(claim, run)
            people = await self._people(run)
            if await self._still_waits(claim, run, people):
                await asyncio.sleep(LOOK_EVERY)
            else:
                await self._start(claim, run, people)

    def is_approved(self, run: Run) -> bool:
        """Whether the stored plan is the one that was offered, and as many people as required have approved it.

        Nobody can write that into the database without the key of the seals.
        """
        if not hmac.compare_digest(plan_hash(run.plan).encode(), run.plan_hash.encode()):
            return False
        seal = self._records.database.seal
        enough = run.alone or len(set(run.approvals)) >= run.required
        return seal is None or (runs.is_authentic(seal, run) and enough)

    async def _people(self, run: Run) -> list[Person]:
        """Those who approved it, as they are known now."""
        runbook = self._runbooks.get(run.runbook)
        breakers = self._terms.guards.rules.glass_breakers if run.glass else set[str]()
        teams = self._terms.guards.teams
        members = teams.members_of(teams.of_services(run.plan.targets)) if self._minds_teams(run) else []
        named = [*(runbook.approval.approvers if runbook else []), *members]
        groups = groups_in([*run.approvers, *named, *breakers])
        users = sorted({*run.approvals, *([run.glass.user] if run.glass else [])} - {TANDEM})
        return [Person(user) if not groups else await self._look_up(user, groups) for user in users]

    def _minds_teams(self, run: Run) -> bool:
        runbook = self._runbooks.get(run.runbook)
        return runbook is not None and runbook.approval.other_team

    async def _is_untouched(self, claim: Claim, run: Run) -> bool:
        """A run that a crash interrupted goes on under the plan that was approved."""
        if self.is_approved(run):
            return True
        await self._records.finish(claim, RunStatus.FAILED, _TAMPERED)
        return False

    @until_stored
    async def _still_waits(self, claim: Claim, run: Run, people: list[Person]) -> bool:
        """Whether it waits, for what its row says already, and nothing else has changed."""
        if not run.outcome:
            return False
        async with self._records.reading(claim) as connection:
            incident = await incidents.by_id(connection, run.incident_id)
            if incident is None or self._why_not(run, incident, people)[1]:
                return False
            if unknown := _unknown(run, people):
                return run.outcome == unknown
            at_once = self._terms.guards.rules.per_target
            holder = await runs.target_holder(connection, incident.domain, run.plan.targets, run.id, at_once)
            holder = holder or await runs.target_holder(connection, _EVERYWHERE, run.plan.registered, run.id)
            return holder is not None and run.outcome == await _waits_for(connection, run, holder, at_once)

    @until_stored
    async def _start(self, claim: Claim, run: Run, people: list[Person]) -> None:
        """Decide, in one transaction with what is decided by: it starts, waits, or ends without having begun."""
        async with self._records.writing(claim, run) as connection:
            await runs.lock_starts(connection)
            now = self._records.clock()
            locked = await runs.by_id(connection, run.id, lock=True)
            incident = await incidents.by_id(connection, run.incident_id)
            if locked is None or incident is None or locked.status is not RunStatus.APPROVED:
                return
            status, why = self._why_not(locked, incident, people)
            holds = [] if why else await holds_now(connection, self._terms, locked, incident, now) or self._cooling(run)
            if holds:
                status, why = RunStatus.EXPIRED, _not_started(f"it may not be run now because of {held_up_by(holds)}")
            if not why and locked.alone:
                status, why = await self._why_not_alone(connection, locked, incident, now)
            if why:
                await self._refuse(connection, locked, status, why, now)
                return
            waits = _unknown(locked, people) or await self._take_targets(connection, incident, locked, now)
            if waits:
                waiting = msgspec.structs.replace(locked, outcome=waits)
                await self._records.save_in(connection, waiting, f"{run.plan.title}: {waits}", "run.waiting")
                return
            watched = locked.watched or await watched_now(connection, run.incident_id)
            started = msgspec.structs.replace(
                locked, status=RunStatus.RUNNING, outcome="", watched=watched, started_at=now, holds=[]
            )
            started = msgspec.structs.replace(started, cause=cause_of(incident))
            await self._records.save_in(connection, started, f"Running: {run.plan.title}", "run.running")

    async def _refuse(self, connection: AsyncConnection, run: Run, status: RunStatus, why: str, now: datetime) -> None:
        ended = msgspec.structs.replace(run, status=status, outcome=why, ended_at=now)
        text = f"{run.plan.title}: {status}. {why}"
        await self._records.save_in(connection, ended, text, f"run.{status}", {"outcome": why})
        RUNS_ENDED.labels(status.value).inc()

    def _why_not(self, run: Run, incident: Incident, people: list[Person]) -> tuple[RunStatus, str]:
        """How the run ends instead of starting, and why, in words; no words where it may start."""
        if not self.is_approved(run):
            return RunStatus.FAILED, _TAMPERED
        why = self._what_changed(run, incident, people)
        return RunStatus.EXPIRED, _not_started(why) if why else ""

    def _what_changed(self, run: Run, incident: Incident, people: list[Person]) -> str:
        runbook = self._runbooks.get(run.runbook)
        if not incident.open:
            return f"incident #{incident.number} is resolved"
        if self._records.clock() >= run.expires_at:
            return "the time until which the approval holds is over" + (f". {run.outcome}" if run.outcome else "")
        if runbook is None:
            return "its runbook is no longer in tandem.yaml"
        if definition_hash(runbook) != run.plan.definition:
            return "its runbook was edited after the approval"
        if why := self._why_glass_is_whole(run, people):
            return why
        if run.alone:
            return ""  # what people may do is no part of it; what was earned is looked at in the transaction
        approvers = runbook.approval.approvers
        barred = "" if runbook.approval.proposer_may_approve else run.proposed_by
        approved = [one for one in people if one.id in run.approvals and one.id != barred]
        valid = [
            one for one in approved if _may_still_approve(one, run.approvers) and _may_still_approve(one, approvers)
        ]
        teams, approval = self._terms.guards.teams, runbook.approval
        lacks = approval.other_team and not any(is_outside(one, teams, run.plan.targets) for one in valid)
        if len(valid) < max(run.required, approval.required) or lacks:
            return "who approved it may no longer approve it"
        return ""

    async def _why_not_alone(
        self, connection: AsyncConnection, run: Run, incident: Incident, now: datetime
    ) -> tuple[RunStatus, str]:
        if run.stopped_by:
            return RunStatus.STOPPED, f"Stopped by @{run.stopped_by} before it began: nothing was run."
        why, _ = await why_not_alone(connection, self._terms, run, incident, now)
        return RunStatus.EXPIRED, _not_started("; ".join(why)) if why else ""

    def _cooling(self, run: Run) -> list[Hold]:
        """The cool-down by seconds that this process has counted: no jump of the clock ends it."""
        limits, since = self._runbooks[run.runbook].limits, self._records.seconds_since_end(run)
        cooldown = limits.cooldown if limits else None
        if cooldown is None or since is None or since >= cooldown.total_seconds():
            return []
        return [Hold(Guard.COOLDOWN, f"the cool-down of {format_duration(cooldown)} after its last run")]

    def _why_glass_is_whole(self, run: Run, people: list[Person]) -> str:
        """Why the glass that was broken for it counts no longer; empty where it does, or none was."""
        if run.glass is None:
            return ""
        breaker = next(one for one in people if one.id == run.glass.user)
        windows = [one for one in self._terms.guards.rules.freeze if one.name in run.glass.windows]
        may = all(_may_still_approve(breaker, window.break_glass) for window in windows)
        return "" if may else "who broke the glass may no longer do so"

    async def stopped_by(self, run: Run, incident: Incident, connection: AsyncConnection) -> list[Hold]:
        """The freeze windows that end a run which is under way."""
        runbook = self._runbooks.get(run.runbook)
        windows = [one for one in self._terms.guards.rules.freeze if one.running == "stop"]
        if runbook is None or not windows:
            return []
        subject, now = Subject(incident, runbook, run.plan, run.id), self._records.clock()
        holds = await frozen_by(connection, self._terms.guards, subject, now, windows)
        return [hold for hold in holds if hold.name not in run.broken]

    async def _take_targets(self, connection: AsyncConnection, incident: Incident, run: Run, now: datetime) -> str:
        """Take its targets; what it waits for where others have them."""
        at_once = self._terms.guards.rules.per_target
        holder = await runs.take_targets(connection, incident.domain, run.plan.targets, run.id, now, at_once)
        if holder is None and run.plan.registered:
            holder = await runs.take_targets(connection, _EVERYWHERE, run.plan.registered, run.id, now)
        return "" if holder is None else await _waits_for(connection, run, holder, at_once)


def _not_started(why: str) -> str:
    return f"It was approved and not started: {why}. Nothing was run."


def _may_still_approve(person: Person, approvers: Sequence[str]) -> bool:
    """Whether they may, as far as it is known who is in which group."""
    return person.is_one_of(approvers) or bool(person.why_unknown(approvers))


def _unknown(run: Run, people: list[Person]) -> str:
    """What is waited for where it is not known whether somebody is still an approver; empty where it is."""
    approved = [one for one in people if one.id in run.approvals]
    doubtful = (one.why_unknown(run.approvers) for one in approved if not one.is_one_of(run.approvers))
    why = next(filter(None, doubtful), "")
    return f"Waits until it is known whether who approved it still may: {why}." if why else ""


async def _waits_for(connection: AsyncConnection, run: Run, holder: Run, at_once: int) -> str:
    incident = await incidents.by_id(connection, holder.incident_id)
    where = f" in incident #{incident.number}" if incident else ""
    mine, theirs = ({*one.plan.targets, *one.plan.registered} for one in (run, holder))
    shared = ", ".join(sorted(mine & theirs))
    most = "one run" if at_once == 1 else f"{at_once} runs"
    return f"Waits until “{holder.plan.title}”{where} has ended: {most} at a time on {shared}."
