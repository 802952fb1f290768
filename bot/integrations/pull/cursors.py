"""Which rows have a cursor that can be one: what cannot must never be the greatest value, or nothing comes after it.

Pure.
"""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bot.integrations.pull.moments import back, is_moment, microseconds
from bot.model_store.pulls import Value

AHEAD = timedelta(days=366)
"""No row is of a moment so far ahead: ``9999-12-31`` stands for one that is not known."""
_FIRST = datetime(1000, 1, 1, tzinfo=UTC)
_SHOWN, _MOST_TEXT = 3, 40
_GREATEST = 1.7e308


class Split(NamedTuple):
    """The rows that can be taken, and how many others there are, with some of their values."""

    rows: pa.Table
    aside: int
    shown: Sequence[str] = ()

    def in_words(self, cursor: str) -> str:
        """
        >>> Split(pa.table({}), 2, ["n/a", "9999-12-31"]).in_words("ts")
        '2 rows are left out, as their ts cannot be one: n/a, 9999-12-31'
        """
        if not self.aside:
            return ""
        rows = "1 row is left out, as its" if self.aside == 1 else f"{self.aside:,} rows are left out, as their"
        return f"{rows} {cursor} cannot be one" + (f": {', '.join(self.shown)}" if self.shown else "")


def split(rows: pa.Table, cursor: str, after: Value | None, now: datetime, *, moments: bool = False) -> Split:
    """``after`` is the greatest value that was read, ``moments`` says that values are to be moments, also as text.

    Text is of moments where ``after`` is one, or half of the values are.
    """
    column = rows[cursor]
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    fits = _fits(column, after, now, moments)
    if fits is None or pc.all(fits).as_py():
        return Split(rows, 0)
    odd = column.filter(pc.and_(pc.invert(fits), pc.is_valid(column)))
    shown = [_text(value) for value in pc.cast(odd.slice(0, _SHOWN), pa.string()).to_pylist()]
    return Split(rows.filter(fits), rows.num_rows - pc.sum(fits).as_py(), list(dict.fromkeys(shown)))


def possible(value: Value | None, now: datetime, *, moments: bool) -> bool:
    """The same of one value.

    >>> now = datetime(2026, 3, 1, tzinfo=UTC)
    >>> [possible(one, now, moments=True) for one in ("2026-02-01", "9999-12-31", "n/a", float("nan"), 7)]
    [True, False, False, False, True]
    """
    match value:
        case None:
            return False
        case int() | float():
            return math.isfinite(value)
        case str() if not is_moment(value):
            return not moments
    return _microseconds(_FIRST) <= microseconds(value) <= _microseconds(now + AHEAD)


def of_one_kind(values: Sequence[Any], after: Value | None) -> list[Any]:
    """SQLite may hold text among numbers: what is not of the kind of ``after``, or else of most of them, is none."""
    kinds = [_kind(value) for value in values]
    counted = Counter(kind for kind in kinds if kind)
    if len(counted) < 2:
        return list(values)
    wanted = _kind(after) if after is not None else counted.most_common(1)[0][0]
    return [value if kind == wanted else None for value, kind in zip(values, kinds, strict=True)]


def ends_like(value: Value, now: datetime) -> tuple[Value, Value]:
    """Between what all values lie that can be one, written like one of them.

    >>> ends_like("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC))
    ('1000-01-01', '2027-03-02')
    """
    if isinstance(value, int | float):
        return -_GREATEST, _GREATEST
    least, most = _FIRST, now + AHEAD
    if isinstance(value, datetime):
        return least, most
    own = microseconds(value)
    first, last = (back(value, timedelta(microseconds=own - _microseconds(end))) for end in (least, most))
    return first, last


def _fits(column: pa.ChunkedArray, after: Value | None, now: datetime, moments: bool) -> pa.ChunkedArray | None:
    """None where any value can be one."""
    kind, there = column.type, pc.is_valid(column)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        least, most = (_scalar(moment, kind) for moment in (_FIRST, now + AHEAD))
        return pc.fill_null(pc.and_(pc.greater_equal(column, least), pc.less_equal(column, most)), False)
    if pa.types.is_floating(kind):
        return pc.fill_null(pc.is_finite(column), False)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return there
    values = column.to_pylist()
    given = sum(map(is_moment, filter(None, values)))
    if after is None:
        moments = moments or 2 * given >= len(values)
    elif not moments:
        moments = isinstance(after, str) and is_moment(after)
    if not moments:
        return there
    if after is None and not given:
        return there  # it is a cursor of another kind, which whoever reads it refuses
    return pa.chunked_array([pa.array([possible(value, now, moments=True) for value in values], pa.bool_())])


def _scalar(moment: datetime, kind: pa.DataType) -> pa.Scalar:
    if pa.types.is_date(kind):
        return pa.scalar(moment.date(), kind)
    return pa.scalar(moment if kind.tz else moment.replace(tzinfo=None), pa.timestamp("us", kind.tz)).cast(kind)


def _kind(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "boolean"
        case int() | float() | Decimal():
            return "number"
        case str():
            return "text"
        case datetime() | date():
            return "moment"
    return type(value).__name__


def _microseconds(moment: datetime) -> int:
    return microseconds(moment.astimezone(UTC))


def _text(value: str) -> str:
    return value if len(value) <= _MOST_TEXT else f"{value[:_MOST_TEXT]}…"
