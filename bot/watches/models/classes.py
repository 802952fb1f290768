"""Which classes a model has, and which of them a metric is of: nothing is guessed by the alphabet."""

import difflib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from bot.domain.watched.finding import FindingKind
from bot.domain.watched.metric import Average, Metric
from bot.domain.watched.monitor import WatchedModel
from bot.watches.models.kinds.performance import PerformanceRules
from bot.watches.models.kinds.registry import CheckSkipped, few
from bot.watches.models.window import LoadedReference, Table
from detectors.drift.packing import Array
from detectors.drift.profile import as_numbers
from detectors.drift.spellings import Spellings, meaning
from detectors.drift.texts import category, is_missing

_NATURAL = ({"0", "1"}, {"-1", "1"})
_TELLS = 0.95
"""So surely do higher scores have to go with one of two predicted classes, to be its probability."""
_SYMMETRIC = (Metric.LOG_LOSS, Metric.BRIER, Metric.CALIBRATION_ERROR, Metric.ROC_AUC)
"""Metrics that are the same of either of two classes."""


class Classes(NamedTuple):
    """``names`` are the classes in the reference's spelling; ``positive`` is the one that a metric is of, or else it is
    an ``average`` over all of them."""

    names: tuple[str, ...]
    spellings: Spellings
    positive: str = ""
    average: Average | None = None

    def read(self, raw: Array) -> Array:
        """A column of classes in these spellings, None where one is missing."""
        values = raw.tolist()
        distinct = {value: self._name(value) for value in set(values)}
        read = np.empty(len(values), dtype=object)
        read[:] = [distinct[value] for value in values]
        return read

    def _name(self, value: object) -> str | None:
        return None if is_missing(value) else self.spellings.known_as(category(value))


def classes_for(
    monitor: PerformanceRules, model: WatchedModel, table: Table, loaded: LoadedReference | None
) -> Classes:
    """The classes that a monitor's metric is of. Raises CheckSkipped where that is not settled."""
    assert monitor.metric is not None
    before = loaded.table if loaded is not None and loaded.table.label is not None else None
    names = _names(model, before or table)
    classes = Classes(names, Spellings.of(names))
    given = _given(model, loaded)
    if given is not None:
        named = _positive_as_given(given, classes, known=before is not None or bool(model.classes))
        classes = classes if named in classes.names else _with(classes, named)
        if monitor.average is None and (monitor.metric.of_one_class or len(classes.names) <= 2):
            return classes._replace(positive=named)
    if monitor.metric.of_one_class:
        return _of_one_class(monitor, model, classes, (before, table))
    estimated = monitor.kind == FindingKind.ESTIMATED_PERFORMANCE
    if (monitor.metric.of_chances or estimated) and len(names) <= 2:
        return classes._replace(positive=_positive(monitor.metric, classes, (before, table)))
    return classes


def _of_one_class(
    monitor: PerformanceRules, model: WatchedModel, classes: Classes, tables: Sequence[Table | None]
) -> Classes:
    average = monitor.average or model.average or (Average.MACRO if model.classes else None)
    if average is not None:
        if not model.classes and tables[0] is None:
            raise CheckSkipped(
                f"a {average} average needs to know all classes: give `classes`, or a labelled reference"
            )
        if len(classes.names) < 2:
            raise CheckSkipped(
                f"a {average} average is over two classes at least, and there is {few(classes.names) or 'none'}"
            )
        return classes._replace(average=average)
    if len(classes.names) > 2:
        there = f"{len(classes.names)}: {few(classes.names)}"
        raise CheckSkipped(
            f"{monitor.metric} is of one class, and there are {there}. Give the model `positive`, or `average: macro`"
        )
    assert monitor.metric is not None
    return classes._replace(positive=_positive(monitor.metric, classes, tables))


def _names(model: WatchedModel, table: Table) -> tuple[str, ...]:
    if model.classes:
        return tuple(map(category, model.classes))
    if table.label is None:
        return ()
    there = {category(value) for value in set(table.label.tolist()) if not is_missing(value)}
    return _once(sorted(there, key=_size))


def _once(names: Sequence[str]) -> tuple[str, ...]:
    """Of several spellings of one class the first: a column of text may hold both 1 and 1.0."""
    return tuple({meaning(name): name for name in reversed(names)}.values())[::-1]


def _given(model: WatchedModel, loaded: LoadedReference | None) -> object | None:
    """The positive class by name: tandem.yaml's, or else the reference's."""
    if model.positive is not None:
        return model.positive
    return (loaded.reference.lineage.positive or None) if loaded is not None else None


def _positive_as_given(given: object, classes: Classes, known: bool) -> str:
    named = classes.spellings.known_as(category(given))
    if known and named not in classes.names:
        close = difflib.get_close_matches(
            named.lower(), {name.lower(): name for name in classes.names}, n=1, cutoff=0.6
        )
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise CheckSkipped(f"the positive class {named!r} is none of the classes {few(classes.names)}{hint}")
    return named


def _alike_but_for_case(named: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if name.lower() == named.lower()]


def _with(classes: Classes, name: str) -> Classes:
    names = (*classes.names, name)
    return Classes(names, Spellings.of(names))


def _positive(metric: Metric, classes: Classes, tables: Sequence[Table | None]) -> str:
    """The positive one of two classes. Raises CheckSkipped."""
    for table in filter(None, tables):
        scored = [name for name in map(classes.spellings.known_as, table.scores) if name in classes.names]
        if len(scored) == 1 or (len(scored) == 2 and metric in _SYMMETRIC):
            return scored[-1]
    means = {meaning(name): name for name in classes.names}
    if means and any(means.keys() <= natural for natural in _NATURAL):
        return means.get("1", "1")
    for table in filter(None, tables):
        if (named := _by_score(table, classes)) is not None:
            return named
    raise CheckSkipped(
        f"which of the classes {few(classes.names)} is the positive one is not known: "
        "give the model `positive` in tandem.yaml"
    )


def _by_score(table: Table, classes: Classes) -> str | None:
    """The class that is predicted where scores are high; None where the score is the confidence in either class."""
    if table.score is None or table.prediction is None or len(classes.names) != 2:
        return None
    score, predicted = as_numbers(table.score), classes.read(table.prediction)
    usable = np.isfinite(score) & np.isin(predicted, classes.names)
    score, second = score[usable], predicted[usable] == classes.names[1]
    if not len(score) or second.all() or not second.any():
        return None
    apart = float(roc_auc_score(second, score))
    if 1 - _TELLS < apart < _TELLS:
        return None
    return classes.names[1] if apart >= _TELLS else classes.names[0]


def _size(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text
