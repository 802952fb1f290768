"""Whether a record of successes and failures has earned trust: an anytime-valid lower bound on the rate of success.

The record is looked at after every run, for as long as the runbook lives. A bound for one look (Clopper-Pearson) is
wrong far more often than its level when it is looked at again and again, until it happens to be passed; this one holds
for all looks together.
"""

import math

ALPHA = 0.05
"""How often trust is given at all, in the whole life of a record whose rate is no more than what is asked for."""
HALF_LIFE = 10.0
"""After so many runs a failure counts only half as much more than once."""
_GRID = 40
_PERFECT = 0.5
_STEPS = 40


def recent(failures: float, failed: bool) -> float:
    """How much recent failures weigh beyond once, after one more run.

    Parameters
    ----------
    failures
        The weight before it, in runs.
    failed
        Whether the run failed.

    Examples
    --------
    >>> round(recent(recent(0.0, True), False), 2)
    0.93
    """
    return failures * 2 ** (-1 / HALF_LIFE) + failed


def evidence(successes: int, failures: float, rate: float) -> float:
    """The evidence that the true rate of success is more than ``rate``: at :math:`1/\\alpha` it is enough.

    A mixture of likelihood ratios against ``rate``, half of it on a rate of 1 and half on a grid between. Each is a
    supermartingale where the true rate is ``rate`` or less, so their mixture reaches :math:`1/\\alpha` at any time with
    a chance of :math:`\\alpha` at most (Ville's inequality). To count failures more than once only lowers it.

    Parameters
    ----------
    successes
        How many runs succeeded.
    failures
        How many failed, in runs; recent ones may count more.
    rate
        The rate to be exceeded, between 0 and 1.

    Examples
    --------
    >>> evidence(33, 0, 0.9) > 20 > evidence(32, 0, 0.9)
    True
    >>> evidence(33, 1.9, 0.9) < 1
    True

    References
    ----------
    Ramdas, Gruenwald, Vovk and Shafer: Game-theoretic statistics and safe anytime-valid inference. Statistical Science
    38(4), 2023. Howard, Ramdas, McAuliffe and Sekhon: Time-uniform, nonparametric, nonasymptotic confidence sequences.
    Annals of Statistics 49(2), 2021.
    """
    if rate >= 1:
        return 0.0
    total = _PERFECT * _capped(-successes * math.log(rate)) if failures == 0 and rate > 0 else 0.0
    for step in range(_GRID):
        better = rate + (1 - rate) * (step + 0.5) / _GRID
        ratio = successes * math.log(better / rate) if rate > 0 else 0.0
        total += (1 - _PERFECT) / _GRID * _capped(ratio + failures * math.log((1 - better) / (1 - rate)))
    return total


def lower_bound(successes: int, failures: float) -> float:
    """The highest rate that the record exceeds for sure, at the level :data:`ALPHA`, however often it is looked at.

    Parameters
    ----------
    successes
        How many runs succeeded.
    failures
        How many failed, in runs.

    Examples
    --------
    >>> [round(lower_bound(successes, 0), 2) for successes in (0, 5, 10, 33)]
    [0.0, 0.51, 0.71, 0.9]
    >>> lower_bound(33, 1) < lower_bound(33, 0)
    True
    """
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if evidence(successes, failures, middle) >= 1 / ALPHA:
            low = middle
        else:
            high = middle
    return low


def _capped(exponent: float) -> float:
    return math.exp(min(exponent, 700.0))
