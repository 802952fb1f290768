"""What two versions of a reference differ in; pure."""

from typing import Any

import msgspec
import numpy as np

from detectors.drift.counted import chi_squared, jensen_shannon
from detectors.drift.ordered import kolmogorov_smirnov
from detectors.drift.profile import Column, Numeric, Profile
from detectors.drift.result import drifted

_MOST_CATEGORIES = 5


class FeatureDiff(msgspec.Struct, frozen=True):
    """How far a feature moved: ``distance`` is Jensen–Shannon's to base 2, from 0 (equal shares) to 1 (nothing in
    common); ``p`` that of the Kolmogorov–Smirnov or chi-squared test. ``differs`` is corrected for the number of
    features (Benjamini and Hochberg, 5 %)."""

    name: str
    differs: bool
    distance: float
    p: float | None
    before: dict[str, Any]
    after: dict[str, Any]


class ReferenceDiff(msgspec.Struct, frozen=True):
    """``added``, ``removed`` and ``retyped`` (numbers here, categories there) features, and the others, the farthest
    moved first."""

    added: list[str]
    removed: list[str]
    retyped: list[str]
    features: list[FeatureDiff]


def difference(before: Profile, after: Profile) -> ReferenceDiff:
    """
    >>> from detectors.drift.profile import build
    >>> found = difference(build({"x": np.arange(99.0), "y": np.arange(99.0)}),
    ...                    build({"x": np.arange(99.0) + 50, "z": np.arange(99.0)}))
    >>> found.added, found.removed, [(one.name, one.differs) for one in found.features]
    (['z'], ['y'], [('x', True)])
    """
    both = [name for name in before.columns if name in after.columns]
    retyped = [name for name in both if type(before.columns[name]) is not type(after.columns[name])]
    alike = [name for name in both if name not in retyped]
    old, new = (Profile(side.rows, {name: side.columns[name] for name in alike}) for side in (before, after))
    distances, tests = jensen_shannon(old, new), kolmogorov_smirnov(old, new) | chi_squared(old, new)
    moved = drifted(tests, correction="rate")
    features = [
        FeatureDiff(
            name,
            name in moved,
            distances[name].statistic if name in distances else 0.0,
            tests[name].p if name in tests else None,
            _summary(old.columns[name]),
            _summary(new.columns[name]),
        )
        for name in alike
    ]
    return ReferenceDiff(
        added=[name for name in after.columns if name not in before.columns],
        removed=[name for name in before.columns if name not in after.columns],
        retyped=retyped,
        features=sorted(features, key=lambda feature: (not feature.differs, -feature.distance, feature.name)),
    )


def _summary(column: Column) -> dict[str, Any]:
    """A column in a few numbers; ``missing`` is a share."""
    rows = column.rows + column.missing
    summary: dict[str, Any] = {"missing": column.missing / rows if rows else 0.0}
    if not isinstance(column, Numeric):
        counts = column.named
        most = sorted(counts, key=counts.__getitem__, reverse=True)[:_MOST_CATEGORIES]
        shares = {name: counts[name] / rows for name in most}
        return summary | {"categories": None if column.hashed else len(counts), "shares": shares}
    if not len(column.values):
        return summary
    low, middle, high = np.quantile(column.values.astype(np.float64), [0.05, 0.5, 0.95])
    return summary | {"p5": float(low), "median": float(middle), "p95": float(high)}
