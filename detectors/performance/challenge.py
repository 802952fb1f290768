"""Whether a challenger is worse than a champion on live traffic: anytime-valid tests, which may be looked at often."""

import math
from typing import NamedTuple

import msgspec
import numpy as np
from scipy.special import logsumexp

from detectors.drift.packing import Array

ALPHA = 0.05
"""How often each of the two answers is *ever* given where it is wrong."""
_STAKES = 0.9 * 0.5 ** np.arange(12)
_MOST_WAITING = 20_000
_MOST_VALUES = 2**14
_LEAST = 6
"""Distributions are compared from 2 to this power of rows on."""


class Versus(msgspec.Struct):
    """A sequential test of "the challenger's mean badness is higher than the champion's by ``margin`` at most".

    The guarantee: as long as that is true, the chance that ``worse`` *ever* becomes true is at most ``alpha``; as long
    as it is false, the same holds of ``not_worse``. It needs no fixed number of rows: both are betting on the mean of
    differences, which lie between -1 and 1 (Waudby-Smith and Ramdas, Estimating means of bounded random variables by
    betting, JRSS B 86, 2024), and Ville's inequality holds at all times at once.

    Parameters
    ----------
    margin
        What is tolerated, between 0 and 1.
    alpha
        The chance of each wrong answer.
    log_worse, log_better
        What betting on either side has made of 1, by stake, as logarithms.
    most_worse, most_better
        The largest evidence so far, as logarithms.
    units, total
        How many differences there were, and their sum.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> alike, bad = Versus(margin=0.05), Versus(margin=0.05)
    >>> for _ in range(20):
    ...     champion = (random.random(100) < 0.1).astype(float)
    ...     alike.update((random.random(100) < 0.1) - champion)
    ...     bad.update((random.random(100) < 0.3) - champion)
    >>> alike.not_worse, alike.worse, bad.worse, bad.not_worse
    (True, False, True, False)

    References
    ----------
    Waudby-Smith and Ramdas: Estimating means of bounded random variables by betting. JRSS B 86, 2024.
    """

    margin: float
    alpha: float = ALPHA
    log_worse: Array = msgspec.field(default_factory=lambda: np.zeros(len(_STAKES)))
    log_better: Array = msgspec.field(default_factory=lambda: np.zeros(len(_STAKES)))
    most_worse: float = 0.0
    most_better: float = 0.0
    units: int = 0
    total: float = 0.0

    def update(self, differences: Array) -> None:
        """``differences`` are of shape (units,), each the challenger's badness less the champion's."""
        if not len(differences):
            return
        excess = (np.asarray(differences, dtype=np.float64) - self.margin) / 2
        self.log_worse, worse = _bet(self.log_worse, excess, (1 + self.margin) / 2)
        self.log_better, better = _bet(self.log_better, -excess, (1 - self.margin) / 2)
        self.most_worse, self.most_better = max(self.most_worse, worse), max(self.most_better, better)
        self.units += len(differences)
        self.total += float(np.sum(differences))

    @property
    def worse(self) -> bool:
        return self.most_worse >= -math.log(self.alpha)

    @property
    def not_worse(self) -> bool:
        return self.most_better >= -math.log(self.alpha) and not self.worse

    @property
    def confidence(self) -> float:
        """Of the answer that is given: 1 less the chance of such evidence for it where it is wrong; 0 without one."""
        found = self.most_worse if self.worse else self.most_better if self.not_worse else 0.0
        return 1 - math.exp(-found) if found else 0.0


def _bet(log_wealth: Array, excess: Array, limit: float) -> tuple[Array, float]:
    """What the bets became after each unit, and the largest evidence on the way."""
    course = log_wealth[:, None] + np.cumsum(np.log1p((_STAKES / limit)[:, None] * excess[None, :]), axis=1)
    evidence = logsumexp(course, axis=0) - math.log(len(_STAKES))
    return course[:, -1], float(evidence.max())


class Pairing(msgspec.Struct):
    """Brings two streams of rows together: each unit is a mean of some of one less a mean of some of the other.

    Which rows meet depends on how many there are alone, never on their values; so a canary with a twentieth of the
    traffic is compared with all of the champion's rows that came meanwhile.

    Parameters
    ----------
    challenger, champion
        The badness of rows that wait for the other side, each of shape (rows,).

    Examples
    --------
    >>> pairing = Pairing()
    >>> pairing.add(np.array([]), np.array([0.0, 1.0])).tolist()
    []
    >>> pairing.add(np.array([1.0]), np.array([0.0, 1.0])).tolist()
    [0.5]
    """

    challenger: Array = msgspec.field(default_factory=lambda: np.zeros(0))
    champion: Array = msgspec.field(default_factory=lambda: np.zeros(0))

    def add(self, challenger: Array, champion: Array) -> Array:
        """The differences that these rows make with those that waited: of shape (units,)."""
        ours = np.concatenate([self.challenger, challenger])
        theirs = np.concatenate([self.champion, champion])
        units = min(len(ours), len(theirs))
        if not units:
            self.challenger, self.champion = ours[-_MOST_WAITING:], theirs[-_MOST_WAITING:]
            return np.zeros(0)
        self.challenger = self.champion = np.zeros(0)
        return _means(ours, units) - _means(theirs, units)


def _means(values: Array, units: int) -> Array:
    starts = np.arange(units) * len(values) // units
    return np.add.reduceat(values, starts) / np.diff([*starts, len(values)])


class Apart(NamedTuple):
    """How far two distributions lie apart, between 0 (equal) and 1, for sure between ``low`` and ``high``.

    Parameters
    ----------
    distance
        The Kolmogorov-Smirnov distance of the rows that were compared.
    low, high
        Bounds of the true one, which hold at all times at once.
    rows
        How many rows of each side were compared.

    Examples
    --------
    >>> Apart(0.1, 0.0, 0.3, (64, 64)).high
    0.3
    """

    distance: float
    low: float
    high: float
    rows: tuple[int, int]


class Alike(msgspec.Struct):
    """How far what a challenger predicts lies from what a champion does, with bounds that hold however often one looks.

    The first 64, 128, 256 … rows of each are compared, each time by the inequality of Dvoretzky, Kiefer and Wolfowitz
    with a part of ``alpha``; so the true distance is *ever* outside the bounds with a chance of ``alpha`` at most
    (Massart, The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality, Annals of Probability 18, 1990).

    Parameters
    ----------
    alpha
        The chance that the bounds are ever wrong.
    challenger, champion
        What was predicted, numbers of shape (rows,): the first 16,384 of each.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> alike = Alike()
    >>> alike.add(random.normal(size=10_000), random.normal(size=10_000))
    >>> alike.found().high < 0.1
    True

    References
    ----------
    Massart: The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality. Annals of Probability 18, 1990.
    """

    alpha: float = ALPHA
    challenger: Array = msgspec.field(default_factory=lambda: np.zeros(0))
    champion: Array = msgspec.field(default_factory=lambda: np.zeros(0))

    def add(self, challenger: Array, champion: Array) -> None:
        self.challenger = np.concatenate([self.challenger, challenger])[:_MOST_VALUES]
        self.champion = np.concatenate([self.champion, champion])[:_MOST_VALUES]

    def found(self) -> Apart | None:
        """None while there are too few rows of either."""
        sizes = [int(math.log2(len(side))) if len(side) else 0 for side in (self.challenger, self.champion)]
        if min(sizes) < _LEAST:
            return None
        ours, theirs = np.sort(self.challenger[: 2 ** sizes[0]]), np.sort(self.champion[: 2 ** sizes[1]])
        both = np.concatenate([ours, theirs])
        shares = [side.searchsorted(both, "right") / len(side) for side in (ours, theirs)]
        distance = float(np.abs(shares[0] - shares[1]).max())
        off = sum(_off(size, self.alpha / 2) for size in sizes)
        return Apart(distance, max(distance - off, 0.0), min(distance + off, 1.0), (len(ours), len(theirs)))


def _off(size: int, alpha: float) -> float:
    """How far the first 2 to the power ``size`` rows may be from the truth; over all sizes with a chance of alpha."""
    at = size - _LEAST + 1
    return math.sqrt(math.log(2 * at * (at + 1) / alpha) / (2 * 2**size))
