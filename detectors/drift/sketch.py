"""The profile of a reference that is too large to be sorted as a whole: made part by part, within bounded memory.

Up to ``most`` rows a column is kept as it comes, and the profile is what ``profile.build`` makes, value for value.
Beyond that its numbers go into sorted buffers of one size, of which two of the same weight are merged, and every second
value kept with twice the weight (Munro and Paterson, Selection and sorting with limited storage, 1980; Manku,
Rajagopalan and Lindsay, Approximate medians and other quantiles in one pass, SIGMOD 1998). One such step moves no rank
by more than the weight before it, up or down as the first or the second of each pair was kept. Both are counted as they
happen: the error is a sum that holds for every input, no estimate. With buffers of half of ``most`` it is about
log2(2n / most) / (2 most) of n rows; of 10,000,000 rows the profile keeps 200,000 values and is wrong by 5e-6 at most.
"""

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from detectors.drift.categories import Buckets, Categorical, Tally
from detectors.drift.packing import Array
from detectors.drift.profile import MOST, Column, Numeric, Profile, as_numbers, build, kept_ranks

_STEP = 2**18


class Sketch:
    """Numbers without missing ones, in sorted buffers: the one at place j, if there is one, has the weight 2^j.

    Parameters
    ----------
    size
        Values in each buffer.

    Examples
    --------
    >>> sketch = Sketch(size=1000)
    >>> sketch.add(np.array([3.0, 1.0]))
    >>> sketch.rows, sketch.error
    (2, 0)

    References
    ----------
    Manku, Rajagopalan and Lindsay: Approximate medians and other quantiles in one pass and with limited memory.
    SIGMOD 1998.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._fresh = np.zeros(0, np.float32)  # as wide as the widest that comes
        self._buffers: list[Array | None] = []
        self._second: list[bool] = []
        self._over = self._under = 0
        self.rows = 0

    @property
    def error(self) -> int:
        """By how many rows the rank of a value, as it is read off the sketch, is wrong at most."""
        return max(self._over, self._under)

    def add(self, values: Array) -> None:
        """Take more numbers, of shape (rows,)."""
        self.rows += len(values)
        whole = np.concatenate([self._fresh, values])
        full = len(whole) - len(whole) % self._size
        for start in range(0, full, self._size):
            self._carry(np.sort(whole[start : start + self._size]))
        self._fresh = whole[full:].copy()

    def thinned(self, most: int) -> Array:
        """Order statistics at even distances, at most so many: their distribution function is wrong by at most one part
        in their number, half of it from the sketch and half from the thinning."""
        buffers = [buffer for buffer in self._buffers if buffer is not None]
        weights = [2**level for level, buffer in enumerate(self._buffers) if buffer is not None]
        values = np.concatenate([self._fresh, *buffers])
        each = np.repeat([1, *weights], [len(self._fresh), *(len(buffer) for buffer in buffers)])
        kept = min(most, self.rows // (2 * self.error)) if self.error else most
        return order_statistics(values, each, kept)

    def _carry(self, buffer: Array, level: int = 0) -> None:
        while level < len(self._buffers) and (other := self._buffers[level]) is not None:
            self._buffers[level] = None
            buffer = self._halved(np.sort(np.concatenate([other, buffer]), kind="stable"), level)
            level += 1
        if level == len(self._buffers):
            self._buffers.append(None)
            self._second.append(False)
        self._buffers[level] = buffer

    def _halved(self, merged: Array, level: int) -> Array:
        """The first or the second of each pair, in turns, so that the errors of a level cancel each other."""
        second = self._second[level]
        self._second[level] = not second
        if second:
            self._under += 2**level
        else:
            self._over += 2**level
        return merged[int(second) :: 2]


def build_in_parts(
    table: Mapping[str, Iterable[Array]], categorical: Collection[str] = (), most: int = MOST
) -> Profile:
    """The profile of a reference whose columns come in parts, one column after another.

    In memory at once are a part and the buffers of one column, log2(2 rows / most) of them at most, besides the profile
    itself. Categories are counted exactly up to 10,000 different ones, and by hash beyond (see ``categories``).

    Parameters
    ----------
    table
        The columns, each as its parts: arrays of shape (rows,), all numbers or all objects.
    categorical
        As ``profile.build`` has it.
    most
        Rows up to which a column is exact, 1,000 at least, and values kept at most.

    Returns
    -------
    The profile, as :func:`~detectors.drift.profile.build` would make it.

    Examples
    --------
    >>> build_in_parts({"price": [np.array([3.0, 1.0]), np.array([2.0])]}).columns["price"].values.tolist()
    [1.0, 2.0, 3.0]

    References
    ----------
    Manku, Rajagopalan and Lindsay: Approximate medians and other quantiles in one pass and with limited memory.
    SIGMOD 1998.
    """
    if most < 1000:
        raise ValueError(f"a profile keeps 1,000 values at least, not {most}")
    columns = {name: _column(parts, name in categorical, most) for name, parts in table.items()}
    return Profile(max((column.rows + column.missing for column in columns.values()), default=0), columns)


def order_statistics(values: Array, weights: Array, kept: int) -> Array:
    """At most so many of the values at even distances, where each value stands for ``weights`` (integers) of them.

    Parameters
    ----------
    values
        Numbers, of shape (n,).
    weights
        For how many each stands, of shape (n,).
    kept
        How many are kept at most.

    Returns
    -------
    Ascending values, of shape (at most ``kept``,).

    Examples
    --------
    >>> order_statistics(np.array([3.0, 1.0, 2.0]), np.array([1, 1, 1]), kept=3).tolist()
    [1.0, 2.0, 3.0]
    """
    order = np.argsort(values, kind="stable")
    upto = weights[order].cumsum()
    rows = int(upto[-1]) if len(upto) else 0
    return values[order][upto.searchsorted(kept_ranks(rows, kept), "right")]


class _Objects:
    """More different objects than are kept: by bucket, and sketched as long as all are ``numbers``."""

    def __init__(self, numbers: bool, size: int) -> None:
        self._buckets, self.sketch = Buckets(), Sketch(size)
        self.are_numbers = numbers

    def add(self, values: Mapping[object, int]) -> None:
        self._buckets.add(values)
        self.are_numbers = self.are_numbers and _all_numbers(values)
        if not self.are_numbers:
            return
        numbers, upto = as_numbers(np.array([*values], dtype=object)), np.cumsum([*values.values()])
        rows = sum(values.values())
        for start in range(0, rows, _STEP):
            self.sketch.add(numbers[upto.searchsorted(np.arange(start, min(start + _STEP, rows)), "right")])

    def column(self, missing: int) -> Categorical:
        return self._buckets.column(missing)


class _Parts:
    """What came of a column: its numbers, whole or as a sketch, or how often each object."""

    def __init__(self, categorical: bool, most: int) -> None:
        self._categorical, self._most = categorical, most
        self._whole: list[Array] = []
        self._sketch = Sketch(most // 2)
        self._rows = self._missing = 0
        self._objects = _Objects(not categorical, most // 2)
        self._tally = Tally(bounded=self._objects)

    def add(self, part: Array) -> None:
        self._rows += len(part)
        if self._categorical or part.dtype.kind not in "iuf":
            self._tally.add(part)
            return
        self._whole.append(part)
        if self._rows > self._most:
            for numbers in map(as_numbers, self._whole):
                self._missing += int(np.isnan(numbers).sum())
                self._sketch.add(numbers[~np.isnan(numbers)])
            self._whole = []

    def column(self) -> Column:
        missing = self._missing + self._tally.missing
        if self._categorical or self._tally.values or not self._tally.is_exact or missing == self._rows > 0:
            return self._of_objects(missing)
        if self._rows <= self._most:
            return build({"": np.concatenate(self._whole or [np.zeros(0)])}, most=self._most).columns[""]
        return _numeric(self._sketch.thinned(self._most), self._sketch.rows, missing)

    def _of_objects(self, missing: int) -> Column:
        if self._tally.is_exact:
            return self._of_values(self._tally.values, missing)
        column = self._tally.spilt()
        if not self._objects.are_numbers:
            return column
        sketch = self._objects.sketch
        return _numeric(sketch.thinned(self._most), sketch.rows, missing)

    def _of_values(self, counts: Mapping[object, int], missing: int) -> Column:
        if self._categorical or not _all_numbers(counts):
            return self._tally.column()
        values = as_numbers(np.array(list(counts), dtype=object))
        weights = np.array(list(counts.values()), dtype=np.int64)
        return _numeric(order_statistics(values, weights, self._most), int(weights.sum()), missing)


def _all_numbers(values: Iterable[object]) -> bool:
    return all(isinstance(value, int | float | np.number) for value in values)


def _column(parts: Iterable[Array], categorical: bool, most: int) -> Column:
    came = _Parts(categorical, most)
    for part in parts:
        came.add(part)
    return came.column()


def _numeric(values: Array, rows: int, missing: int) -> Numeric:
    """In the precision that ``build`` chooses."""
    column = build({"": values}).columns[""]
    assert isinstance(column, Numeric)
    return Numeric(column.values, rows, missing)
