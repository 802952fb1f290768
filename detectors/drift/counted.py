"""Univariate tests of counts: of categories, or of numbers in the reference's tenths; missing values count as well."""

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency

from detectors.drift.categories import Categorical, alike
from detectors.drift.packing import Array
from detectors.drift.profile import Column, Numeric, Profile
from detectors.drift.result import Result, Results

_TENTHS = np.arange(1, 10) / 10


def chi_squared(reference: Profile, now: Profile) -> Results:
    """Pearson's chi-squared test of categories, seen or not in the reference: equal to alibi-detect's ChiSquareDrift.

    Of more categories than are counted by name it is the test of their buckets (see ``categories``).

    Parameters
    ----------
    reference, now
        Profiles of the reference and of the rows that are compared with it.

    Returns
    -------
    The statistic and its p-value, by column of categories.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> reference = build({"shop": np.array(["a", "b"] * 50)})
    >>> chi_squared(reference, reference.read({"shop": np.array(["a"] * 20 + ["b"] * 20)}))
    {'shop': Result(statistic=0.0, p=1.0)}

    References
    ----------
    Pearson: On the criterion that a given system of deviations … Philosophical Magazine 50, 1900.
    """
    return {
        name: Result(*map(float, chi2_contingency(table)[:2]))
        for name, table in _tables(reference, now).items()
        if isinstance(reference.columns[name], Categorical)
    }


def population_stability(reference: Profile, now: Profile) -> Results:
    """The population stability index, Σ (q − p)·ln(q/p); by custom .1 is a little and .25 a lot.

    Every count is raised by ½ (Jeffreys), so that a bin that is empty on one side does not make it infinite.

    Parameters
    ----------
    reference, now
        Profiles of the reference and of the rows that are compared with it.

    Returns
    -------
    The index by column, 0 where nothing moved; no p-value.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> reference = build({"shop": np.array(["a", "b"] * 50)})
    >>> now = reference.read({"shop": np.array(["a"] * 30 + ["b"] * 10)})
    >>> round(population_stability(reference, now)["shop"].statistic, 2)
    0.26

    References
    ----------
    Yurdakul and Naranjo: Statistical properties of the population stability index. Journal of Risk Model Validation
    14, 2020.
    """
    results = {}
    for name, table in _tables(reference, now).items():
        p, q = (table + 0.5) / (table + 0.5).sum(axis=1, keepdims=True)
        results[name] = Result(float((q - p) @ np.log(q / p)))
    return results


def jensen_shannon(reference: Profile, now: Profile) -> Results:
    """The Jensen–Shannon distance to base 2: 0 for equal shares, 1 where the two have nothing in common.

    Parameters
    ----------
    reference, now
        Profiles of the reference and of the rows that are compared with it.

    Returns
    -------
    The distance by column, between 0 and 1; no p-value.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> reference = build({"shop": np.array(["a", "b"])})
    >>> jensen_shannon(reference, reference.read({"shop": np.array(["c"])}))
    {'shop': Result(statistic=1.0, p=None)}

    References
    ----------
    Lin: Divergence measures based on the Shannon entropy. IEEE Transactions on Information Theory 37, 1991.
    """
    tables = _tables(reference, now)
    return {name: Result(float(jensenshannon(before, after, base=2))) for name, (before, after) in tables.items()}


def _tables(reference: Profile, now: Profile) -> dict[str, Array]:
    """The counts of each column that both have rows of: shape (2, bins), no bin empty on both sides."""
    tables = {}
    for name, before in reference.columns.items():
        table = _table(before, now.columns[name]) if name in now.columns else np.zeros((2, 0))
        if table.sum(axis=1).all():
            tables[name] = table[:, table.any(axis=0)]
    return tables


def _table(before: Column, after: Column) -> Array:
    if isinstance(before, Numeric) and isinstance(after, Numeric):
        edges = tenths(before)
        return np.array([_in_bins(before, edges), _in_bins(after, edges)])
    if not (isinstance(before, Categorical) and isinstance(after, Categorical)):
        return np.zeros((2, 0))
    sides = [_with_missing(side) for side in alike(before, after)]
    return np.array([[side.get(category, 0) for category in set().union(*sides)] for side in sides])


def _with_missing(column: Categorical) -> dict[str | None, int]:
    counts: dict[str | None, int] = {None: column.missing}
    return counts | column.counts


def tenths(column: Numeric) -> Array:
    """The values that part the reference in ten, as far as it has that many different ones.

    Parameters
    ----------
    column
        The reference's.

    Returns
    -------
    Ascending values, nine at most.

    Examples
    --------
    >>> tenths(Numeric(np.arange(20.0), 20, 0)).tolist()
    [2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0]
    """
    if not column.rows:
        return column.values
    return np.unique(column.values[(_TENTHS * len(column.values)).astype(np.int64)])


def _in_bins(column: Numeric, edges: Array) -> Array:
    """The rows up to each edge, beyond the last, and missing; scaled up where only some of the values were kept."""
    return np.array([*np.diff([0, *column.ranks(edges, "right"), column.rows]), column.missing])
