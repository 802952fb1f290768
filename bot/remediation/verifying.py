"""The verification of a run: it looks at what the run was to mend until that is proven, or time is up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import monotonic

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.duration import format_seconds
from bot.domain.incident import Incident
from bot.domain.run import GATE, Phase, Plan, Run, RunStatus, StepStatus
from bot.domain.runs.verification import (
    MOST_WATCHED,
    Look,
    Patience,
    Progress,
    Verdict,
    WatchedAlert,
    look_at,
    named,
    watched_from,
)
from bot.domain.watched.finding import changed_by_promotion
from bot.remediation.asking import Asked, QueryReader
from bot.remediation.charts.before_after import chart_of
from bot.remediation.drills.evidence import drilled
from bot.remediation.evidence import Evidence, Renewals
from bot.remediation.records import RunRecords, until_stored
from bot.storage.queries import alerts, charts, incidents, runs
from bot.storage.queries.runs import Claim

LOOK_EVERY = 1.0
ASK_EVERY = 2.0
SAVE_EVERY = 10.0

Ending = tuple[Verdict, str]


class _Seen(msgspec.Struct, frozen=True):
    """What one look has shown. ``later`` are alerts of the incident that nobody knew of at the approval."""

    look: Look
    incident: Incident
    later: list[WatchedAlert]
    stopped_by: str


class Verifier:
    """``timer`` counts seconds whatever the clock does, and ``pause`` lets some pass."""

    def __init__(
        self,
        records: RunRecords,
        evidence: Evidence | None = None,
        timer: Callable[[], float] = monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._records = records
        self._evidence = evidence or Evidence()
        self._timer = timer
        self._pause = pause

    @property
    def read_query(self) -> QueryReader:
        return self._evidence.query

    async def begin(self, claim: Claim) -> float:
        """Mark the run as verifying; returns how many seconds that may take."""
        run = await self._records.load(claim)
        if run.status is RunStatus.RUNNING:
            progress = await self._first(claim, run)
            verifying = msgspec.structs.replace(run, status=RunStatus.VERIFYING, verification=progress)
            text = f"All steps done, verifying: {run.plan.title}"
            await self._records.save(claim, verifying, text, "run.verifying")
        return run.plan.verify_within

    async def verify(self, claim: Claim) -> Ending:
        """Look until there is a verdict, and say why. After a crash it goes on with the time that is left."""
        run = await self._records.load(claim)
        ending = await self._verdict(claim, run)
        if ending[0] is not Verdict.TAKEN_OVER and not run.drill:
            await self._show(claim, run)
        return ending

    @until_stored
    async def _show(self, claim: Claim, run: Run) -> None:
        """Leave a chart in the thread: before the run, and after."""
        now = self._records.clock()
        async with self._records.reading(claim) as connection:
            incident = await incidents.by_id(connection, run.incident_id)
            found = (await alerts.of_incidents(connection, [run.incident_id], MOST_WATCHED))[run.incident_id]
        chart = await chart_of(run, incident, found, self._evidence.history, now) if incident else None
        if chart is not None:
            async with self._records.database.write() as connection:
                await runs.check_claim(connection, claim)
                await charts.want_for_run(connection, run.incident_id, run.id, chart, now)

    async def _verdict(self, claim: Claim, run: Run) -> Ending:
        progress = run.verification or await self._first(claim, run)
        plan = run.plan
        if run.drill:
            return await self._drilled(claim, run)
        if not plan.alerts_resolved and not plan.asks:
            return Verdict.VERIFIED, "Done. The runbook asks for no verification."
        watched = watched_by(run)
        if not watched and not plan.asks:
            return await self._without_evidence(claim, run)
        patience, began, saved, asked = Patience(progress.remaining, plan.quiet_for), self._timer(), 0.0, -ASK_EVERY
        renewals = Renewals(self._evidence.listings)
        asked_others = Asked(run, await self._began(claim, run), self._evidence.query, self._evidence.probe)
        while True:
            await asked_others.refresh(self._records.clock(), self._timer() - began)
            seen = await self._look(claim, run, renewals, progress.began_at)
            seen = msgspec.structs.replace(seen, look=seen.look + asked_others.look)
            elapsed = self._timer() - began
            if elapsed - asked >= ASK_EVERY:
                asked = elapsed
                await renewals.refresh(self._records.clock())
            if seen.stopped_by:
                return Verdict.TAKEN_OVER, f"Stopped by @{seen.stopped_by} before it was verified. {_state(seen.look)}"
            if person := _in_charge(seen.incident):
                return Verdict.TAKEN_OVER, f"Stopped: resolved by {person} before it was verified. {_state(seen.look)}"
            verdict = patience.judge(seen.look, elapsed)
            if verdict is not None:
                return _ending(verdict, seen, plan, progress)
            if elapsed - saved >= SAVE_EVERY:
                saved = elapsed
                left = max(progress.remaining - elapsed, 0.0)
                await self._records.save_progress(claim, msgspec.structs.replace(progress, remaining=left))
            await self._pause(LOOK_EVERY)

    @until_stored
    async def _drilled(self, claim: Claim, run: Run) -> Ending:
        async with self._records.reading(claim) as connection:
            incident = await incidents.by_id(connection, run.incident_id)
        if incident is None:
            raise LookupError(f"incident {run.incident_id} is gone from the database")
        return await drilled(run.plan, incident, self._evidence.query, self._records.clock())

    @until_stored
    async def resolved_by(self, claim: Claim) -> str:
        """The person who resolved the incident meanwhile; empty where nobody did."""
        run = await self._records.load(claim)
        async with self._records.reading(claim) as connection:
            incident = await incidents.by_id(connection, run.incident_id)
        return _in_charge(incident) if incident else ""

    @until_stored
    async def _first(self, claim: Claim, run: Run) -> Progress:
        async with self._records.reading(claim) as connection:
            incident = await incidents.by_id(connection, run.incident_id)
        acknowledged_by = incident.acknowledged_by if incident else None
        return Progress(self._records.clock(), run.plan.verify_within, acknowledged_by)

    @until_stored
    async def _began(self, claim: Claim, run: Run) -> datetime:
        """When the incident began."""
        async with self._records.reading(claim) as connection:
            incident = await incidents.by_id(connection, run.incident_id)
        return incident.opened_at if incident else run.created_at

    @until_stored
    async def _look(self, claim: Claim, run: Run, renewals: Renewals, began_at: datetime) -> _Seen:
        async with self._records.reading(claim) as connection:
            incident = await incidents.by_id(connection, run.incident_id)
            if incident is None:
                raise LookupError(f"incident {run.incident_id} is gone from the database")
            look = Look()
            if run.plan.alerts_resolved:
                look = await self._look_at_alerts(connection, watched_by(run), incident.domain, renewals)
            if run.plan.monitor:
                look = look + await self._evidence.monitor(connection, run.plan.monitor, began_at)
            known = {one.identity for one in run.watched}
            active = await alerts.active_of(connection, run.incident_id, MOST_WATCHED)
            later = watched_from([alert for alert in active if alert.identity not in known])
            return _Seen(look, incident, later, await runs.stopped_by(connection, run.id))

    async def _look_at_alerts(
        self, connection: AsyncConnection, watched: list[WatchedAlert], domain: str, renewals: Renewals
    ) -> Look:
        """What the alerts say; and nothing where their source does not live."""
        watchdogs = self._evidence.watchdogs
        stored = await alerts.current_by_identity(connection, [*(one.identity for one in watched), *watchdogs])
        current = {identity: renewals.corrected(alert) for identity, alert in stored.items()}
        look = look_at(watched, current)
        if not watched or look.firing:
            return look
        missed = (current[one] for one in watchdogs if one in current and current[one].domain in ("", domain))
        silent = [f"the heartbeat {watchdogs[one.identity]} is missed" for one in missed if one.firing]
        return look + Look(unproven=silent)

    @until_stored
    async def _without_evidence(self, claim: Claim, run: Run) -> Ending:
        """No alert can prove it. For a promotion, a gate that it passed is the proof."""
        async with self._records.reading(claim) as connection:
            done = await runs.steps_of(connection, [run.id])
        passed = {one.position for one in done if one.phase is Phase.STEP and one.status is StepStatus.SUCCEEDED}
        if run.plan.promotes and any(run.plan.steps[position].kind == GATE for position in passed):
            return Verdict.VERIFIED, "Verified: the gate has shown that the challenger is better."
        if run.plan.promotes and run.watched:
            whats = named([one.what for one in run.watched])
            why = f"only {whats} fired, and which model is served does not change the input"
            advice = "Name a monitor in verify, or begin with a gate."
            return Verdict.NO_EVIDENCE, f"It could not be verified: {why}. {advice}"
        return Verdict.NO_EVIDENCE, "It could not be verified: no alert fired when it was approved."


def watched_by(run: Run) -> list[WatchedAlert]:
    """The alerts that prove or disprove a run. What a model is fed with is none of a promotion's."""
    if not run.plan.alerts_resolved:
        return []
    return [one for one in run.watched if not run.plan.promotes or changed_by_promotion(one.alertname)]


def _in_charge(incident: Incident) -> str:
    """The person who resolved the incident; empty where nobody did, or its alerts resolved it."""
    return at_name(incident.resolved_by) if incident.resolved_by and not incident.open else ""


def at_name(actor: str) -> str:
    return f"@{actor}" if actor.isalnum() else actor


def _state(look: Look) -> str:
    if look.firing or look.unmet:
        return f"{_firing(look)}."
    return f"{'; '.join(look.unproven[:3])}." if look.unproven else "Nothing that it was for fires."


def _firing(look: Look) -> str:
    still = [f"{named(look.firing)} still fire{'s' if len(look.firing) == 1 else ''}"] if look.firing else []
    return "; ".join([*still, *look.unmet[:3]])


def _unmet(plan: Plan, look: Look) -> str:
    if look.firing and plan.alerts_resolved:
        return "The alerts did not resolve"
    return f"The monitor {plan.monitor} did not recover" if look.firing else "Not all is as it should be"


def _ending(verdict: Verdict, seen: _Seen, plan: Plan, progress: Progress) -> Ending:
    later = f" Later came {named([one.what for one in seen.later])}, which does not count." if seen.later else ""
    if verdict is Verdict.VERIFIED:
        stayed = f" and stayed so for {format_seconds(plan.quiet_for)}" if plan.quiet_for else ""
        shown = [f"the alerts have resolved{stayed}"] if plan.alerts_resolved else []
        shown += [f"the monitor {plan.monitor} finds nothing any more"] if plan.monitor else []
        shown += plan.evidence(met=True)
        return verdict, f"Verified: {'; '.join(shown)}.{later}"
    span = format_seconds(plan.verify_within)
    if verdict is Verdict.NO_EVIDENCE:
        words = f"It could not be verified within {span}: {'; '.join(seen.look.unproven[:3])}."
    else:
        words = f"{_unmet(plan, seen.look)} in time: {_firing(seen.look)}."
    who = seen.incident.acknowledged_by
    if who and who != progress.looked_after_by:
        return Verdict.TAKEN_OVER, f"Stopped: {at_name(who)} looks after the incident now. {words}{later}"
    return verdict, words + later
