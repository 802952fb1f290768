"""Who is on call: by a rotation of tandem.yaml or by what was last read elsewhere, and by who took over for a while."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.access.person import is_user, on_call_in, schedule_of
from bot.domain.duration import format_duration
from bot.domain.oncall.names import mapped
from bot.domain.oncall.schedule import Schedule, rotation_shifts
from bot.domain.oncall.shift import Override, Shift, Turn, people_at, turn_at
from bot.storage.database import Database
from bot.storage.queries.oncall import schedules as stored
from bot.storage.queries.oncall.schedules import Read

STALE_AFTER = timedelta(minutes=30)
"""A calendar that could not be read for so long is stale, which is said. What was last known still counts."""


class NowOnCall(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on call in one schedule. ``problem`` says what is wrong with that, in words; empty where nothing is.

    ``unknown`` are names of people on call now who cannot be found in Slack.
    """

    schedule: str
    turn: Turn = Turn(())
    unknown: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    problem: str = ""

    @property
    def people(self) -> tuple[str, ...]:
        """The Slack ids of those on call now."""
        return self.turn.people


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """Whom names stand for now: ids of people and user groups, and what has to be said about how they were found."""

    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def definition_of(schedule: Schedule) -> str:
    """Changes when anything in a schedule's section of tandem.yaml does."""
    return hashlib.sha256(schedule.model_dump_json().encode()).hexdigest()[:16]


class Roster:
    """``people`` are Slack ids by display name or e-mail address, as tandem.yaml gives them."""

    def __init__(
        self,
        database: Database,
        schedules: Mapping[str, Schedule],
        people: Mapping[str, str],
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._clock = database, clock
        self.schedules, self._people = schedules, people

    def name_of(self, user: str) -> str:
        """What tandem.yaml calls somebody; their id where it does not."""
        return next((name for name, known in self._people.items() if known == user and "@" not in name), user)

    async def now(self) -> dict[str, NowOnCall]:
        """Of every schedule, in the order of tandem.yaml. Raises StorageUnavailable."""
        async with self._database.read() as connection:
            return await self.at(connection, self._clock())

    async def at(self, connection: AsyncConnection, moment: datetime) -> dict[str, NowOnCall]:
        if not self.schedules:
            return {}
        read = await stored.all_read(connection)
        overrides = await stored.overrides_after(connection, moment)
        return {
            name: self._on_call(name, schedule, read.get(name), overrides, moment)
            for name, schedule in self.schedules.items()
        }

    async def members(self, name: str) -> frozenset[str]:
        """Who is on call now in the schedule that a name stands for, as if it were a user group."""
        on_call = (await self.now()).get(schedule_of(name) or "")
        return frozenset(on_call.people if on_call else ())

    async def to_call(self, schedule: str) -> Sequence[str]:
        """Whom to call now in a schedule: whoever is on call, and where that is not sure its fallback as well."""
        return resolve([on_call_in(schedule)], await self.now()).names

    def _on_call(
        self, name: str, schedule: Schedule, read: Read | None, overrides: Sequence[Override], moment: datetime
    ) -> NowOnCall:
        known = read if read is not None and read.definition == definition_of(schedule) else None
        shifts = self._shifts(schedule, known, moment)
        mine = [override for override in overrides if override.schedule == name]
        found = people_at(shifts, mine, moment)
        problem = _problem_of(schedule, known, moment) or ("" if found else "nobody is on call now")
        unknown = tuple(who for who in found if not is_user(who))
        known_until = shifts[-1].ends if shifts and not schedule.fetched else None
        turn = turn_at(shifts, mine, moment, known_until)
        return NowOnCall(
            schedule=name,
            turn=msgspec.structs.replace(turn, people=tuple(filter(is_user, turn.people))),
            unknown=unknown,
            fallback=tuple(schedule.fallback),
            problem=problem,
        )

    def _shifts(self, schedule: Schedule, known: Read | None, moment: datetime) -> list[Shift]:
        """With the Slack ids of whoever can be found, in the place of their names."""
        ids = known.people if known else {}
        if schedule.rotation is not None:
            return rotation_shifts(schedule, [self._ids(who, ids)[0] for who in schedule.rotation], moment)
        return (
            [_with(shift, [one for who in shift.people for one in self._ids(who, ids)]) for shift in known.shifts]
            if known
            else []
        )

    def _ids(self, name: str, ids: Mapping[str, list[str]]) -> list[str]:
        return mapped(name, self._people) or ids.get(name) or [name]


def _with(shift: Shift, people: Iterable[str]) -> Shift:
    return msgspec.structs.replace(shift, people=tuple(dict.fromkeys(people)))


def _problem_of(schedule: Schedule, known: Read | None, moment: datetime) -> str:
    if not schedule.fetched:
        return ""
    if known is None:
        return "it has not been read yet"
    if known.read_at is None:
        return f"it could not be read so far: {known.problem}"
    age = moment - known.read_at
    if known.problem and age > STALE_AFTER:
        return f"it could not be read for {format_duration(age)} ({known.problem}): this is what was last known"
    return ""


def resolve(names: Iterable[str], on_call: Mapping[str, NowOnCall]) -> Called:
    """Whom names stand for. Where it is not sure who is on call, the fallback of the schedule is called as well."""
    found: list[str] = []
    notes: list[str] = []
    for name in names:
        schedule = schedule_of(name)
        if schedule is None:
            found.append(name)
            continue
        one = on_call.get(schedule) or NowOnCall(schedule=schedule, problem="there is no such schedule")
        found += one.people
        if one.problem or one.unknown or not one.people:
            found += one.fallback
            notes += notes_of(one)
    return Called(names=tuple(dict.fromkeys(found)), notes=tuple(dict.fromkeys(notes)))


def notes_of(one: NowOnCall) -> list[str]:
    """What is to be said about how sure it is who is on call."""
    strangers = [
        f"{name[:80]} is on call in {one.schedule} and cannot be found in Slack: map the name under people"
        for name in one.unknown
    ]
    return [*([f"schedule {one.schedule}: {one.problem}"] if one.problem else []), *strangers]
