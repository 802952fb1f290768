"""Columns of categories: how many rows have each, within bounded memory however many different ones there are.

Up to MOST_CATEGORIES different values are counted exactly, by their text. Of more, each value counts for its *bucket*,
one of a thousand, which a hash of its text gives it (feature hashing; Weinberger, Dasgupta, Langford, Smola and
Attenberg, Feature hashing for large scale multitask learning, ICML 2009). The counts of buckets are exact. Which values
are together is settled before any of them is seen, so rows exchangeable with a reference's stay so, and what is
promised of a test of categories holds of buckets too. (Of "the most frequent by name, all others together" it would
not: what is frequent in a reference is so by luck in part, and less so in what comes next.) What is lost is power: a
category that moves is seen beside the others of its bucket, which are one row of 1,000 on average.

So that buckets can be named, the most frequent values are kept by name (Misra and Gries, Finding repeated elements,
Science of Computer Programming 2, 1982; part by part as by Agarwal, Cormode, Huang, Phillips, Wei and Yi, Mergeable
summaries, TODS 38, 2013): every value of more than two rows in 1,001 is among them, and no count is too high, or too
low by more than one row in 1,001.
"""

from bisect import bisect
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from itertools import islice
from typing import Protocol

import msgspec
import numpy as np

from detectors.drift.packing import Array
from detectors.drift.spellings import Spellings
from detectors.drift.texts import BUCKETS, MOST_TEXT, bucket, bucket_name, bucket_place, category, is_missing, shortened

MOST_CATEGORIES = 10_000
"""Different values of a column that are counted by name."""
_MOST_FREQUENT = 1000
_PIECE = 2**16
"""Rows that are counted at once."""


class Categorical(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """A column of categories: how many rows have each, by the category's text; ``missing`` rows have none.

    Where it is ``hashed``, ``counts`` are by bucket, and ``frequent`` are the values that are frequent, by text. Where
    it is ``merged``, values that the reference lacks are counted together, with the first of those that lie between
    the same two of the reference's.

    Parameters
    ----------
    counts
        Rows by category, or by bucket where ``hashed``.
    missing
        Rows without a value.
    hashed, frequent, merged
        How the categories were counted; see above.

    Examples
    --------
    >>> Categorical({"a": 2, "b": 1}, missing=0).rows
    3
    """

    counts: dict[str, int]
    missing: int
    hashed: bool = False
    frequent: dict[str, int] = {}
    merged: bool = False

    @property
    def rows(self) -> int:
        return sum(self.counts.values())

    @property
    def named(self) -> dict[str, int]:
        """How many rows have each category that is known by name."""
        return self.frequent if self.hashed else self.counts

    def read(self, raw: Array) -> "Categorical":
        """Another table's column, as this one has it: hashed or not."""
        tally = Tally({} if self.hashed else self.counts, Buckets() if self.hashed else _Between(self.counts))
        tally.add(raw)
        return tally.spilt() if self.hashed else self._in_my_spelling(tally.column())

    def read_counted(self, values: Mapping[object, int], missing: int) -> "Categorical":
        """Another table's column whose values were counted elsewhere, as this one has it."""
        tally = Tally({} if self.hashed else self.counts, Buckets() if self.hashed else _Between(self.counts))
        tally.add_counted({**values, None: missing})
        return tally.spilt() if self.hashed else self._in_my_spelling(tally.column())

    def _in_my_spelling(self, other: "Categorical") -> "Categorical":
        """Where 1.0, "1" or true stand for a category that is known in another spelling, they count as that."""
        strange = [text for text in other.counts if text not in self.counts]
        if not strange or other.merged:
            return other
        spellings, counts = Spellings.of(self.counts), Counter[str]()
        for text, count in other.counts.items():
            counts[spellings.known_as(text)] += count
        return Categorical(dict(sorted(counts.items())), other.missing)

    def place_of(self, text: str) -> str:
        """Where a category counts: under its bucket or its own text."""
        return bucket(text) if self.hashed else text


class Bounded(Protocol):
    """What becomes of more different values than are kept one by one."""

    def add(self, values: Mapping[object, int]) -> None: ...

    def column(self, missing: int) -> Categorical: ...


class Tally:
    """How often each value of a column came.

    Parameters
    ----------
    known
        Categories that keep their text however long it is.
    bounded
        What takes the values when there are too many to be counted one by one.

    Examples
    --------
    >>> tally = Tally()
    >>> tally.add(np.array(["b", "a", None, "b"], dtype=object))
    >>> tally.column().counts, tally.missing
    ({'a': 1, 'b': 2}, 1)
    """

    def __init__(self, known: Mapping[str, int] | None = None, bounded: Bounded | None = None) -> None:
        """``known`` categories keep their text however long; ``bounded`` takes what is too much, else buckets do."""
        self._known = known or {}
        self._bounded = bounded or Buckets()
        self._seen: Counter[object] = Counter()
        self.is_exact = True
        self.missing = 0

    def add(self, raw: Array) -> None:
        """Take more values, of shape (rows,)."""
        for start in range(0, len(raw), _PIECE):
            self._take(Counter(raw[start : start + _PIECE].tolist()))
            if len(self._seen) > MOST_CATEGORIES:
                self._spill()

    def add_counted(self, values: Mapping[object, int]) -> None:
        """Take values that were counted elsewhere."""
        pairs = iter(values.items())
        while piece := dict(islice(pairs, _PIECE)):
            self._take(piece)
            if len(self._seen) > MOST_CATEGORIES:
                self._spill()

    @property
    def values(self) -> Mapping[object, int]:
        """How often each value came, as long as that ``is_exact``."""
        return self._seen

    def column(self) -> Categorical:
        """By name where that ``is_exact``."""
        if not self.is_exact:
            return self.spilt()
        return Categorical(dict(sorted(_texts(self._seen).items())), self.missing)

    def spilt(self) -> Categorical:
        """As it is kept where there are too many, though there may not be."""
        self._spill()
        return self._bounded.column(self.missing)

    def _take(self, piece: Mapping[object, int]) -> None:
        for value, count in piece.items():
            if is_missing(value):  # no two NaN are the same object
                self.missing += count
            else:
                self._seen[self._kept(value) if isinstance(value, str) else value] += count

    def _kept(self, text: str) -> str:
        return text if len(text) <= MOST_TEXT or text in self._known else shortened(text)

    def _spill(self) -> None:
        self._bounded.add(self._seen)
        self._seen.clear()
        self.is_exact = False


class Buckets:
    """Values by the hash of their text, and the frequent ones by name.

    Examples
    --------
    >>> buckets = Buckets()
    >>> buckets.add({"a": 3})
    >>> buckets.column(missing=1).frequent
    {'a': 3}
    """

    def __init__(self) -> None:
        self._counts = np.zeros(BUCKETS, np.int64)
        self._frequent: Counter[str] = Counter()

    def add(self, values: Mapping[object, int]) -> None:
        texts = _texts(values)
        places = np.fromiter(map(bucket_place, texts), np.int64, len(texts))
        np.add.at(self._counts, places, np.fromiter(texts.values(), np.int64, len(texts)))
        self._frequent.update(texts)
        self._frequent = _most_frequent(self._frequent)

    def column(self, missing: int) -> Categorical:
        counts = {bucket_name(int(place)): int(self._counts[place]) for place in self._counts.nonzero()[0]}
        least = int(self._counts.sum()) // (_MOST_FREQUENT + 1)
        sure = {text: count for text, count in self._frequent.items() if count > least}
        return Categorical(counts, missing, hashed=True, frequent=dict(sorted(sure.items())))


class _Between:
    """What a reference knows by name, and what lies between two that it knows as one: ranks among the reference's, and
    how many rows are new, are exact."""

    def __init__(self, known: Mapping[str, int]) -> None:
        self._known = known
        self._counts: Counter[str] = Counter()
        self._between: dict[int, tuple[str, int]] = {}

    def add(self, values: Mapping[object, int]) -> None:
        for text, count in _texts(values).items():
            if text in self._known:
                self._counts[text] += count
                continue
            place = bisect(self._order, text)
            first, before = self._between.get(place, (text, 0))
            self._between[place] = min(first, text), before + count

    @cached_property
    def _order(self) -> list[str]:
        return sorted(self._known)

    def column(self, missing: int) -> Categorical:
        return Categorical(dict(sorted([*self._counts.items(), *self._between.values()])), missing, merged=True)


def alike(before: Categorical, after: Categorical) -> tuple[Categorical, Categorical]:
    """Both hashed where one is, so that their counts can be compared.

    Parameters
    ----------
    before, after
        Columns of the reference and of a window.

    Returns
    -------
    Both with counts by category, or both with counts by bucket.

    Examples
    --------
    >>> before, after = alike(Categorical({"a": 2}, 0), Categorical({"a": 1}, 0))
    >>> before.counts, after.counts
    ({'a': 2}, {'a': 1})
    """
    if before.hashed == after.hashed:
        return before, after
    return _hashed(before), _hashed(after)


def label(place: str, *columns: Categorical) -> str:
    """What to call a place in the ``counts`` of columns that are alike.

    Parameters
    ----------
    place
        A category, or the name of a bucket.
    columns
        Columns in whose ``counts`` it is.

    Returns
    -------
    The name for people.

    Examples
    --------
    >>> label("a", Categorical({"a": 1}, 0)), label("007", Categorical({"007": 1}, 0, hashed=True))
    ('a', 'values of group 007')
    """
    if not any(column.hashed for column in columns):
        together = any(column.merged for column in columns) and not all(place in column.counts for column in columns)
        return f"{place} and others" if together else place
    named = Counter[str]()
    for column in columns:
        named.update({text: count for text, count in column.frequent.items() if bucket(text) == place})
    return f"{named.most_common(1)[0][0]} and others" if named else f"values of group {place}"


def _texts(values: Mapping[object, int]) -> Counter[str]:
    texts: Counter[str] = Counter()
    for value, count in values.items():
        texts[value if isinstance(value, str) else category(value)] += count
    return texts


def _hashed(column: Categorical) -> Categorical:
    if column.hashed:
        return column
    buckets, counts = Buckets(), dict[object, int]()
    buckets.add(counts | column.counts)
    return buckets.column(column.missing)


def _most_frequent(counts: Counter[str]) -> Counter[str]:
    """As many as are kept, each less what the first one that is not kept has."""
    if len(counts) <= _MOST_FREQUENT:
        return counts
    each = np.fromiter(counts.values(), np.int64, len(counts))
    cut = int(np.partition(each, -_MOST_FREQUENT - 1)[-_MOST_FREQUENT - 1])
    return Counter({text: count - cut for text, count in counts.items() if count > cut})
