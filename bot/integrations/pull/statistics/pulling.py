"""One pull of statistics: windows of a query's rows, counted where they lie, each exactly once."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
import pyarrow as pa

from bot.domain.watched.monitor import WatchedModel
from bot.domain.watched.pull import PullSection
from bot.integrations.http import ToolFailure
from bot.integrations.pull.cursors import Split, ends_like, possible, split
from bot.integrations.pull.moments import back, is_moment, microseconds, value_of
from bot.integrations.pull.pulling import Pull
from bot.integrations.pull.statistics import statements
from bot.integrations.pull.statistics.counting import Counting, Reading
from bot.integrations.pull.warehouse import Query, open_warehouse
from bot.integrations.rows import RowsIntake
from bot.model_store import pulls, references, statistics
from bot.model_store.features import profiles
from bot.model_store.pulls import Pending, Progress, Value
from bot.model_store.statistics import Statistics
from bot.observability.metrics import PULLED_ROWS
from bot.storage.database import Database
from detectors.drift.profile import Profile

_NOTHING = Reading("", Profile(0, {}), Profile(0, {}))
_LEAST = timedelta(microseconds=1)
_MOST_TRIES = 100
"""Values of the cursor at the begin that cannot be one, which are stepped over."""
_ENDS = ("first_value", "last_value")


class Bounds(NamedTuple):
    """A window of rows by their cursor: behind ``after``, ``first`` to ``until``; ``more``: there are further ones."""

    after: Value | None
    first: Value
    until: Value
    more: bool


class StatisticsPull(Pull):
    """As a :class:`Pull`; what comes are statistics, as the model's current reference reads its columns.

    Where the model ``needs_reference``, nothing is counted before there is one.
    """

    def __init__(
        self,
        model: str,
        section: PullSection,
        address: Callable[[], str | None],
        database: Database,
        intake: RowsIntake,
        clock: Callable[[], datetime],
        watched: WatchedModel,
        needs_reference: bool = False,
        secret: Callable[[str], str | None] = lambda _name: None,
    ) -> None:
        super().__init__(model, section, address, database, intake, clock, secret=secret)
        self._watched, self._needs_reference = watched, needs_reference
        self._reading = _NOTHING

    async def pull_page(self) -> bool:
        """Count the next window, and say whether there may be another one. Raises ToolFailure, StorageUnavailable."""
        known = await self._begun()
        if known.pending is None:
            address, reading = self._reached(), await self._read()
            if reading is _NOTHING and self._needs_reference:
                return False
            self._pages.tables = await self._versions.read()
            after = pulls.read(known.after) if known.after else self.section.since
            bounds = await asyncio.to_thread(self._bounds, address, after)
            if bounds is None:
                await self._judge_aside(await self._worked(known))
                return False
            counted = await asyncio.to_thread(self._count, address, bounds, reading)
            digest = await statistics.put(self._intake.frames, counted)
            first, last = _moment(bounds.first), _moment(bounds.until)
            until = pulls.written(bounds.until)
            pending = Pending(digest=digest, after=until, rows=counted.rows, first=first, last=last)
            known = await self._save(await self._worked(known), pending=pending)
            known = await self._take_pending(known)
            self._left_out = list(self._pages.aside)
            await self._judge(known, self._left_out, known.columns or {}, known.columns or {})
            return bounds.more
        await self._take_pending(known)
        return True

    async def _take_pending(self, known: Progress) -> Progress:
        pending = known.pending
        assert pending is not None
        span = (pending.first, pending.last) if pending.first and pending.last else None
        key = f"{self.key} {msgspec.json.encode(pending.after).decode()}"
        await self._intake.take_statistics(self.model, pending.digest, pending.rows, span, self.section.labels, key)
        PULLED_ROWS.labels(self.model).inc(pending.rows)
        return await self._save(known, after=pending.after, pending=None, at=self._clock(), failure="")

    async def _read(self) -> Reading:
        """How the current reference reads the columns."""
        async with self._database.read() as connection:
            reference = await references.current(connection, self.model, self._clock())
        if reference is None:
            return _NOTHING
        if reference.profile != self._reading.profile:
            frames = self._intake.frames
            features = await profiles.profile_of(frames, reference)
            self._reading = Reading(reference.profile, features, await profiles.answers_of(frames, reference))
        return self._reading

    def _bounds(self, address: str, after: Value | None) -> Bounds | None:
        """The next window that is over; None where there is none."""
        settled = self._clock() - self.section.settle if self.section.settle else None
        found = self._possible(address, Query(self.section.sql, self.section.cursor, after, settled))
        if found is None:
            return None
        after, first, last = found
        window = self.section.statistics.window if self.section.statistics else None
        if window is None:
            return Bounds(after, first, last, more=False)
        if isinstance(first, int | float):
            raise ToolFailure("statistics: a window of time needs a cursor that is a moment")
        micros = window // _LEAST
        left = micros - microseconds(first) % micros
        end = back(first, -left * _LEAST)
        over = settled if settled is not None else self._clock()
        if microseconds(last) < microseconds(end) and microseconds(over) < microseconds(end):
            return None
        return Bounds(after, first, back(end, _LEAST), more=microseconds(last) >= microseconds(end))

    def _possible(self, address: str, query: Query) -> tuple[Value | None, Value, Value] | None:
        """Behind which value the rows begin, the first and the last whose cursor can be one; None where there are none.

        What lies before and behind is left out: one row of the year 9999 would else be the last for ever.
        """
        now, rows, before = self._clock(), 0, query.after
        self._pages.aside = []
        for _ in range(_MOST_TRIES):
            count, first, last = self._ends(address, query)
            rows = max(rows, count)
            if not count:
                self._note_aside(rows)
                return None
            moments = any(isinstance(one, str) and is_moment(one) for one in (before, first, last))
            fit = [one for one in (first, last, before) if one is not None and possible(one, now, moments=moments)]
            least, most = ends_like(fit[0] if fit else now, now)
            if last not in fit:
                query = query._replace(below=last) if query.until == most else query._replace(until=most)
            elif first not in fit:
                query = query._replace(after=first if first is not None else least)
            else:
                self._note_aside(rows - count)
                return query.after, first, last
        raise ToolFailure(f"too many rows have a {query.cursor} that cannot be one")

    def _ends(self, address: str, query: Query) -> tuple[int, Value | None, Value | None]:
        with open_warehouse(address, self._pages.tables).session(query) as session:
            asked = session.answer(statements.filled(session.source, [], session.quoted(query.cursor)))
        ends = [split(asked, name, None, self._clock()).rows for name in _ENDS]
        first, last = (value_of(end[name][0]) if end.num_rows else None for end, name in zip(ends, _ENDS, strict=True))
        return asked["n"][0].as_py(), first, last

    def _note_aside(self, rows: int) -> None:
        found = Split(pa.table({}), rows).in_words(self.section.cursor)
        self._pages.aside = [found] if found else []

    def _count(self, address: str, bounds: Bounds, reading: Reading) -> Statistics:
        query = Query(self.section.sql, self.section.cursor, bounds.after, bounds.until)
        with open_warehouse(address, self._pages.tables).session(query) as session:
            return Counting(session, self.section.cursor, self._watched, reading).statistics()


def _moment(value: Value) -> datetime | None:
    if isinstance(value, int | float):
        return None
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds(value))
    except ToolFailure:
        return None
