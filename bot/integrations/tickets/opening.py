"""Opens the tickets that incidents asked for, each once: before it is opened it is looked for by its mark.

After a call whose answer was lost a moment passes before that, as a tracker may show it a little later.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.errors import StorageUnavailable
from bot.integrations.http import ToolFailure, ToolRefused
from bot.integrations.tickets.tracker import Ticket, Tracker, draft_of
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import audit, incidents
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.deeds import tickets
from bot.storage.queries.deeds.tickets import IncidentTicket, TicketState

SETTLES = timedelta(seconds=30)
GIVES_UP_AFTER = timedelta(hours=24)
_POLL, _REST, _LONGEST_WAIT = 60.0, 1.0, 300.0
_AT_ONCE = 20

log = structlog.get_logger(__name__)


class Tickets:
    """``may`` is asked before each call: where it is false, another replica does this by now."""

    def __init__(
        self,
        database: Database,
        tracker: Tracker,
        clock: Callable[[], datetime],
        may: Callable[[], bool] = lambda: True,
        on_change: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database, self._tracker, self._clock, self._may = database, tracker, clock, may
        self._on_change, self._sleep = on_change, sleep
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                wait = await self.look()
            except StorageUnavailable as error:
                log.warning("tickets.wait", reason=str(error))
                wait = _LONGEST_WAIT / 10
            await self._sleep(_REST)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(wait, 0.0), _POLL)):
                    await self._woken.wait()
            self._woken.clear()

    async def look(self) -> float:
        """Open what is due; in how many seconds there may be more. Raises StorageUnavailable."""
        now = self._clock()
        async with self._database.read() as connection:
            wanted = await tickets.wanted(connection, _AT_ONCE)
        due = [one for one in wanted if one.next_at <= now]
        for ticket in due:
            if self._may():
                await self._attempt(ticket)
        if due:
            self._on_change()
        return min([(one.next_at - now).total_seconds() for one in wanted if one.next_at > now], default=_POLL)

    async def _attempt(self, ticket: IncidentTicket) -> None:
        async with self._database.read() as connection:
            incident = await incidents.by_id(connection, ticket.incident_id)
        if incident is None:
            return
        try:
            opened = await self._tracker.find(ticket.mark, ticket.asked_at) or await self._open(ticket, incident)
        except ToolFailure as failure:
            await self._again(ticket, incident, failure)
        except ToolRefused as refused:
            await self._end(ticket, incident, None, str(refused))
        else:
            await self._end(ticket, incident, opened, "")

    async def _open(self, ticket: IncidentTicket, incident: Incident) -> Ticket:
        """Note that it may be there from now on, and open it."""
        settled = self._clock() + SETTLES
        async with self._database.write() as connection:
            await tickets.keep(connection, ticket, next_at=settled, attempts=ticket.attempts + 1)
        return await self._tracker.create(draft_of(incident, ticket.mark))

    async def _again(self, ticket: IncidentTicket, incident: Incident, failure: ToolFailure) -> None:
        now = self._clock()
        if now - ticket.asked_at > GIVES_UP_AFTER:
            await self._end(ticket, incident, None, str(failure))
            return
        seconds = failure.retry_after or min(2.0 ** min(ticket.attempts, 8), _LONGEST_WAIT)
        wait = max(timedelta(seconds=seconds), SETTLES)
        async with self._database.write() as connection:
            await tickets.keep(connection, ticket, next_at=now + wait, attempts=ticket.attempts + 1)
        log.warning("tickets.waits", tracker=self._tracker.name, incident=incident.number, reason=str(failure))

    @begun_anew
    async def _end(self, ticket: IncidentTicket, incident: Incident, opened: Ticket | None, reason: str) -> None:
        """Write down the ticket, or why there is none, for people who look at the incident, too."""
        now, name = self._clock(), self._tracker.name
        state = TicketState.OPENED if opened else TicketState.REFUSED
        changed: dict[str, Any] = {"state": state.value, "reason": reason, "tracker": name}
        changed |= {"key": opened.key, "url": opened.url} if opened else {}
        text = f"Ticket {opened.key} in {name}: {opened.url}" if opened else f"No ticket was opened in {name}: {reason}"
        line = TimelineEntry(incident_id=incident.id, at=now, kind=TimelineKind.STATUS, text=text)
        details = {"tracker": name, "key": opened.key if opened else "", "reason": reason}
        entry = AuditEntry(now, "tandem", f"incident.ticket.{state}", f"incident {incident.id}", details)
        async with self._database.write() as connection:
            if not await tickets.keep(connection, ticket, **changed):
                return
            await incidents.add_to_timeline(connection, [line])
            await incidents.touch(connection, incident.id, now)
            await audit.append(connection, entry)
