"""A column of numbers from counts that a database made: how many rows lie between thresholds, and from where to where.

The thresholds are chosen so that each count that a check of drift or of quality looks at is exact. That is not as easy
as to compare with the reference's edges: the reference may be kept in single precision, and a check rounds what comes
likewise. A number rounds to an edge or above exactly when it is not less than the middle between the edge and the
value before it, so each edge is two thresholds of double precision.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detectors.drift.counted import tenths
from detectors.drift.packing import Array
from detectors.drift.profile import Numeric, Ranks, build
from detectors.drift.ranks import bins_of
from detectors.drift.sequential import bin_count
from detectors.drift.sketch import order_statistics

_KEPT = 10_000
"""Values that stand for a column."""
_POINTS = 64
"""Values that stand for a cell."""
_LARGEST = float(np.finfo(np.float64).max)
_TOO_FULL = 16
"""A cell that holds more than so much of the rows is parted again, in ``_PARTS``."""
_PARTS = 32
_WIDE = 1000.0


class Cell(NamedTuple):
    """Rows between two thresholds: how many, and the least and the greatest.

    Parameters
    ----------
    place
        How many thresholds are not above them.
    rows
        One at least.
    least, greatest
        In the unit of the column.

    Examples
    --------
    >>> Cell(place=0, rows=2, least=1.0, greatest=3.0).rows
    2
    """

    place: int
    rows: int
    least: float
    greatest: float


class Counts(NamedTuple):
    """A column as it was counted.

    Parameters
    ----------
    thresholds
        In ascending order; see :func:`thresholds_of`.
    cells
        Those that have rows, in ascending order.
    missing
        Rows that have no number.

    Examples
    --------
    >>> Counts(np.array([2.0]), [Cell(0, 2, 1.0, 1.5), Cell(1, 3, 2.0, 4.0)], missing=0).below(2.0)
    2
    """

    thresholds: Array
    cells: Sequence[Cell]
    missing: int

    @property
    def rows(self) -> int:
        return sum(cell.rows for cell in self.cells)

    def below(self, threshold: float) -> int:
        """How many rows are less than one of the thresholds."""
        place = int(self.thresholds.searchsorted(threshold))
        return sum(cell.rows for cell in self.cells if cell.place <= place)


def edges_of(column: Numeric, rows: int) -> Array:
    """The values at which checks against a reference's column look at ranks.

    Parameters
    ----------
    column
        The reference's.
    rows
        Of the reference, those without a value included.

    Returns
    -------
    Ascending values in the column's precision.

    Examples
    --------
    >>> edges_of(Numeric(np.arange(3.0), 3, 0), 3).tolist()
    [-inf, 0.0, 1.0, 2.0, inf]
    """
    ends = np.array([-np.inf, np.inf], dtype=column.values.dtype)
    if not column.rows:
        return ends
    binned = bins_of(column, bin_count(rows), np.random.default_rng(0)).numbers
    return np.asarray(np.unique(np.concatenate([ends, binned, tenths(column), column.values[[0, -1]]])))


def thresholds_of(edges: Array, more: Sequence[float] = ()) -> Array:
    """The thresholds that tell, for each edge, which numbers round to less than it and which up to it.

    Parameters
    ----------
    edges
        In single or double precision.
    more
        Further thresholds.

    Returns
    -------
    Ascending thresholds in double precision.

    Examples
    --------
    >>> thresholds_of(np.array([1.0], dtype=np.float32)).tolist()
    [0.9999999701976776, 1.000000059604645]
    """
    pairs = [_around(edge) for edge in edges]
    found: Array = np.unique(np.array([*(one for pair in pairs for one in pair), *more], dtype=np.float64))
    return np.asarray(found[~np.isnan(found) & (found != -np.inf)])


def numeric_of(counts: Counts, edges: Array) -> Numeric:
    """The column, as a reference that has these edges reads it.

    Parameters
    ----------
    counts
        By thresholds that :func:`thresholds_of` makes of the edges.
    edges
        See :func:`edges_of`; empty where there is no reference.

    Returns
    -------
    The column, with ranks that are exact at the edges.

    Examples
    --------
    >>> edges = np.array([2.0])
    >>> counts = Counts(thresholds_of(edges), [Cell(0, 2, 1.0, 1.5), Cell(1, 1, 2.0, 2.0), Cell(2, 2, 3.0, 4.0)], 0)
    >>> numeric_of(counts, edges).values.tolist()
    [1.0, 1.5, 2.0, 3.0, 4.0]
    """
    values = _values(counts.cells)
    dtype = edges.dtype if len(edges) else build({"": values}).columns[""].values.dtype  # type: ignore[union-attr]
    upto = np.cumsum([0, *(cell.rows for cell in counts.cells)])
    places = np.array([cell.place for cell in counts.cells])
    pairs = np.array([_around(edge) for edge in edges], dtype=np.float64).reshape(-1, 2)
    below = [_rows_below(counts, places, upto, side) for side in pairs.T]
    with np.errstate(over="ignore"):
        values = values.astype(dtype)
    return Numeric(values, counts.rows, counts.missing, Ranks(edges, below[0], below[1]) if len(edges) else None)


def together(columns: Sequence[Numeric]) -> Numeric:
    """One column of the same column's parts, whose ranks are known at the same values.

    Parameters
    ----------
    columns
        One at least.

    Returns
    -------
    The column of all rows.

    Examples
    --------
    >>> together([Numeric(np.array([1.0]), 1, 0), Numeric(np.array([3.0]), 1, 2)]).values.tolist()
    [1.0, 3.0]
    """
    first = columns[0]
    if len(columns) == 1:
        return first
    values = np.concatenate([one.values for one in columns])
    each = np.concatenate([np.full(len(one.values), max(one.rows // max(len(one.values), 1), 1)) for one in columns])
    rows, missing = sum(one.rows for one in columns), sum(one.missing for one in columns)
    known = None
    if first.known is not None:
        ranks = [one.known for one in columns if one.known is not None]
        known = Ranks(first.known.at, np.sum([one.below for one in ranks], 0), np.sum([one.upto for one in ranks], 0))
    return Numeric(_thinned(values, each), rows, missing, known)


def too_full(counts: Counts) -> dict[int, Array]:
    """The cells of which too little is known, each with thresholds between its least and its greatest.

    Parameters
    ----------
    counts
        Of a column.

    Returns
    -------
    Thresholds by the place of the cell among ``counts.cells``.

    Examples
    --------
    >>> list(too_full(Counts(np.zeros(0), [Cell(0, 100, 0.0, 8.0)], 0)))
    [0]
    """
    found = {}
    for at, cell in enumerate(counts.cells):
        if cell.rows <= max(counts.rows / _TOO_FULL, 2) or not -_LARGEST <= cell.least < cell.greatest <= _LARGEST:
            continue
        if cell.least > 0 and cell.greatest / cell.least > _WIDE:
            inner: Array = np.geomspace(cell.least, cell.greatest, _PARTS + 1)[1:-1]
        else:
            inner = cell.least + (cell.greatest / _PARTS - cell.least / _PARTS) * np.arange(1, _PARTS)
        found[at] = np.unique(inner[(inner > cell.least) & (inner <= cell.greatest)])
    return {at: inner for at, inner in found.items() if len(inner)}


def _around(edge: np.floating) -> tuple[float, float]:
    """What is less than the first rounds to less than the edge, what is less than the second up to it.

    Not a number where nothing is not less.
    """
    kind = np.asarray(edge).dtype
    value = float(edge)
    if kind == np.float64:
        if value == math.inf:
            return math.inf, math.nan
        return value, float(np.nextafter(value, math.inf))
    return _first_at(value, kind), _first_at(_after(value, kind), kind)


def _after(value: float, kind: np.dtype) -> float:
    with np.errstate(over="ignore"):
        return math.nan if value == math.inf else float(np.nextafter(kind.type(value), kind.type(np.inf)))


def _first_at(value: float, kind: np.dtype) -> float:
    """The least number of double precision that rounds to this one of lower precision or above."""
    if math.isnan(value) or value == -math.inf:
        return value
    largest = float(np.finfo(kind).max)
    if value == math.inf:
        return largest + (largest - float(np.nextafter(kind.type(largest), kind.type(0)))) / 2
    with np.errstate(over="ignore"):
        before = float(np.nextafter(kind.type(value), kind.type(-np.inf)))
        middle = (before + value) / 2 if before != -math.inf else -_first_at(math.inf, kind)
        reached = float(kind.type(middle)) >= value
    return middle if reached else float(np.nextafter(middle, math.inf))


def _rows_below(counts: Counts, places: Array, upto: Array, thresholds: Array) -> Array:
    """How many rows are less than each threshold; all than what is no number, and none than minus infinity."""
    cells = places.searchsorted(counts.thresholds.searchsorted(thresholds), "right")
    return np.select([np.isnan(thresholds), thresholds == -np.inf], [np.int64(counts.rows), np.int64(0)], upto[cells])


def _values(cells: Sequence[Cell]) -> Array:
    """Values that stand for the rows of the cells."""
    if not cells:
        return np.zeros(0)
    values, each = list[Array](), list[Array]()
    for cell in cells:
        points = 1 if cell.least == cell.greatest else min(cell.rows, _POINTS)
        with np.errstate(invalid="ignore", over="ignore"):
            values.append(np.linspace(cell.least, cell.greatest, points) if points > 1 else np.array([cell.least]))
        share, rest = divmod(cell.rows, points)
        each.append(np.full(points, share) + (np.arange(points) < rest))
    whole = np.nan_to_num(np.concatenate(values), nan=0.0, posinf=np.inf, neginf=-np.inf)
    return _thinned(whole, np.concatenate(each))


def _thinned(values: Array, each: Array) -> Array:
    if not len(values):
        return values
    kept = order_statistics(values, each, _KEPT)
    kept[0], kept[-1] = values.min(), values.max()
    return kept
