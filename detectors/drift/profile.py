"""The profile of a table: all that a check needs of it, made once, so that no check sorts the reference again."""

from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from detectors.drift.categories import Categorical, Tally
from detectors.drift.packing import Array, pack, unpack
from detectors.embeddings.profile import VectorProfile

_RESOLUTION = 1e-5
_LARGEST_SINGLE = float(np.finfo(np.float32).max)
_TRUTH = {"true": 1.0, "false": 0.0}
MOST = 1_000_000
"""Values kept of a column: up to so many rows it is exact."""


class Ranks(msgspec.Struct, frozen=True):
    """How many rows of a column are less than some values, and how many are up to them: exactly.

    Parameters
    ----------
    at
        Values in ascending order, of shape (values,).
    below, upto
        Rows less than each, and less than or equal to each.

    Examples
    --------
    >>> Ranks(np.array([2.0]), np.array([1]), np.array([3])).upto.tolist()
    [3]
    """

    at: Array
    below: Array
    upto: Array


class Numeric(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """A column of numbers: ``values`` sorted, of the ``rows`` that have one; ``missing`` rows have none.

    ``values`` are all of them, or so many order statistics at even distances: then the distribution function read off
    them is wrong by at most one part in ``len(values)``.

    Parameters
    ----------
    values
        Ascending, in the unit of the column, of shape (kept,).
    rows
        How many rows have a value.
    missing
        How many have none.
    known
        Ranks that are exact, where the values are only some of the rows'.

    Examples
    --------
    >>> Numeric(np.array([1.0, 3.0]), rows=2, missing=1).rows
    2
    """

    values: Array
    rows: int
    missing: int
    known: Ranks | None = None

    def ranks(self, values: Array, side: Literal["left", "right"]) -> Array:
        """How many rows are less than each value, or with ``right`` up to it; scaled up where some were kept."""
        found = self.values.searchsorted(values, side) * (self.rows / max(len(self.values), 1))
        if self.known is None or not len(self.known.at):
            return np.asarray(found)
        place = self.known.at.searchsorted(values).clip(max=len(self.known.at) - 1)
        exact = self.known.below if side == "left" else self.known.upto
        return np.where(self.known.at[place] == values, exact[place], found)

    def read(self, raw: Array) -> "Numeric":
        """Another table's column, in this one's precision."""
        with np.errstate(over="ignore"):  # what is too large for the precision is infinite, and larger than all else
            return _numeric(self.numbers(raw).astype(self.values.dtype))

    def numbers(self, raw: Array) -> Array:
        """Another table's column as floats, NaN for what is none; true is 1 where this column is of 0 and 1 alone."""
        if raw.dtype.kind in "iufb" or not self._is_binary:
            return as_numbers(raw)
        return as_numbers(np.array([_TRUTH.get(str(value).lower(), value) for value in raw.tolist()], dtype=object))

    @property
    def _is_binary(self) -> bool:
        first, below_one = np.searchsorted(self.values, [0.0, 1.0], "left").tolist()
        upto_zero, last = np.searchsorted(self.values, [0.0, 1.0], "right").tolist()
        return bool(first == 0 and upto_zero == below_one and 0 < last == len(self.values))


Column: TypeAlias = Numeric | Categorical


class TextColumn(msgspec.Struct, frozen=True):
    """A column of texts: the words of one half, and the statistics of the other, to which these words are as unknown
    as to what comes.

    Parameters
    ----------
    vocabulary
        The words, as :func:`detectors.text.statistics.vocabulary_of` gives them.
    statistics
        By name, such as ``length``.

    Examples
    --------
    >>> TextColumn(np.zeros(0), {}).statistics
    {}
    """

    vocabulary: Array
    statistics: dict[str, Column]


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a table: its columns by name.

    Parameters
    ----------
    rows
        How many rows the table has.
    columns
        What is known of each column, by name.
    vectors
        What is known of each column of vectors, by name.
    texts
        What is known of the words of each column of texts, by name.

    Examples
    --------
    >>> reference = build({"price": np.array([3.0, 1.0, np.nan]), "shop": np.array(["a", "b", "a"])})
    >>> reference.columns["price"].values.tolist(), reference.columns["shop"].counts
    ([1.0, 3.0], {'a': 2, 'b': 1})
    >>> Profile.restore(reference.state()).rows
    3
    >>> reference.read({"price": np.array([7.0])}).columns["price"].rows
    1
    """

    rows: int
    columns: dict[str, Column]
    vectors: dict[str, VectorProfile] = {}
    texts: dict[str, TextColumn] = {}

    def read(self, table: Mapping[str, Array]) -> "Profile":
        """Another table as this one sees it: the columns of both, each of the kind that it has here."""
        columns = {name: column.read(table[name]) for name, column in self.columns.items() if name in table}
        return Profile(_rows(table), columns)

    def state(self) -> bytes:
        return pack(self)

    @classmethod
    def restore(cls, state: bytes) -> "Profile":
        return unpack(state, cls)


def build(table: Mapping[str, Array], categorical: Collection[str] = (), most: int = MOST) -> Profile:
    """The profile of a reference.

    Parameters
    ----------
    table
        The columns, each of shape (rows,). Missing values are NaN or None.
    categorical
        Names of columns of numbers that are categories all the same. Text and booleans always are. Of more than
        MOST_CATEGORIES different ones see ``categories``.
    most
        Values kept of a column, 1,000 at least: of more rows as many order statistics, which bounds the memory.

    Returns
    -------
    The profile, whose size does not depend on the number of rows.

    Examples
    --------
    >>> build({"price": np.array([3.0, 1.0, np.nan])}).columns["price"].missing
    1
    """
    if most < 1000:
        raise ValueError(f"a profile keeps 1,000 values at least, not {most}")
    columns = {name: _column(np.asarray(raw), name in categorical, most) for name, raw in table.items()}
    return Profile(_rows(table), columns)


def as_numbers(raw: Array) -> Array:
    """The column as floats, with NaN for what is no number.

    Parameters
    ----------
    raw
        Any values, of shape (rows,).

    Returns
    -------
    Floats of shape (rows,).

    Examples
    --------
    >>> as_numbers(np.array(["7", "x", None], dtype=object)).tolist()
    [7.0, nan, nan]
    """
    if raw.dtype.kind in "iufb":
        return raw if raw.dtype.kind == "f" else raw.astype(np.float64)
    return np.array([_number(value) for value in raw], dtype=np.float64)


def _rows(table: Mapping[str, Array]) -> int:
    return max((len(column) for column in table.values()), default=0)


def _column(raw: Array, categorical: bool, most: int) -> Column:
    if categorical or not _holds_numbers(raw):
        return _categorical(raw)
    numbers = as_numbers(raw)
    whole = _numeric(numbers.astype(np.float32) if _fits_single(numbers) else numbers)
    return Numeric(_thinned(whole.values, most), whole.rows, whole.missing)


def _holds_numbers(raw: Array) -> bool:
    if raw.dtype.kind != "O":
        return raw.dtype.kind in "iuf"
    return all(isinstance(value, int | float | np.number) for value in raw if value is not None)


def _fits_single(numbers: Array) -> bool:
    """Whether rounding to single precision is fine beside the column's spread (timestamps would lose their minutes)."""
    finite = numbers[np.isfinite(numbers)]
    if numbers.dtype.itemsize <= 4 or not finite.size:
        return True
    largest, (low, high) = float(np.abs(finite).max()), np.quantile(finite, [0.05, 0.95])
    return largest < _LARGEST_SINGLE and largest * 2**-24 <= _RESOLUTION * (high - low)


def _numeric(numbers: Array) -> Numeric:
    values = np.sort(numbers)  # NaN comes last
    rows = len(values) if not len(values) or values[-1] == values[-1] else int(np.searchsorted(values, np.nan))
    return Numeric(values[:rows], rows, len(values) - rows)


def _categorical(raw: Array) -> Categorical:
    tally = Tally()
    tally.add(raw)
    return tally.column()


def kept_ranks(rows: int, kept: int) -> Array:
    """Which of so many sorted rows a profile keeps: their indices, from 0.

    Parameters
    ----------
    rows
        How many there are.
    kept
        How many are kept at most.

    Returns
    -------
    Indices in ascending order, of shape (min(rows, kept),).

    Examples
    --------
    >>> kept_ranks(10, 2).tolist()
    [2, 7]
    """
    return np.arange(rows) if kept >= rows else ((np.arange(kept) + 0.5) * (rows / kept)).astype(np.int64)


def _thinned(values: Array, most: int) -> Array:
    return values if len(values) <= most else values[kept_ranks(len(values), most)]


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")
