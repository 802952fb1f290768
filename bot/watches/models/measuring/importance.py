"""Which of the columns that drifted matter most: how much the model goes by them, times how far they moved. Pure."""

from collections.abc import Mapping, Sequence

from bot.domain.watched.monitor import WatchedModel
from bot.watches.models.window import LoadedReference
from detectors.drift.counted import population_stability
from detectors.drift.profile import Profile


def importance_of(model: WatchedModel, loaded: LoadedReference | None) -> Mapping[str, float]:
    """The share that each feature has in what the model goes by; empty where nobody says."""
    own = loaded.reference.lineage.importance if loaded is not None else {}
    given = own or model.importance
    most = max(given.values(), default=0.0)
    if most <= 0:
        return {}
    parts = {name: value / most for name, value in given.items()}  # the sum of what was given may be infinite
    whole = sum(parts.values())
    return {name: part / whole for name, part in parts.items()}


def by_importance(
    columns: Sequence[str], importance: Mapping[str, float], before: Profile, after: Profile
) -> list[str]:
    """The columns, those first whose importance times population stability index is greatest; else as they were."""
    if not any(importance.get(name) for name in columns):
        return list(columns)
    known = [name for name in columns if name in before.columns and name in after.columns]
    sides = (Profile(side.rows, {name: side.columns[name] for name in known}) for side in (before, after))
    effect = {name: result.statistic for name, result in population_stability(*sides).items()}
    return sorted(columns, key=lambda name: -importance.get(name, 0.0) * effect.get(name, 0.0))


def with_importance(lines: Sequence[str], columns: Sequence[str], importance: Mapping[str, float]) -> list[str]:
    """The lines, one a column, each with how much the model goes by it, where that is known.

    >>> with_importance(["price: up", "and 3 more"], ["price"], {"price": 0.4})
    ['price: up, 40 % of what the model goes by', 'and 3 more']
    """
    if not importance:
        return list(lines)
    told = [
        f"{line}, {share(importance.get(name, 0.0))} of what the model goes by"
        for name, line in zip(columns, lines, strict=False)
        if line.startswith(f"{name}: ")
    ]
    return [*told, *lines[len(told) :]]


def share(of: float) -> str:
    """
    >>> share(0.4), share(0.004), share(0)
    ('40 %', 'under 1 %', 'nothing')
    """
    return "nothing" if of <= 0 else "under 1 %" if of < 0.01 else f"{of * 100:.0f} %"
