"""Whether groups of people fare alike: rates by group, with intervals, and bets that two of them are too far apart."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from scipy.stats import norm

from detectors.drift.packing import Array
from detectors.performance.betting import Bettor

MOST_GROUPS = 10
_MOST_WINDOWS = 50
"""Windows that intervals are over: what was long ago says nothing of now."""


class Rate(NamedTuple):
    """How often something was so, ``hits`` of ``rows``.

    Parameters
    ----------
    hits, rows
        Counts.

    Examples
    --------
    >>> Rate(5, 20).value, [round(bound, 2) for bound in Rate(5, 20).interval()]
    (0.25, [0.11, 0.47])
    """

    hits: int
    rows: int

    @property
    def value(self) -> float:
        return self.hits / self.rows

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Wilson's interval, which holds for few rows too."""
        z = float(norm.ppf((1 + confidence) / 2))
        middle = (self.hits + z * z / 2) / (self.rows + z * z)
        spread = self.hits * (self.rows - self.hits) / self.rows + z * z / 4
        room = z / (self.rows + z * z) * math.sqrt(spread)
        return max(middle - room, 0.0), min(middle + room, 1.0)


class Gap(NamedTuple):
    """By how much one group's rate is above another's, between ``low`` and ``high``.

    Parameters
    ----------
    above, below
        The names of the groups.
    value, low, high
        A difference of rates, in points.

    Examples
    --------
    >>> gap = between("men", Rate(80, 100), "women", Rate(60, 100))
    >>> round(gap.value, 2), round(gap.low, 2), round(gap.high, 2)
    (0.2, 0.07, 0.32)
    """

    above: str
    below: str
    value: float
    low: float
    high: float


def between(above: str, one: Rate, below: str, other: Rate, confidence: float = 0.95) -> Gap:
    """The gap between two groups, by Newcombe's hybrid score interval.

    Parameters
    ----------
    above, below
        Names.
    one, other
        Their rates, each of one row at least.
    confidence
        Of the interval.

    Returns
    -------
    The gap.

    Examples
    --------
    >>> between("a", Rate(1, 20), "b", Rate(1, 20)).value
    0.0

    References
    ----------
    Newcombe: Interval estimation for the difference between independent proportions. Statistics in Medicine 17, 1998.
    """
    (low, high), (lowest, highest) = one.interval(confidence), other.interval(confidence)
    value = one.value - other.value
    down = math.hypot(one.value - low, highest - other.value)
    up = math.hypot(high - one.value, other.value - lowest)
    return Gap(above, below, value, max(value - down, -1.0), min(value + up, 1.0))


class Fairness(msgspec.Struct):
    """A sequential test of "no group's rate is more than ``limit`` above another's, at any time".

    Rows of two groups are put in pairs, window by window, the rows of the larger group as the means of equal parts; the
    difference of a pair is in expectation the gap, and it is bet that it is above the limit. As long as no gap is, in
    any window, the chance that one is *ever* named is at most ``alpha`` over all pairs of groups (the k-th has the part
    6/(π²k²) of it): rates may change, and groups may come and go. A group of few rows gives few pairs: an interval, and
    no verdict.

    Parameters
    ----------
    limit, alpha
        The largest gap that is allowed, between 0 and 1, and the chance of a false alarm.
    groups
        Their names.
    bettors
        By pair of groups, the one that is above first: ``above\\x1fbelow``.
    lately
        By group hits and rows of the last windows.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> test = Fairness.of(["men", "women"], limit=0.1)
    >>> def window(men, women): return {"men": random.random(300) < men, "women": random.random(80) < women}
    >>> [bool(test.update(window(0.7, 0.65))) for _ in range(5)]
    [False, False, False, False, False]
    >>> [bool(test.update(window(0.8, 0.4))) for _ in range(3)]
    [False, True, True]

    References
    ----------
    Chugg, Cortes-Gomez, Wilder and Ramdas: Auditing fairness by betting. NeurIPS 2023.
    """

    limit: float
    alpha: float
    groups: list[str]
    bettors: dict[str, Bettor]
    lately: dict[str, list[tuple[int, int]]]
    windows: int = 0

    @classmethod
    def of(cls, groups: Sequence[str], limit: float, alpha: float = 0.05) -> "Fairness":
        made = cls(limit, alpha, [], {}, {})
        for name in groups:
            made.add(name)
        return made

    def add(self, name: str) -> None:
        """A group from now on, unless it is one or there are as many as can be."""
        if name in self.groups or len(self.groups) >= MOST_GROUPS:
            return
        for other in self.groups:
            for pair in ((name, other), (other, name)):
                part = 6 / (math.pi * (len(self.bettors) + 1)) ** 2
                self.bettors["\x1f".join(pair)] = Bettor.at((1 + self.limit) / 2, self.alpha * part)
        self.groups.append(name)
        self.lately[name] = []

    def update(self, hits: Mapping[str, Array]) -> list[Gap]:
        """The gaps that are too large, the widest first, with this window's rows: booleans by group."""
        self.windows += 1
        for name in hits:
            self.add(name)
        random = np.random.default_rng([self.windows, 7])
        for name in self.groups:
            mine = np.asarray(hits.get(name, np.zeros(0)), dtype=np.float64)
            self.lately[name] = [*self.lately[name], (int(mine.sum()), len(mine))][-_MOST_WINDOWS:]
        found = list[Gap]()
        for pair, bettor in self.bettors.items():
            above, below = pair.split("\x1f")
            one, other = (np.asarray(hits.get(name, np.zeros(0)), dtype=np.float64) for name in (above, below))
            bettor.update((1 + _differences(one, other, random)) / 2)
            gap = self.gap(above, below)
            if bettor.worse and gap is not None and gap.low > self.limit:
                found.append(gap)
        return sorted(found, key=lambda gap: -gap.value)

    def rates(self) -> dict[str, Rate]:
        """Of the last windows, of groups that had rows."""
        counted = {name: tuple(map(sum, zip(*counts, strict=True))) for name, counts in self.lately.items() if counts}
        return {name: Rate(int(hits), int(rows)) for name, (hits, rows) in counted.items() if rows}

    def gap(self, above: str, below: str) -> Gap | None:
        """Over the last windows; None where a group had no rows."""
        rates = self.rates()
        known = above in rates and below in rates
        return between(above, rates[above], below, rates[below]) if known else None

    def widest(self) -> Gap | None:
        """The widest gap of the last windows; None where no two groups had rows."""
        rates = self.rates()
        if len(rates) < 2:
            return None
        names = sorted(rates, key=lambda name: rates[name].value)
        return self.gap(names[-1], names[0])


def _differences(one: Array, other: Array, random: np.random.Generator) -> Array:
    """As many differences as the smaller group has rows: the larger's rows in as many parts, dealt by lot."""
    pairs = min(len(one), len(other))
    if not pairs:
        return np.zeros(0)
    return _means(random.permutation(one), pairs) - _means(random.permutation(other), pairs)


def _means(rows: Array, parts: int) -> Array:
    """Of equal parts, one after the other."""
    starts = np.arange(parts) * len(rows) // parts
    return np.asarray(np.add.reduceat(rows, starts) / np.diff(np.append(starts, len(rows))))
