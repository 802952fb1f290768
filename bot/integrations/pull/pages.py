"""Pages of a query: rows in the order of their cursor, never cut between two rows of one value. Blocks."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bot.domain.watched.pull import PullSection
from bot.integrations.http import ToolFailure
from bot.integrations.pull.cursors import split
from bot.integrations.pull.lake import LakeTable
from bot.integrations.pull.moments import value_of
from bot.integrations.pull.schema import changes, fitting, kinds_of, with_new
from bot.integrations.pull.unfit import without_unfit
from bot.integrations.pull.warehouse import Query, Warehouse, open_warehouse
from bot.model_store.columns import checked
from bot.model_store.layout import Columns, LaidOut, laid_out
from bot.model_store.pulls import Value

MOST_ROWS = 100_000
"""Of a page."""
MOST_ALIKE = 2_000_000
"""Rows of one value of the cursor: they are in memory together."""
_OWN = ("id", "prediction", "label", "score", "version")


class Page(NamedTuple):
    """Rows, and the greatest value of their cursor; ``more``: there are further ones."""

    rows: pa.Table
    until: Value
    more: bool


class Pages:
    """The pages of a pull's query."""

    def __init__(self, section: PullSection, clock: Callable[[], datetime], most: int = MOST_ROWS) -> None:
        self._section, self._clock, self._most = section, clock, most
        self.tables: Sequence[LakeTable] = ()
        self.aside: list[str] = []
        """In words what rows of the last page were left out."""

    def next(self, address: str, after: Value | None, until: Value | None) -> Page | None:
        """The rows behind ``after``: all up to ``until`` where that is given, else a page. Raises ToolFailure."""
        warehouse = open_warehouse(address, self.tables)
        query = Query(self._section.sql, self._section.cursor, after, until)
        self.aside = []
        if until is not None:
            return Page(self._possible(self._whole(warehouse, query), query), until, more=True)
        settled = self._clock() - self._section.settle if self._section.settle else None
        return self._page(warehouse, query._replace(until=settled))

    def between(self, address: str, after: Value, until: Value) -> Page | None:
        """A page of the rows behind ``after`` and up to ``until``. Raises ToolFailure."""
        query = Query(self._section.sql, self._section.cursor, after, until)
        return self._page(open_warehouse(address, self.tables), query)

    def without_cursor(self, address: str) -> int:
        """How many rows have none, and are never read. Raises ToolFailure."""
        return open_warehouse(address, self.tables).without_cursor(Query(self._section.sql, self._section.cursor))

    def laid_out(self, rows: pa.Table) -> LaidOut:
        """The rows in our columns: a cursor that is a moment is their timestamp, and any other is no feature."""
        cursor = self._section.cursor
        columns = [(name, rows.column(place)) for place, name in enumerate(rows.column_names)]
        if cursor != "timestamp":
            kind = rows.schema.field(cursor).type
            is_moment = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
            renamed = "timestamp" if is_moment and "timestamp" not in rows.column_names else None
            columns = [
                (renamed if name == cursor and renamed else name, column)
                for name, column in columns
                if name != cursor or renamed or cursor in _OWN
            ]
        given, left_out = without_unfit(columns, lambda some: _laid_out(some, self._section.holds))
        self.aside += left_out
        return given

    def fitting(self, rows: pa.Table, usual: Mapping[str, str] | None) -> tuple[pa.Table, list[str], dict[str, str]]:
        """The rows that can be taken, what is wrong with the others and with the columns, and the usual columns."""
        now, known = kinds_of(rows), usual or {}
        fit, changed = fitting(rows, self._section.holds, self._section.cursor), changes(known, now)
        return fit.rows, [*changed, *fit.problems], dict(known) if changed else with_new(known, now)

    def _page(self, warehouse: Warehouse, query: Query) -> Page | None:
        rows = warehouse.rows(query._replace(most=self._most + 1))
        if rows.num_rows == 0:
            return None
        if query.cursor not in rows.column_names:
            raise ToolFailure(f"its query gives no column {query.cursor}")
        fit, cut = self._possible(rows, query), rows.num_rows > self._most
        if cut and not fit.num_rows:  # what can be taken may lie behind them
            rows = warehouse.rows(query._replace(most=MOST_ALIKE))
            fit, cut = self._possible(rows, query), rows.num_rows == MOST_ALIKE
        if not fit.num_rows:
            return None
        values = fit[query.cursor]
        last = value_of(values[-1])
        if not cut:
            return Page(fit, last, more=False)
        whole = fit.filter(pc.not_equal(values, values[-1]))
        if whole.num_rows:
            return Page(whole, value_of(whole[query.cursor][-1]), more=True)
        alike = query._replace(until=last)
        return Page(self._possible(self._whole(warehouse, alike), alike), last, more=True)

    def _possible(self, rows: pa.Table, query: Query) -> pa.Table:
        """The rows whose cursor can be one."""
        found = split(rows, query.cursor, query.after, self._clock(), moments=bool(self._section.late))
        self.aside = [found.in_words(query.cursor)] if found.aside else []
        return found.rows

    def _whole(self, warehouse: Warehouse, query: Query) -> pa.Table:
        rows = warehouse.rows(query._replace(most=MOST_ALIKE + 1))
        if rows.num_rows > MOST_ALIKE:
            raise ToolFailure(
                f"more than {MOST_ALIKE:,} rows have one value of {query.cursor}: name a cursor that is finer"
            )
        return rows


def _laid_out(columns: Columns, holds: str) -> LaidOut:
    given = laid_out(columns, holds)
    return given._replace(table=checked(given.table, holds))
