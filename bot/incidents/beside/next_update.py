"""Reminds whoever communicates of an update that was promised: "next update in 30 min"."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import structlog

from bot.domain.deed import Done, remind_of_update
from bot.errors import StorageUnavailable
from bot.incidents.change import Deed, always, apply
from bot.incidents.permissions import Action
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import incidents
from bot.storage.queries.deeds import next_updates
from bot.storage.quiet import Quiet

POLL = 15.0
_REST = 1.0
"""Between two looks: what changes meanwhile is looked at together."""
_AT_ONCE = 100
_TANDEM = "tandem"
_DEED = Deed("incident.update_due", Action.UPDATE, always(remind_of_update))

log = structlog.get_logger(__name__)


@begun_anew
async def remind(database: Database, incident_id: str, now: datetime) -> bool:
    """Once for each promise, whoever else does the same: what is due is looked at under the incident's lock."""
    async with database.write() as connection:
        incident = await incidents.by_id(connection, incident_id, lock=True)
        outcome = remind_of_update(incident, _TANDEM, now) if incident else None
        if not isinstance(outcome, Done):
            return False
        await apply(connection, outcome, _DEED, _TANDEM, now)
    return True


class UpdateReminders:
    """``changed`` is called where an incident has something new to show."""

    def __init__(self, database: Database, clock: Callable[[], datetime], changed: Callable[[], None]) -> None:
        self._database, self._clock, self._changed = database, clock, changed
        self._quiet = Quiet(database.commits)
        self._first: datetime | None = None
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Remind until cancelled; what fails is tried again."""
        while True:
            self._woken.clear()
            wait = POLL
            try:
                wait = await self.look()
            except StorageUnavailable as error:
                log.warning("updates.storage", reason=str(error))
            await asyncio.sleep(_REST)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()

    async def look(self) -> float:
        """Remind of what is due; returns in how many seconds something may be. Raises StorageUnavailable."""
        if not self._quiet.lasts:
            self._quiet.begin()
            async with self._database.read() as connection:
                self._first = await next_updates.first_due(connection)
            self._quiet.found_nothing()
        now = self._clock()
        if self._first is None:
            return POLL
        if self._first > now:
            return min(POLL, (self._first - now).total_seconds())
        async with self._database.read() as connection:
            found = await next_updates.due(connection, now, _AT_ONCE)
        if any([await remind(self._database, one, now) for one in found]):
            self._changed()
        return 0.0
