"""Reads the schedules that are kept elsewhere, again and again, and finds the people in Slack whom they name.

One replica does that; what it read is stored, for the others and for when nothing can be read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from bot.domain.duration import format_duration
from bot.domain.oncall.names import is_address, mapped
from bot.domain.oncall.schedule import Schedule
from bot.domain.oncall.shift import Shift
from bot.errors import StorageUnavailable, TandemError
from bot.observability.metrics import SCHEDULE_READ_AT
from bot.routing.schedules.roster import definition_of
from bot.storage.database import Database
from bot.storage.queries.oncall import schedules as stored
from bot.storage.queries.oncall.schedules import Read

EVERY = timedelta(minutes=5)
SOON = timedelta(seconds=30)
"""After a failure."""
LOOK = 5.0
MOST_LOOKED_UP = 200

Fetch = Callable[[Schedule, datetime], Awaitable[list[Shift]]]
"""The shifts of a schedule from a moment on. Raises TandemError."""
LookUp = Callable[[str], Awaitable[str | None]]
"""The Slack id of whoever has an e-mail address, None where nobody has. Raises TandemError."""

log = structlog.get_logger(__name__)


async def nobody_known(address: str) -> str | None:
    """Where there is no Slack to ask."""
    return None


class ScheduleReading:
    def __init__(
        self,
        database: Database,
        schedules: Mapping[str, Schedule],
        people: Mapping[str, str],
        fetch: Fetch,
        clock: Callable[[], datetime],
        look_up: LookUp = nobody_known,
    ) -> None:
        self._database, self._clock = database, clock
        self._schedules, self._people = schedules, people
        self._fetch, self._look_up = fetch, look_up

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Read what is due until cancelled."""
        while True:
            try:
                await self.read_due()
            except StorageUnavailable as error:
                log.warning("schedules.not_stored", reason=str(error))
            await sleep(LOOK)

    async def read_due(self) -> None:
        """Read each schedule that was not read for a while. Raises StorageUnavailable."""
        now = self._clock()
        async with self._database.read() as connection:
            known = await stored.all_read(connection)
        if known.keys() - self._schedules.keys():
            async with self._database.write() as connection:
                await stored.forget(connection, self._schedules)
        due = [name for name, schedule in self._schedules.items() if _is_due(schedule, known.get(name), now)]
        await asyncio.gather(*(self._read(name, known.get(name), now) for name in due))

    async def _read(self, name: str, before: Read | None, now: datetime) -> None:
        schedule = self._schedules[name]
        definition = definition_of(schedule)
        if before is None or before.definition != definition:
            before = Read(name=name, definition=definition, tried_at=now)
        try:
            read = await self._anew(name, schedule, before, now)
        except TandemError as error:
            if isinstance(error, StorageUnavailable):
                raise
            read = _failed(before, str(error), now)
        async with self._database.write() as connection:
            await stored.save(connection, read)
        if read.read_at is not None:
            SCHEDULE_READ_AT.labels(name).set(read.read_at.timestamp())

    async def _anew(self, name: str, schedule: Schedule, before: Read, now: datetime) -> Read:
        shifts = await self._fetch(schedule, now) if schedule.fetched else []
        named = [*(schedule.rotation or ()), *(who for shift in shifts for who in shift.people)]
        people = await self._found([*dict.fromkeys(named)], before)
        return Read(name=name, definition=before.definition, shifts=shifts, people=people, read_at=now, tried_at=now)

    async def _found(self, names: Sequence[str], before: Read) -> dict[str, list[str]]:
        """Slack ids of those whom ``people`` does not name; who was found before stays where Slack does not answer."""
        found: dict[str, list[str]] = {}
        for name in [one for one in names if is_address(one) and not mapped(one, self._people)][:MOST_LOOKED_UP]:
            try:
                who = await self._look_up(name)
            except TandemError as error:
                log.warning("schedules.person_unknown", reason=str(error))
                who = next(iter(before.people.get(name, [])), None)
            if who is not None:
                found[name] = [who]
        return found


def _is_due(schedule: Schedule, read: Read | None, now: datetime) -> bool:
    if read is None or read.definition != definition_of(schedule):
        return True
    wait = SOON if read.problem else EVERY
    return not read.tried_at <= now < read.tried_at + wait


def _failed(before: Read, reason: str, now: datetime) -> Read:
    if not before.problem:
        age = format_duration(now - before.read_at) if before.read_at else "never"
        log.warning("schedules.not_read", schedule=before.name, reason=reason, last_read=age)
    return Read(
        name=before.name,
        definition=before.definition,
        shifts=before.shifts,
        people=before.people,
        read_at=before.read_at,
        tried_at=now,
        problem=reason[:300],
    )
