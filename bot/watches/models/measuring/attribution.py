"""With which drifted feature a loss goes, in words: nothing where it cannot be told. Pure."""

import numpy as np

from bot.domain.watched.metric import Metric
from bot.domain.watched.monitor import WatchedModel
from bot.watches.models.judge import Judge
from bot.watches.models.kinds.registry import CheckSkipped
from bot.watches.models.measuring.importance import importance_of
from bot.watches.models.window import LoadedReference, Table, chosen
from detectors.drift.counted import population_stability
from detectors.drift.encoding import encoded
from detectors.drift.packing import Array
from detectors.drift.profile import Column, Numeric, Profile
from detectors.performance.attribution import Attribution, Share, attributed
from detectors.performance.badness import losses_of

_LEAST_PSI = 0.05
_MOST_COLUMNS, _MOST_ROWS = 10, 200_000
_EDGES = np.concatenate([[0.01], np.arange(1, 20) / 20, [0.99]])
_MOST_CATEGORIES = 30
_MOST, _SOME = 0.5, 0.2
"""Shares of the loss from which on it is most, or a part."""
_MOST_NAMED = 2
_RIGHT_OR_WRONG = (Metric.ACCURACY, Metric.RECALL, Metric.PRECISION, Metric.F1)
_MEANS = (Metric.MAE, Metric.MAPE, Metric.MASE, Metric.PINBALL, Metric.CRPS, Metric.LOG_LOSS, Metric.BRIER)


def explained(judge: Judge, model: WatchedModel, table: Table, loaded: LoadedReference | None) -> list[str]:
    """A line for each feature whose shift a good part of the loss surely goes with."""
    if loaded is None or judge.estimates is not None or not table.features:
        return []
    try:
        before, after = _losses(judge, loaded.table), _losses(judge, table)
    except CheckSkipped:
        return []
    if before is None or after is None or not len(before[0]) or not len(after[0]):
        return []
    columns = _drifted(model, loaded, after[1])
    if not columns:
        return []
    binned = {name: _bins(name, loaded.features, before[1], after[1]) for name in columns}
    found = attributed(before[0], after[0], binned)
    return [_in_words(found, share, judge) for share in found.shares[:_MOST_NAMED] if _is_told(found, share)]


def _losses(judge: Judge, table: Table) -> tuple[Array, Table] | None:
    """The loss of each row that the metric is of, and these rows; None where it is no mean over rows."""
    metric = judge.task.metric
    if table.label is None or (metric in _RIGHT_OR_WRONG and judge.scale.average):
        return None
    table = _some(table)
    rows, usable = judge.task.rows_of(table)
    table = chosen(table, usable)
    if metric in _RIGHT_OR_WRONG:
        mask = np.ones(len(rows.truth), dtype=bool)
        if metric in (Metric.RECALL, Metric.PRECISION):
            mask = (rows.truth if metric is Metric.RECALL else rows.predicted) == judge.scale.positive
        wrong = np.asarray(rows.truth != rows.predicted, dtype=np.float64)
        return wrong[mask], chosen(table, mask)
    if metric not in _MEANS:
        return None
    if metric is Metric.MAPE:
        table = chosen(table, rows.truth != 0)
    return losses_of(rows, judge.scale), table


def _some(table: Table) -> Table:
    """Of very many rows some, the same each time."""
    if table.rows <= _MOST_ROWS:
        return table
    mask = np.zeros(table.rows, dtype=bool)
    mask[np.random.default_rng(0).permutation(table.rows)[:_MOST_ROWS]] = True
    return chosen(table, mask)


def _drifted(model: WatchedModel, loaded: LoadedReference, table: Table) -> list[str]:
    """The features that moved, most first; none that the model does not go by at all, where that is known."""
    importance = importance_of(model, loaded)
    wanted = model.features or loaded.features.columns
    names = [
        name
        for name in loaded.features.columns
        if name in wanted
        and name in table.features
        and name not in model.ignore
        and (not importance or importance.get(name, 0.0) > 0)
    ]
    before = Profile(loaded.features.rows, {name: loaded.features.columns[name] for name in names})
    after = before.read({name: table.features[name] for name in names})
    index = {name: found.statistic for name, found in population_stability(before, after).items()}
    return sorted((name for name in names if index.get(name, 0.0) >= _LEAST_PSI), key=lambda name: -index[name])[
        :_MOST_COLUMNS
    ]


def _bins(name: str, profile: Profile, before: Table, after: Table) -> tuple[Array, Array]:
    """The bin of each row then and now: twentieths of the reference, or its most frequent categories."""
    column, alone = profile.columns[name], Profile(profile.rows, {name: profile.columns[name]})
    sides = (encoded(alone, {name: side.features[name]}, [name])[:, 0] for side in (before, after))
    then, now = (_placed(column, side) for side in sides)
    if isinstance(column, Numeric):
        return then, now
    common = np.argsort(-np.bincount(then), kind="stable")[:_MOST_CATEGORIES]
    place = np.full(int(max(then.max(initial=0), now.max(initial=0))) + 1, len(common))
    place[common] = np.arange(len(common))
    return place[then], place[now]


def _placed(column: Column, values: Array) -> Array:
    """Bins from 1 on; 0 is that of what is missing."""
    missing = np.isnan(values)
    if not isinstance(column, Numeric):
        return np.where(missing, 0, values + 1).astype(np.int64)
    kept = column.values.astype(np.float32)
    edges = np.zeros(0)
    if len(kept):  # what lies outside the reference is in bins of its own, of which it knows nothing
        inside = kept[(_EDGES * len(kept)).astype(np.int64)]
        edges = np.unique(np.concatenate([[np.nextafter(kept[0], np.float32(-np.inf))], inside, kept[-1:]]))
    return np.where(missing, 0, edges.searchsorted(values, "left") + 1).astype(np.int64)


def _is_told(found: Attribution, share: Share) -> bool:
    """Whether both the loss and its share are sure, and the share is worth a word."""
    return found.low > 0 and share.low > 0 and share.loss >= _SOME * found.change


def _in_words(found: Attribution, share: Share, judge: Judge) -> str:
    part = "all" if share.loss >= found.change else "most" if share.loss >= _MOST * found.change else "a part"
    whole = "" if part == "all" else f" of {found.change:.2g}"
    what = "the rise of wrong predictions" if judge.task.metric is Metric.F1 else "the loss"
    interval = f"95 % interval {share.low:.2g} to {share.high:.2g}"
    return f"{part} of {what} ({share.loss:.2g}{whole}, {interval}) goes with {share.column}"
