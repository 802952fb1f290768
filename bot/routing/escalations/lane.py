"""A lane: makes the calls of one way, in order, and writes down what became of them.

Before a call whose answer may be lost it is noted that it is being made; after a crash, whoever goes on with it looks
first whether it has reached its place, or makes it under the same key. One way that is slow or down delays no other.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.duration import format_duration
from bot.domain.incident import Incident, IncidentStatus, TimelineEntry, TimelineKind
from bot.domain.oncall.escalation import State
from bot.domain.oncall.page import Act, CallState, Page, Way
from bot.errors import CallFailed, CallRefused, StorageUnavailable
from bot.observability.metrics import ESCALATION_CALLS
from bot.routing.escalations.pages import report
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import incidents
from bot.storage.queries.oncall import calls, escalations

POLL = 1.0
AT_ONCE = 8
"""Calls that are made side by side; those to Slack wait for their turn there."""
GIVES_UP_AFTER = timedelta(hours=6)
_CALL_SECONDS = 60.0
_LONGEST_WAIT = 60.0
_AFTER_FAILURE = 2.0
_REMEMBERED = timedelta(days=90)

Caller = Callable[[Page, Incident], Awaitable[None]]
"""Makes a call. Raises CallFailed where it is to be tried again, CallRefused where it reaches nobody."""

log = structlog.get_logger(__name__)


class Lane:
    """``on_change`` is called when something was written that Slack should show."""

    def __init__(
        self,
        database: Database,
        way: Way,
        caller: Caller,
        clock: Callable[[], datetime],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._database, self._way, self._caller = database, way, caller
        self._clock, self._on_change = clock, on_change
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Make calls until cancelled."""
        while True:
            try:
                if not await self.call_next():
                    await self._rest()
            except StorageUnavailable as error:
                log.warning("escalations.waits", way=self._way, reason=str(error))
                await asyncio.sleep(_AFTER_FAILURE)

    async def _rest(self) -> None:
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                await self._woken.wait()

    async def call_next(self) -> bool:
        """Make the calls that are next; False where none is wanted now. Raises StorageUnavailable, LostLease."""
        async with self._database.read() as connection:
            pages = await calls.next_wanted(connection, self._way, self._clock(), AT_ONCE)
        if pages:
            await asyncio.gather(*map(self._call, pages))
            self._on_change()
        return bool(pages)

    async def _call(self, page: Page) -> None:
        incident = await self._begin(page)
        if incident is None:
            return
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                await self._caller(page, incident)
        except TimeoutError:
            await self._again(page, CallFailed("it took too long"))
        except CallFailed as failed:
            await self._again(page, failed)
        except CallRefused as refused:
            await self._refused(page, incident, str(refused))
        else:
            await self._done(page)

    @begun_anew
    async def _begin(self, page: Page) -> Incident | None:
        """Note that it is being made, and for which incident; None where it is not wanted any more."""
        async with self._database.write() as connection:
            incident = await incidents.by_id(connection, page.incident_id)
            over = incident is None or (page.act is Act.TRIGGER and incident.status is not IncidentStatus.TRIGGERED)
            if over:
                await calls.end(connection, page, CallState.SUPERSEDED)
                return None
            return incident if await calls.begin(connection, page, self._clock()) else None

    @begun_anew
    async def _done(self, page: Page) -> None:
        ESCALATION_CALLS.labels(self._way.value, "done").inc()
        now = self._clock()
        async with self._database.write() as connection:
            if await calls.end(connection, page, CallState.DONE) and (text := _said(page)):
                in_thread = self._way is Way.MENTION
                await incidents.add_to_timeline(connection, [_entry(page, text, now, posted=in_thread)])
            await calls.forget(connection, now - _REMEMBERED)

    @begun_anew
    async def _again(self, page: Page, failed: CallFailed) -> None:
        now = self._clock()
        if now - page.made_at > GIVES_UP_AFTER:
            async with self._database.write() as connection:
                await calls.end(connection, page, CallState.REFUSED, str(failed))
            log.error("escalations.given_up", way=self._way, after=format_duration(GIVES_UP_AFTER), reason=str(failed))
            return
        ESCALATION_CALLS.labels(self._way.value, "again").inc()
        wait = (
            failed.retry_after if failed.retry_after is not None else min(2.0 ** min(page.attempts, 6), _LONGEST_WAIT)
        )
        async with self._database.write() as connection:
            at = now + timedelta(seconds=wait)
            await calls.again(connection, page, at, str(failed), in_doubt=failed.in_doubt)
        log.warning("escalations.call_failed", way=self._way, reason=str(failed), retry_in=wait)

    @begun_anew
    async def _refused(self, page: Page, incident: Incident, reason: str) -> None:
        """The ops channel is told, and where nothing else of the step reached anybody, the next one comes at once."""
        ESCALATION_CALLS.labels(self._way.value, "refused").inc()
        log.error("escalations.call_refused", way=self._way, incident=incident.number, reason=reason)
        now = self._clock()
        async with self._database.write() as connection:
            if not await calls.end(connection, page, CallState.REFUSED, reason) or page.act is Act.REPORT:
                return
            said = f"{_WORDS[self._way]} reached nobody: {reason}"
            where = f"step {page.step + 1} of escalation {page.escalation}"
            await calls.add(connection, [report(page, f"Incident #{incident.number}, {where}: {said}", now)])
            await incidents.add_to_timeline(connection, [_entry(page, f"Escalation, {where}: {said}", now)])
            if page.act is Act.TRIGGER:
                await _hurry(connection, page, now)


async def _hurry(connection: AsyncConnection, page: Page, now: datetime) -> None:
    """Nobody waits for an answer to a step that reached nobody."""
    hopeful = (CallState.WANTED, CallState.DONE)
    if any(one.state in hopeful for one in await calls.of_step(connection, page)):
        return
    known = (await escalations.of_incidents(connection, [page.incident_id]))[page.incident_id]
    came_after = known.cycle == page.cycle and (known.round, known.step) == (page.round, page.step + 1)
    if came_after and known.state is State.CALLING and known.due_at is not None and known.due_at > now:
        await escalations.hurry(connection, page.incident_id, now)


_WORDS = {
    Way.MENTION: "the mention in Slack",
    Way.DIRECT: "the direct message",
    Way.PAGERDUTY: "PagerDuty",
    Way.OPSGENIE: "Opsgenie",
    Way.WEBHOOK: "the webhook",
    Way.OPS: "the ops channel",
}


def _said(page: Page) -> str:
    """What the timeline says of a call that was made; empty where it says nothing."""
    step = f"Escalation {page.escalation}, step {page.step + 1}"
    if page.act is Act.REMIND:
        return "Reminded: acknowledged and not resolved"
    if page.act is not Act.TRIGGER:
        return ""
    if page.way is Way.MENTION:
        return f"{step}: mentioned {', '.join(page.people)}"
    if page.way is Way.DIRECT:
        return f"{step}: wrote directly to {page.recipient}"
    return f"{step}: called {_WORDS[page.way].removeprefix('the ')}"


def _entry(page: Page, text: str, now: datetime, *, posted: bool = False) -> TimelineEntry:
    return TimelineEntry(incident_id=page.incident_id, at=now, kind=TimelineKind.NOTE, text=text, posted=posted)
