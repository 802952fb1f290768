"""What a univariate test says of a column, and what counts as drift where many columns are tested."""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from scipy.stats import false_discovery_control

from detectors.drift.profile import Profile


class Result(NamedTuple):
    """The test's statistic, 0 where nothing moved, and its p-value where the test has one.

    Parameters
    ----------
    statistic
        In the unit of the test.
    p
        Between 0 and 1; None where the test has none.

    Examples
    --------
    >>> Result(0.2, p=0.01).p
    0.01
    """

    statistic: float
    p: float | None = None


Results: TypeAlias = dict[str, Result]
Test: TypeAlias = Callable[[Profile, Profile], Results]
"""From the reference's profile and the batch's to the results of the columns that the test can judge."""


def drifted(
    results: Mapping[str, Result], alpha: float = 0.05, correction: Literal["family", "rate"] = "family"
) -> list[str]:
    """The columns that drifted, the surest first, corrected for how many were tested.

    Parameters
    ----------
    results
        Results with p-values; those without are no test and are left out.
    alpha
        With ``family`` (Bonferroni) the chance that any column is named without drift; with ``rate`` (Benjamini and
        Hochberg, Journal of the Royal Statistical Society B 57, 1995) the expected share of wrong ones among the named.

    Returns
    -------
    Names of columns.

    Examples
    --------
    >>> results = {"a": Result(0.1, 0.03), "b": Result(0.2, 0.01), "c": Result(0.01, 0.9)}
    >>> drifted(results), drifted(results, correction="rate")
    (['b'], ['b', 'a'])

    References
    ----------
    Benjamini and Hochberg: Controlling the false discovery rate. Journal of the Royal Statistical Society B 57, 1995.
    """
    p_values = {name: result.p for name, result in results.items() if result.p is not None}
    p = np.array(list(p_values.values()))
    adjusted = p * len(p) if correction == "family" else false_discovery_control(p)
    found = [name for name, value in zip(p_values, adjusted, strict=True) if value < alpha]
    return sorted(found, key=p_values.__getitem__)
