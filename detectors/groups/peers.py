"""Peers: members of a group that should be alike, and one of them is not."""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

LEAST_PEERS = 6
_TAIL = 8
_SPREAD = 0.1
_SURPRISE = 4.0
_SHARE = 0.2
_DEVIATIONS = 5.0
_FEW = 30.0
_MOVES = 2.0
_LARGEST = 600.0


class Outlier(NamedTuple):
    """``value`` of the member that differs, and the range in which its peers are.

    Parameters
    ----------
    name
        Of the member.
    value, low, high
        Its value and the range of its peers, in the unit of the series.

    Examples
    --------
    >>> Outlier("worker-7", value=300.0, low=100.0, high=119.0).value
    300.0
    """

    name: str
    value: float
    low: float
    high: float


def outliers(values: Mapping[str, float], noise: float = 0.0) -> list[Outlier]:
    """The members that differ from their peers, the furthest first.

    Parameters
    ----------
    values
        One value a member, such as the median of what it said lately. Fewer than six members have no peers.
    noise
        How far one member's value moves by itself, in the same unit.

    A member's distance is that from the median of all. To differ it must be unusual in three ways at once. It is many
    standard deviations away, by the median absolute deviation: six and a half among twenty members, more among fewer,
    of which less is known. So is its logarithm, where all values are positive. And its chance is below e⁻⁴ under the
    Pareto tail of the eight largest distances of the others, or of half of them (Hill 1975, as in
    :mod:`detectors.anomaly.longest`). So peers that are alike make a small difference count, and peers of very
    different sizes make none count. It must also be a fifth of the median and two of ``noise``. Where more than a tenth
    differ, the group is divided and none is the odd one.

    Hampel, "The influence curve and its role in robust estimation", Journal of the American Statistical Association
    1974, for the median absolute deviation.

    Returns
    -------
    The members that differ; none where the group is small or divided.

    Examples
    --------
    >>> workers = {f"worker-{n}": 100.0 + n for n in range(20)}
    >>> outliers(workers)
    []
    >>> outliers(workers | {"worker-7": 300.0})
    [Outlier(name='worker-7', value=300.0, low=100.0, high=119.0)]

    References
    ----------
    Hampel: The influence curve and its role in robust estimation. Journal of the American Statistical Association 69,
    1974.
    Hill: A simple general approach to inference about the tail of a distribution. Annals of Statistics 3, 1975.
    """
    if len(values) < LEAST_PEERS:
        return []
    count = len(values)
    middle = median(values.values())
    distances = sorted(((abs(value - middle), name) for name, value in values.items()), reverse=True)
    least = max(_unusual(list(values.values())), _SHARE * abs(middle), _MOVES * noise)
    differing = _differing([distance for distance, _ in distances], least, max(1, count // 10))
    if min(values.values()) > 0:
        logs = {name: math.log(value) for name, value in values.items()}
        beyond, center = _unusual(list(logs.values())), median(logs.values())
        while differing and abs(logs[distances[differing - 1][1]] - center) <= beyond:
            differing -= 1
    if not differing:
        return []
    names = {name for _, name in distances[:differing]}
    alike = [value for name, value in values.items() if name not in names]
    return [Outlier(name, values[name], min(alike), max(alike)) for _, name in distances[:differing]]


def _unusual(values: Sequence[float]) -> float:
    """The distance from their median that values of one kind do not reach."""
    middle = median(values)
    deviation = 1.4826 * median(abs(value - middle) for value in values)
    return deviation * (_DEVIATIONS + _FEW / len(values))


def _differing(distances: Sequence[float], least: float, most: int) -> int:
    """How many of the largest distances, which come first, stand out from all that follow."""
    found, tail, usual = 0, min(_TAIL, len(distances) // 2), median(distances)
    for count in range(1, most + 1):
        if distances[count - 1] > max(least, _furthest_usual(distances[count : count + tail], usual)):
            found = count
    return found


def _furthest_usual(distances: Sequence[float], usual: float) -> float:
    """By the tail that the distances, which are not below what is usual, have."""
    tail = [max(distance, usual) for distance in distances]
    least = tail[-1]
    if least <= 0:
        return 0.0
    spread = sum(math.log(distance / least) for distance in tail) / len(tail)
    return least * math.exp(min(_SURPRISE * (spread + _SPREAD), _LARGEST))
