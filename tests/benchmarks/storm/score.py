"""How well a grouping matches the truth."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import comb, log
from typing import NamedTuple


class Likeness(NamedTuple):
    """Adjusted Rand index, homogeneity, completeness: each at most 1, which means the same grouping."""

    ari: float
    homogeneity: float
    completeness: float


def compare(truth: Sequence[str], found: Sequence[str]) -> Likeness:
    """Compare two groupings of the same things, given as one name of a group for each.

    >>> compare("aabb", "xxyy")
    Likeness(ari=1.0, homogeneity=1.0, completeness=1.0)
    >>> compare("aabb", "xxxx").ari, compare("aabb", "xxxx").homogeneity
    (0.0, 0.0)
    """
    both, rows, columns = Counter(zip(truth, found, strict=True)), Counter(truth), Counter(found)
    total = len(truth)
    shared = _pairs(both.values())
    expected = _pairs(rows.values()) * _pairs(columns.values()) / max(comb(total, 2), 1)
    most = (_pairs(rows.values()) + _pairs(columns.values())) / 2
    joint = _entropy(both.values(), total)
    return Likeness(
        ari=1.0 if most == expected else (shared - expected) / (most - expected),
        homogeneity=_share(joint - _entropy(columns.values(), total), _entropy(rows.values(), total)),
        completeness=_share(joint - _entropy(rows.values(), total), _entropy(columns.values(), total)),
    )


def _pairs(sizes: Iterable[int]) -> int:
    return sum(comb(size, 2) for size in sizes)


def _entropy(sizes: Iterable[int], total: int) -> float:
    return -sum(size / total * log(size / total) for size in sizes)


def _share(left: float, whole: float) -> float:
    return 1.0 if whole == 0 else 1 - left / whole


def main_incident(truth: Mapping[str, str], found: Mapping[str, str], fault: str) -> str | None:
    """The incident that holds most of a fault's alerts."""
    held = Counter(found[alert] for alert, true in truth.items() if true == fault and alert in found)
    return held.most_common(1)[0][0] if held else None
