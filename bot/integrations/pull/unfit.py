"""A row that cannot be taken, whatever is wrong with it, is left out: the others are taken without it. Pure."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from bot.errors import Unfit
from bot.model_store.layout import Columns

MOST_UNFIT = 100
"""Of more rows than these something else is wrong, which is a failure of the pull."""
_TRIED = 8
_REFUSED = (Unfit, pa.ArrowException, ValueError, OverflowError)
_Taken = TypeVar("_Taken")
_Take = Callable[[Columns], _Taken]


def without_unfit(columns: Columns, take: _Take[_Taken]) -> tuple[_Taken, list[str]]:
    """What is taken of the rows, and in words what was left out. Raises Unfit where that is not a matter of rows."""
    try:
        return take(columns), []
    except _REFUSED as error:
        fits = fitting_rows(columns, take)
        if fits is None:
            raise _as_unfit(error) from error
        try:
            taken = take([(name, column.filter(fits)) for name, column in columns])
        except _REFUSED:
            raise _as_unfit(error) from error
        unfit = len(fits) - pc.sum(fits).as_py()
        said = "1 row is" if unfit == 1 else f"{unfit} rows are"
        return taken, [f"{said} left out: {error}"]


def fitting_rows(columns: Columns, take: _Take[_Taken]) -> pa.BooleanArray | None:
    """Which rows can be taken; None where it is not that a few of them cannot."""
    rows = len(columns[0][1]) if columns else 0
    tried = range(0, rows, max(rows // _TRIED, 1))
    if rows < 2 or all(_refused(_slice(columns, at, 1), take) for at in tried):
        return None
    unfit = set(_unfit(columns, 0, rows, take))
    if not 0 < len(unfit) <= MOST_UNFIT:
        return None
    return pa.array([at not in unfit for at in range(rows)], pa.bool_())


def _unfit(columns: Columns, start: int, end: int, take: _Take[_Taken]) -> Iterator[int]:
    """The places of rows that cannot be taken, the first of them: of very many it stops soon."""
    found = 0
    waiting = [(start, end)]
    while waiting and found <= MOST_UNFIT:
        first, last = waiting.pop()
        if not _refused(_slice(columns, first, last - first), take):
            continue
        if last - first == 1:
            found += 1
            yield first
        else:
            middle = (first + last) // 2
            waiting += [(middle, last), (first, middle)]


def _refused(columns: Columns, take: _Take[_Taken]) -> bool:
    try:
        take(columns)
    except _REFUSED:
        return True
    return False


def _slice(columns: Columns, start: int, length: int) -> Columns:
    return [(name, column.slice(start, length)) for name, column in columns]


def _as_unfit(error: Exception) -> Unfit:
    return error if isinstance(error, Unfit) else Unfit(str(error))
