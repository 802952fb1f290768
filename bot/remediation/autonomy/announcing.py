"""The loop that announces what Tandem will run by itself, waits for the notice to pass, and approves it then.

Between the announcement and the start anybody may stop it. So the notice begins when a channel shows the announcement:
while Slack is away, or behind with its messages, nothing is run. Everything is decided anew each time: what was earned
may be lost meanwhile, a guard may hold, a person may have taken over.
"""

from collections.abc import Callable
from datetime import datetime
from time import monotonic

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.duration import format_duration
from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.domain.run import Announcement, Decision, Run, RunStatus
from bot.domain.runs.autonomy import TANDEM, Standing
from bot.remediation.approval import Terms, locked, watched_now
from bot.remediation.autonomy.deciding import why_not_alone
from bot.remediation.autonomy.record import cause_of
from bot.storage.database import Database
from bot.storage.queries import audit, incidents, runs
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.shown import channel_messages

EVERY = 1.0
ASK_AGAIN = 10.0
"""An offer that may not run by itself is looked at again after so many seconds."""
_MOST_NAMED = 50


class Announcing:
    """``timer`` counts seconds whatever the clock does: no jump of the clock shortens a notice."""

    def __init__(
        self, database: Database, terms: Terms, clock: Callable[[], datetime], timer: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._terms = terms
        self._clock = clock
        self._timer = timer
        self._awaited: dict[str, int] = {}
        """By run, the version of its incident that a channel has to show."""
        self._shown: dict[str, float] = {}
        """By run, since when one does."""
        self._denied: dict[str, float] = {}
        self._looked = float("-inf")

    async def look(self) -> bool:
        """Announce, take back and approve what is due; True where a person should see something new."""
        if not any(book.autonomy for book in self._terms.runbooks.values()) or self._timer() - self._looked < EVERY:
            return False
        self._looked = self._timer()
        async with self._database.read() as connection:
            offered = [run for run in await runs.with_status(connection, [RunStatus.PROPOSED]) if self._may(run)]
            due = [run.id for run in offered if run.announced or await self._is_allowed(connection, run)]
            self._denied = {run.id: self._denied[run.id] for run in offered if run.id in self._denied}
            await self._note_shown(connection, [run for run in offered if run.announced])
        changed = [await self._settle(run_id) for run_id in due]
        return any(changed)

    async def _note_shown(self, connection: AsyncConnection, announced: list[Run]) -> None:
        known = await incidents.by_ids(connection, {run.incident_id for run in announced})
        versions = await channel_messages.shown_versions(connection, known) if known else {}
        shown_before, self._shown = self._shown, {}
        awaited_before, self._awaited = self._awaited, {}
        for run in announced:
            if incident := known.get(run.incident_id):
                self._awaited[run.id] = awaited_before.get(run.id, incident.version)
                if versions.get(incident.id, 0) >= self._awaited[run.id]:
                    self._shown[run.id] = shown_before.get(run.id, self._timer())

    def _may(self, run: Run) -> bool:
        runbook = self._terms.runbooks.get(run.runbook)
        return runbook is not None and runbook.autonomy is not None and (not run.decisions or run.announced is not None)

    async def _is_allowed(self, connection: AsyncConnection, run: Run) -> bool:
        if self._timer() - self._denied.get(run.id, float("-inf")) < ASK_AGAIN:
            return False
        incident = await incidents.by_id(connection, run.incident_id)
        if incident is None or not incident.open:
            return False
        why, _ = await why_not_alone(connection, self._terms, run, incident, self._clock())
        if why:
            self._denied[run.id] = self._timer()
        return not why

    async def _settle(self, run_id: str) -> bool:
        now = self._clock()
        async with self._database.write() as connection:
            incident, run = await locked(connection, run_id)
            if incident is None or run is None or run.status is not RunStatus.PROPOSED or not incident.open:
                return False
            if now >= run.expires_at or not runs.is_authentic(self._database.seal, run):
                return False
            why, standing = await why_not_alone(connection, self._terms, run, incident, now)
            if why or run.decisions:
                return run.announced is not None and await self._take_back(connection, run, why, now)
            if run.announced is None:
                return await self._announce(connection, run, incident, standing, now)
            if now < run.announced.until or not self._notice_is_over(run):
                return False
            return await self._approve(connection, run, standing, now)

    def _notice_is_over(self, run: Run) -> bool:
        rules = self._terms.runbooks[run.runbook].autonomy
        notice = rules.notice.total_seconds() if rules else 0.0
        return run.id in self._shown and self._timer() - self._shown[run.id] >= notice

    async def _announce(
        self, connection: AsyncConnection, run: Run, incident: Incident, standing: Standing, now: datetime
    ) -> bool:
        rules = self._terms.runbooks[run.runbook].autonomy
        assert rules is not None
        until = now + rules.notice
        made = Announcement(now, until, standing.since_loss[-_MOST_NAMED:], round(standing.bound, 3))
        announced = runs.sealed(connection, msgspec.structs.replace(run, announced=made, cause=cause_of(incident)))
        earned = f"{standing.successes} verified successes, {standing.failures} failures: better than {made.bound:.0%}"
        text = f"Tandem will run “{run.plan.title}” by itself in {format_duration(rules.notice)} ({earned})"
        await self._save(connection, announced, f"{text}. “Stop” prevents it", now, worse=True)
        details = {"runbook": run.runbook, "plan_hash": run.plan_hash, "runs": made.runs, "bound": made.bound}
        details |= {"incident": incident.number, "until": until.isoformat()}
        await audit.append(connection, AuditEntry(now, TANDEM, "run.announced", f"run {run.id}", details))
        return True

    async def _take_back(self, connection: AsyncConnection, run: Run, why: list[str], now: datetime) -> bool:
        reason = "; ".join(why) or "people decide on it"
        left = runs.sealed(connection, msgspec.structs.replace(run, announced=None))
        await self._save(connection, left, f"Tandem will not run “{run.plan.title}” by itself: {reason}", now)
        await audit.append(connection, AuditEntry(now, TANDEM, "run.taken_back", f"run {run.id}", {"reason": reason}))
        return True

    async def _approve(self, connection: AsyncConnection, run: Run, standing: Standing, now: datetime) -> bool:
        watched = await watched_now(connection, run.incident_id)
        decided = msgspec.structs.replace(
            run, status=RunStatus.APPROVED, decisions=[_decision(run, now)], watched=watched
        )
        await self._save(connection, runs.sealed(connection, decided), f"Approved by itself: {run.plan.title}", now)
        details = {"runbook": run.runbook, "plan_hash": run.plan_hash, "status": "approved", "alone": True}
        details |= {"runs": standing.since_loss[-_MOST_NAMED:], "bound": round(standing.bound, 3)}
        await audit.append(connection, AuditEntry(now, TANDEM, "run.approve", f"run {run.id}", details))
        return True

    async def _save(
        self, connection: AsyncConnection, run: Run, text: str, now: datetime, *, worse: bool = False
    ) -> None:
        await runs.save(connection, [run])
        entry = TimelineEntry(
            incident_id=run.incident_id, at=now, kind=TimelineKind.RUN, text=text, actor=TANDEM, worse=worse
        )
        await incidents.add_to_timeline(connection, [entry])
        await incidents.touch(connection, run.incident_id, now)


def _decision(run: Run, now: datetime) -> Decision:
    return Decision(TANDEM, "approve", now, preview=run.preview.hash if run.preview else "")
