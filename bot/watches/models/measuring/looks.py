"""The columns of a window beside their reference, those that moved most first. Pure."""

import math
from collections.abc import Sequence

import msgspec

from bot.domain.watched.figures import ColumnLook, Measured
from bot.watches.models.kinds.registry import Outcome
from detectors.drift.compared import bars
from detectors.drift.counted import population_stability
from detectors.drift.profile import Column, Profile

MOST_LOOKS = 30
MOST_FIGURES = 20
_MOST_COMPARED = 500
"""Of a table of more columns those that drifted and the first ones are looked at: a check is no report."""
_MOST_NAME = 60


def with_looks(outcome: Outcome, before: Profile, after: Profile, metric: str = "psi") -> Outcome:
    """The outcome with its columns beside the reference: those that it is about, then those that moved most.

    ``metric`` says which figure is the check's own: psi, or the largest share of missing values.
    """
    first = [name for name in outcome.features if name in before.columns and name in after.columns]
    others = [name for name in before.columns if name in after.columns and name not in set(first)]
    names = [*first, *others][: max(_MOST_COMPARED, len(first))]
    index = _index(before, after, names)
    ranked = first + sorted(names[len(first) :], key=lambda name: -index.get(name, 0.0))
    looks = [_look(name, index.get(name), before.columns[name], after.columns[name]) for name in ranked[:MOST_LOOKS]]
    most = sorted(index, key=lambda name: -index[name])[:MOST_FIGURES]
    missing = {one.column: one.missing_now for one in looks if one.missing_now or one.missing_reference}
    values = [index[name] for name in most] if metric == "psi" else [one.missing_now for one in looks]
    measured = Measured(
        metric=metric if values else "",
        value=max(values, default=None),
        psi={name: index[name] for name in most},
        missing=dict(list(missing.items())[:MOST_FIGURES]),
    )
    return msgspec.structs.replace(outcome, measured=measured, looks=looks)


def _index(before: Profile, after: Profile, names: Sequence[str]) -> dict[str, float]:
    """The population stability index by column, where it can be told."""
    sides = (Profile(side.rows, {name: side.columns[name] for name in names}) for side in (before, after))
    found = {name: result.statistic for name, result in population_stability(*sides).items()}
    return {name: round(value, 6) for name, value in found.items() if math.isfinite(value)}


def _look(name: str, psi: float | None, before: Column, after: Column) -> ColumnLook:
    found = bars(before, after)
    return ColumnLook(
        column=name,
        psi=psi,
        missing_reference=_missing(before),
        missing_now=_missing(after),
        bins=[bin[:_MOST_NAME] for bin in found.bins],
        reference=list(found.reference),
        now=list(found.now),
    )


def _missing(column: Column) -> float:
    return round(column.missing / max(column.rows + column.missing, 1), 6)
