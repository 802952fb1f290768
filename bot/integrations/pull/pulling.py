"""One pull of a model: pages of rows from a database into the inbox, each exactly once."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from bot.domain.event import RowsKind
from bot.domain.watched.pull import PullSection
from bot.errors import InboxFull, StorageUnavailable, TandemError
from bot.integrations.http import ToolFailure
from bot.integrations.pull.warehouse import Query, Warehouse, open_warehouse
from bot.integrations.rows import RowsIntake
from bot.model_store import pulls
from bot.model_store.columns import checked
from bot.model_store.layout import LaidOut, laid_out
from bot.model_store.pulls import Progress, Value
from bot.observability.metrics import PULL_FAILURES, PULLED_ROWS
from bot.storage.database import Database

MOST_ROWS = 100_000
"""Of a page."""
_FIRST_RETRY, _LAST_RETRY = 5.0, 300.0

log = structlog.get_logger(__name__)


class Page(NamedTuple):
    """Rows, and the greatest value of their cursor; ``more``: there are further ones."""

    rows: pa.Table
    until: Value
    more: bool


class Pull:
    """``address`` gives the address of the database each time, None where it is not set."""

    def __init__(
        self,
        model: str,
        section: PullSection,
        address: Callable[[], str | None],
        database: Database,
        intake: RowsIntake,
        clock: Callable[[], datetime],
        most: int = MOST_ROWS,
    ) -> None:
        self.model, self.section = model, section
        self._address, self._database, self._intake, self._clock = address, database, intake, clock
        self._most = most
        self.key = _key(model, section)

    async def run(self) -> None:
        """Pull until cancelled."""
        wait = await self._wait_at_first()
        failed = 0
        while True:
            await asyncio.sleep(wait)
            try:
                more = await self.pull_page()
            except (TandemError, StorageUnavailable) as error:
                failed += 1
                await self._note_failure(str(error))
                wait = min(_FIRST_RETRY * 2 ** (failed - 1), _LAST_RETRY)
            else:
                failed = 0
                wait = 0.0 if more else self.section.every.total_seconds()

    async def _wait_at_first(self) -> float:
        """Seconds, so that who restarts the program does not ask the database more often."""
        try:
            known = await self._progress()
        except StorageUnavailable:
            return 0.0
        if known is None or known.failure:
            return 0.0
        past = (self._clock() - known.at).total_seconds()
        return min(max(self.section.every.total_seconds() - past, 0.0), self.section.every.total_seconds())

    async def pull_page(self) -> bool:
        """Take in the next page, and say whether there is another one. Raises ToolFailure, StorageUnavailable, Unfit.

        The bound is written down before the rows are taken in: after a crash in between, just these rows are read
        again, and their content says whether they are there already.
        """
        known = await self._progress() or Progress(key=self.key, model=self.model, at=self._clock())
        page = await self._next(known)
        if page is None:
            await self._save(known, failure="", at=self._clock())
            return False
        if known.until is None:
            known = await self._save(known, until=pulls.written(page.until))
        given = self._laid_out(page.rows)
        await self._intake.take(self.model, RowsKind(self.section.holds), given, self.section.labels)
        PULLED_ROWS.labels(self.model).inc(page.rows.num_rows)
        await self._save(known, after=pulls.written(page.until), until=None, at=self._clock(), failure="")
        return page.more

    async def _next(self, known: Progress) -> Page | None:
        """What is to be taken in now; None where nothing is."""
        address = self._address()
        if address is None:
            raise ToolFailure(f"TANDEM_SECRET_{self.section.from_} is not set")
        after, until = pulls.read(known.after), pulls.read(known.until)
        if after is None and self.section.since is not None:
            after = self.section.since
        return await asyncio.to_thread(self._read, address, after, until)

    def _read(self, address: str, after: Value | None, until: Value | None) -> Page | None:
        warehouse = open_warehouse(address)
        query = Query(self.section.sql, self.section.cursor, after, until)
        if until is not None:
            rows = warehouse.rows(query)
            return Page(rows, until, more=True)
        settled = self._clock() - self.section.settle if self.section.settle else None
        rows = warehouse.rows(query._replace(until=settled, most=self._most + 1))
        if rows.num_rows == 0:
            return None
        return self._cut(warehouse, query, rows)

    def _cut(self, warehouse: Warehouse, query: Query, rows: pa.Table) -> Page:
        """Never between two rows of one value: those behind the cut would be missed."""
        if self.section.cursor not in rows.column_names:
            raise ToolFailure(f"its query gives no column {self.section.cursor}")
        values = rows[self.section.cursor]
        last = _value(values[-1])
        if rows.num_rows <= self._most:
            return Page(rows, last, more=False)
        whole = rows.filter(pc.not_equal(values, values[-1]))
        if whole.num_rows:
            return Page(whole, _value(whole[self.section.cursor][-1]), more=True)
        return Page(warehouse.rows(query._replace(until=last)), last, more=True)

    def _laid_out(self, rows: pa.Table) -> LaidOut:
        """The rows in our columns: a cursor that is a moment is their timestamp, and any other is no feature."""
        cursor = self.section.cursor
        columns = [(name, rows.column(place)) for place, name in enumerate(rows.column_names)]
        if cursor != "timestamp":
            is_moment = pa.types.is_timestamp(rows.schema.field(cursor).type)
            renamed = "timestamp" if is_moment and "timestamp" not in rows.column_names else None
            own = ("id", "prediction", "label", "score", "version")
            columns = [
                (renamed if name == cursor and renamed else name, column)
                for name, column in columns
                if name != cursor or renamed or cursor in own
            ]
        given = laid_out(columns, self.section.holds)
        return given._replace(table=checked(given.table, self.section.holds))

    async def _progress(self) -> Progress | None:
        async with self._database.read() as connection:
            return await pulls.progress_of(connection, self.key)

    async def _save(self, known: Progress, **changed: object) -> Progress:
        progress = msgspec.structs.replace(known, **changed)
        async with self._database.write() as connection:
            await pulls.save(connection, progress)
        return progress

    async def _note_failure(self, reason: str) -> None:
        PULL_FAILURES.labels(self.model).inc()
        log.warning("pull.failed", model=self.model, reason=reason)
        try:
            known = await self._progress() or Progress(key=self.key, model=self.model, at=self._clock())
            await self._save(known, failure=reason)
        except (StorageUnavailable, InboxFull) as error:
            log.warning("pull.not_noted", model=self.model, reason=str(error))


def _key(model: str, section: PullSection) -> str:
    """Another query, or another cursor, is another pull, and begins anew."""
    about = f"{section.sql}\n{section.from_}\n{section.cursor}\n{section.holds}"
    return f"{model} {hashlib.sha256(about.encode()).hexdigest()[:16]}"


def _value(scalar: pa.Scalar) -> Value:
    value = scalar.as_py()
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, int | float | str):
        return value
    raise ToolFailure(f"its cursor is neither a moment nor a number nor a text, but {type(value).__name__}")


def address_in(environ: Mapping[str, str], name: str) -> str | None:
    """The address that a name stands for: a secret like others, or a variable as other programs have it."""
    return environ.get(f"TANDEM_SECRET_{name}") or environ.get(name) or None
