"""Whether a mean is worse than allowed: a test by betting, valid at any time."""

import math

import msgspec
import numpy as np
from scipy.special import logsumexp

from detectors.drift.packing import Array, pack, unpack

_STAKES = 12
_SHARE = 0.2
"""Of the money held back, ``_SHARE / t`` is put in at window ``t``: so that the model may get worse at any time."""
_BEFORE_ALL_CLEAR = 1000.0


class Bettor(msgspec.Struct):
    """A sequential test of "a row's badness, between 0 and 1, is ``limit`` at most, on average".

    The guarantee: as long as the expected badness of every row, given all rows before it, is at most ``limit``, the
    chance that ``update`` *ever* says "worse" is at most ``alpha``, however many windows there are, of whatever sizes.
    Rows need not be alike or independent. (Betting on bounded means: Waudby-Smith and Ramdas, Estimating means of
    bounded random variables by betting, JRSS B 86, 2024; Ville's inequality as in ``detectors.drift.sequential``.)

    Once worse, it stays so until rows show that they are better than the limit again: the CUSUM of the opposite bets.
    While the model is as bad as the limit, that happens once in 1,000 windows or rarer (Shin, Ramdas and Rinaldo,
    E-detectors, New England Journal of Statistics in Data Science 2, 2024). Then the test begins anew.

    Parameters
    ----------
    limit
        The mean badness that is allowed, between 0 and 1.
    alpha
        The chance that a model which is within the limit is ever called worse.
    stakes, log_wealth, log_better, held_back, windows, worse
        The state of the bets; :meth:`at` makes it.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> bettor = Bettor.at(limit=0.15)
    >>> [bettor.update(random.random(500) < share) for share in (0.1, 0.1, 0.3, 0.3, 0.05, 0.05)]
    [False, False, True, True, False, False]

    References
    ----------
    Waudby-Smith and Ramdas: Estimating means of bounded random variables by betting. JRSS B 86, 2024.
    Shin, Ramdas and Rinaldo: E-detectors. New England Journal of Statistics in Data Science 2, 2024.
    """

    limit: float
    alpha: float
    stakes: Array
    log_wealth: Array = msgspec.field(name="log_in_play")  # the name in stored states
    """The logarithm of the money on each stake."""
    log_better: Array
    """Once worse: the logarithm of what betting on the opposite has made of 1, on each stake."""
    held_back: float = 1.0
    windows: int = 0
    worse: bool = False

    @classmethod
    def at(cls, limit: float, alpha: float = 0.05) -> "Bettor":
        """A bettor against "at most ``limit``", which lies between 0 and 1 and is neither."""
        if not 0 < limit < 1:
            raise ValueError(f"a limit lies between 0 and 1, and {limit} does not")
        stakes = 0.9 * 0.5 ** np.arange(_STAKES)
        return cls(limit, alpha, stakes, np.full(_STAKES, -np.inf), np.zeros(_STAKES))

    @property
    def evidence(self) -> float:
        """The money it has by now, of the 1 that it began with: an e-value."""
        return self.held_back + float(np.exp(min(logsumexp(self.log_wealth), 600.0)))

    def update(self, badness: Array) -> bool:
        """Whether it is worse, with this window's rows: shape (rows,), each between 0 and 1."""
        excess = np.asarray(badness, dtype=np.float64) - self.limit
        if not len(excess):
            return self.worse
        self.windows += 1
        if self.worse:
            self._look_for_better(excess)
        else:
            self._look_for_worse(excess)
        return self.worse

    def _look_for_worse(self, excess: Array) -> None:
        fresh = self.held_back * _SHARE / self.windows
        self.held_back -= fresh
        self.log_wealth = np.logaddexp(self.log_wealth, math.log(fresh / _STAKES))
        self.log_wealth = self.log_wealth + _growth(self.stakes / self.limit, excess)
        if self.evidence >= 1 / self.alpha:
            self.worse, self.log_better = True, np.zeros(_STAKES)

    def _look_for_better(self, excess: Array) -> None:
        growth = _growth(self.stakes / (1 - self.limit), -excess)
        self.log_better = np.maximum(self.log_better, 0.0) + growth
        if logsumexp(self.log_better) - math.log(_STAKES) >= math.log(_BEFORE_ALL_CLEAR):
            self.worse, self.windows, self.held_back = False, 0, 1.0
            self.log_wealth = np.full(_STAKES, -np.inf)

    def state(self) -> bytes:
        return pack(self)

    @classmethod
    def restore(cls, state: bytes) -> "Bettor":
        return unpack(state, cls)


def _growth(stakes: Array, excess: Array) -> Array:
    """The logarithm of what 1 becomes on each stake."""
    return np.array([np.log1p(stake * excess).sum() for stake in stakes])
