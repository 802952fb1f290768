"""Drills by schedule: the owner of a runbook whose drill fails is told while there is time to mend it.

A failure is an alert of its own, ``RunbookDrillFailed``. It fires until a later drill passes, and goes the way of every
alert: routes, mentions, escalation.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from sqlalchemy.exc import DBAPIError

from bot.domain.event import AlertEvent, AlertStatus
from bot.domain.runs.drill import Rehearsal
from bot.errors import StorageUnavailable, TandemError
from bot.inbox.intake import entries_for
from bot.remediation.approval import Terms
from bot.remediation.drills.rehearsal import Means, rehearse
from bot.remediation.drills.subject import Wanted
from bot.services import Services
from bot.storage.queries.records import drills
from bot.storage.queries.records.drills import LastDrill

FAILED = "RunbookDrillFailed"
EVERY = 20.0
_MOST_SAID = 1000

log = structlog.get_logger(__name__)


class ScheduledDrills:
    """One at a time, beside everything else, while this replica may. ``timer`` counts seconds."""

    def __init__(self, services: Services, terms: Terms, means: Means, may: Callable[[], bool]) -> None:
        self._services, self._terms, self._means, self._may = services, terms, means, may
        self._task: asyncio.Task[None] | None = None
        self._looked = float("-inf")
        self._any = any(book.drill for book in terms.runbooks.values())

    def look(self) -> None:
        """Begin the drills that are due, unless some are under way."""
        now = asyncio.get_running_loop().time()
        if not self._any or now - self._looked < EVERY or (self._task and not self._task.done()):
            return
        self._looked = now
        self._task = asyncio.create_task(self.hold_due(), name="drills")

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def hold_due(self) -> None:
        """Hold each drill that is due now, and tell of it."""
        try:
            async with self._services.database.read() as connection:
                last = await drills.last_drills(connection)
            for name, book in self._terms.runbooks.items():
                now = self._services.clock()
                known = last.get(name)
                if book.drill and book.drill.due(known.at if known else None, now):
                    await self._hold(name, known, now)
        except (StorageUnavailable, DBAPIError) as error:
            log.warning("drill.retry", reason=str(getattr(error, "orig", error)))

    async def _hold(self, name: str, before: LastDrill | None, now: datetime) -> None:
        wanted = Wanted(name, None, self._services.rules.partitions)
        try:
            found = await rehearse(self._services.database, self._terms, self._means, wanted, now)
            failures, plan = found.failures, found
        except TandemError as error:
            failures, plan = [str(error)], Rehearsal(name, name, [])
        if not self._may():
            return
        failure = "; ".join(failures)[:_MOST_SAID]
        log.info("drill.held", runbook=name, ok=not failures, failure=failure)
        if failures or (before and before.failure):
            await self._tell(plan, failure, now)
        async with self._services.database.write() as connection:
            await drills.save(connection, name, LastDrill(now, failure))

    async def _tell(self, found: Rehearsal, failure: str, now: datetime) -> None:
        """The alert is in the inbox before the drill counts as held: after a crash it is held, and told of, again."""
        rules = self._services.rules
        event = _event(found, failure, now, self._teams(found.runbook))
        entries = entries_for([event], "tandem", now, rules.correlation.partition_by, rules.partitions)
        await self._services.inbox.append(self._services.inbox.fitted(entries))

    def _teams(self, name: str) -> Sequence[str]:
        """Who answers for what it acts on."""
        when = self._terms.runbooks[name].when
        return self._terms.guards.teams.of_services([one for one in (when.service, when.model) if one])


def _event(found: Rehearsal, failure: str, now: datetime, teams: Sequence[str]) -> AlertEvent:
    """Its service is the runbook itself: what it acts on is well, and no runbook for that fits."""
    labels = {"alertname": FAILED, "service": f"runbook/{found.runbook}", "severity": "medium"}
    labels |= {"team": teams[0]} if teams else {}
    summary = f"The drill of “{found.title}” failed, so it may fail when it is needed: {failure}"
    return AlertEvent(
        source="tandem",
        fingerprint=f"drill/{found.runbook}",
        status=AlertStatus.FIRING if failure else AlertStatus.RESOLVED,
        labels=labels,
        annotations={"summary": summary} if failure else {},
        starts_at=now,
        ends_at=None if failure else now,
    )
