"""The distribution of the two-sided Kolmogorov–Smirnov statistic, for many statistics at once.

The formulas and where each holds are those of scipy.stats.kstwo (Simard and L'Ecuyer, Computing the two-sided
Kolmogorov–Smirnov distribution, Journal of Statistical Software 39 (11), 2011); but scipy computes one value at a time,
which took longer than everything else in a check.
"""

import numpy as np
from scipy.special import gammaln
from scipy.stats import kstwo

from detectors.drift.packing import Array

_SMALL = 140
_TERMS = np.arange(1, 11)


def survival(statistics: Array, sizes: Array) -> Array:
    """The p-values: P(D_n ≥ d) for each ``d`` of ``statistics`` and ``n`` of ``sizes`` (integers), both of shape (k,).

    A sample of size 0 is no evidence, and has p-value 1.

    Parameters
    ----------
    statistics
        Distances of distribution functions, between 0 and 1, of shape (k,).
    sizes
        Effective numbers of rows, of shape (k,).

    Returns
    -------
    p-values between 0 and 1, of shape (k,).

    Examples
    --------
    >>> [float(round(p, 6)) for p in survival(np.array([0.02, 0.2]), np.array([1000, 50]))]
    [0.810897, 0.031439]

    References
    ----------
    Simard and L’Ecuyer: Computing the two-sided Kolmogorov-Smirnov distribution. Journal of Statistical Software 39,
    2011.
    """
    d, n = np.asarray(statistics, dtype=np.float64), np.asarray(sizes)
    p = np.where(n > 0, 0.0, 1.0)
    extreme = n * d * d >= 370
    tail = (n > _SMALL) & (n * d * d >= 2.2) & ~extreme
    body = (n > _SMALL) & (n * d * d < 2.2) & (n * d**1.5 > 1.4)
    rest = (n > 0) & ~(extreme | tail | body)
    p[body] = _pelz_good(d[body], n[body])
    p[rest] = kstwo.sf(d[rest], n[rest])
    for size in np.unique(n[tail]):
        chosen = tail & (n == size)
        p[chosen] = _twice_smirnov(d[chosen], int(size))
    return p.clip(0, 1)


def _twice_smirnov(d: Array, n: int) -> Array:
    """Twice the one-sided distribution's exact sum; what it counts twice does not matter this far out."""
    j = np.arange(n)
    log_choose = gammaln(n + 1) - gammaln(j + 1) - gammaln(n - j + 1)
    return np.array([_smirnov_sum(float(at), n, j, log_choose) for at in d]) * 2


def _smirnov_sum(d: float, n: int, j: Array, log_choose: Array) -> float:
    j = j[: int(np.ceil(n * (1 - d)))]
    share = d + j / n
    logs = log_choose[: len(j)] + (j - 1) * np.log(share) + (n - j) * np.log1p(-share)
    return float(d * np.exp(logs).sum())


def _pelz_good(d: Array, n: Array) -> Array:
    """1 − Σ K_i(z)/n^(i/2), the asymptotic series of Pelz and Good (1976), for z = d·√n."""
    z = (np.sqrt(n) * d)[:, None]
    z2, z4 = z**2, z**4
    m2, k2 = (2.0 * _TERMS - 1) ** 2 * np.pi**2, (_TERMS * np.pi) ** 2
    odd, even = np.exp(-m2 / (8 * z2)), np.exp(-k2 / (2 * z2))
    k_1 = (m2 / 4 - z2) * odd
    k_2 = (6 * z2**3 + 2 * z4 + (2 * z4 - 5 * z2) * m2 / 4 + (1 - 2 * z2) * m2**2 / 16) * odd
    k_3 = (
        (5 - 30 * z2) * m2**3 / 64
        + (212 * z4 - 60 * z2) * m2**2 / 16
        + (135 * z4 - 96 * z2**3) * m2 / 4
        - 30 * z2**3
        - 90 * z4**2
    ) * odd
    series = odd / z + k_1 / (6 * z4) / np.sqrt(n)[:, None]
    series += (k_2 / (72 * z**7) - k2 * even / (36 * z**3)) / n[:, None]
    series += (k_3 / (6480 * z**10) + (3 * z2 - k2) * k2 * even / (216 * z2**3)) / n[:, None] ** 1.5
    return np.asarray(1 - np.sqrt(2 * np.pi) * series.sum(axis=1))
