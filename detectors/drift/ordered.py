"""Univariate tests of columns of numbers, from their sorted values."""

import numpy as np

from detectors.drift.kolmogorov import survival
from detectors.drift.packing import Array
from detectors.drift.profile import Numeric, Profile
from detectors.drift.result import Result, Results

_STRIDE = 16


def kolmogorov_smirnov(reference: Profile, now: Profile) -> Results:
    """The two-sample Kolmogorov–Smirnov test, asymptotic p-values: equal to those of alibi-detect's KSDrift.

    The statistic is the largest distance between the two distribution functions, from 0 to 1.

    Parameters
    ----------
    reference, now
        Profiles of the reference and of the rows that are compared with it.

    Returns
    -------
    The largest distance of the distribution functions, between 0 and 1, and its p-value, by column of numbers.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> reference = build({"price": np.arange(100.0)})
    >>> {name: round(result.statistic, 3) for name, result in
    ...  kolmogorov_smirnov(reference, reference.read({"price": np.arange(50.0)})).items()}
    {'price': 0.5}

    References
    ----------
    Smirnov: Table for estimating the goodness of fit of empirical distributions. Annals of Mathematical Statistics
    19, 1948.
    """
    pairs = _pairs(reference, now)
    statistics = np.array([_largest_distance(before.values, after.values) for before, after in pairs.values()])
    sizes = np.array(
        [np.round(before.rows * after.rows / (before.rows + after.rows)) for before, after in pairs.values()]
    )
    p_values = survival(statistics, sizes)
    return {name: Result(float(d), float(p)) for name, d, p in zip(pairs, statistics, p_values, strict=True)}


def wasserstein(reference: Profile, now: Profile) -> Results:
    """The Wasserstein-1 (earth mover's) distance, in the column's own unit: by how much a value moved on average.

    Parameters
    ----------
    reference, now
        Profiles of the reference and of the rows that are compared with it.

    Returns
    -------
    How far values moved, by column of numbers; no p-value.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> reference = build({"price": np.arange(64.0)})
    >>> wasserstein(reference, reference.read({"price": np.arange(64.0) + 3}))
    {'price': Result(statistic=3.0, p=None)}

    References
    ----------
    Ramdas, García Trillos and Cuturi: On Wasserstein two-sample testing and related families of nonparametric tests.
    Entropy 19, 2017.
    """
    pairs = _pairs(reference, now)
    return {name: Result(_area_between(before.values, after.values)) for name, (before, after) in pairs.items()}


def _pairs(reference: Profile, now: Profile) -> dict[str, tuple[Numeric, Numeric]]:
    """The columns of numbers that have values on both sides."""
    return {
        name: (before, after)
        for name, before in reference.columns.items()
        if isinstance(before, Numeric)
        and isinstance(after := now.columns.get(name), Numeric)
        and before.rows
        and after.rows
    }


def _largest_distance(before: Array, after: Array) -> float:
    """The largest distance is at a value of ``after``: between two of them its distribution function stands still.

    Looks at every 16th value first, and between two of these only where the distance could be larger still.
    """
    places = np.append(np.arange(0, len(after) - 1, _STRIDE), len(after) - 1)
    over, under, upto = _distances(before, after, places)
    reached = max(float(over.max()), float(under.max()))
    most_over = (places[1:] + 1) / len(after) - upto[:-1]
    most_under = upto[1:] - places[:-1] / len(after)
    unsettled = np.repeat(np.maximum(most_over, most_under) > reached, np.diff(places))
    if not unsettled.any():
        return reached
    over, under, _ = _distances(before, after, np.flatnonzero(unsettled) + 1)
    return max(reached, float(over.max()), float(under.max()))


def _distances(before: Array, after: Array, places: Array) -> tuple[Array, Array, Array]:
    """At these places of ``after``: how far its distribution function is over the other, and under it just before.

    The third array is the other distribution function itself. Of equal values in ``after`` the last counts for the
    first array and the first for the second: the others are less extreme.
    """
    values = after[places]
    upto = before.searchsorted(values, "right")
    below = upto.copy()
    tied = before[upto - 1] == values  # where upto is 0, the largest value is compared, which is no tie
    below[tied] = before.searchsorted(values[tied], "left")
    n, m = len(after), len(before)
    return (places + 1) / n - upto / m, below / m - places / n, upto / m


def _area_between(before: Array, after: Array) -> float:
    both = np.sort(np.concatenate([before, after]), kind="stable").astype(np.float64)
    apart = before.searchsorted(both[:-1], "right") / len(before) - after.searchsorted(both[:-1], "right") / len(after)
    return float(np.abs(apart) @ np.diff(both))
