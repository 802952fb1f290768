"""Metrics over several classes, and average precision: measured in parts of a window, each of which has every class.

An average of ratios is no mean over rows. So the rows are dealt, in the order in which they came, to parts that each
have rows of every class, and the metric of a part is what is bet on. For macro recall and for the area under the ROC
curve that is exact: the expectation over parts is the metric. For the others a part has 20 rows of each class at least,
and its expectation is the metric nearly.
"""

import numpy as np

from detectors.drift.packing import Array
from detectors.performance.scale import Rows, Scale

_MOST_PARTS = 200
_LEAST_ROWS = 20


def parts_of_average(rows: Rows, scale: Scale) -> list[Array]:
    """The parts: indices of rows.

    Parameters
    ----------
    rows
        Labels and predictions.
    scale
        The metric, with its classes or the positive one.

    Returns
    -------
    As many parts as can be, 200 at most; none where a class has no rows.

    Examples
    --------
    >>> rows = Rows(np.array(["a", "b", "a", "a", "b"]), np.array(["a", "b", "a", "a", "b"]))
    >>> parts = parts_of_average(rows, Scale("recall", 0.5, average="macro", classes=("a", "b")))
    >>> [part.tolist() for part in parts]
    [[0, 1, 2], [3, 4]]
    """
    names = scale.classes or (scale.positive,)
    code = np.full(len(rows.truth), len(names))
    for place, name in enumerate(names):
        code[rows.truth == name] = place
    counts = np.bincount(code, minlength=len(names) + 1)
    wanted = counts[: len(names)] if scale.classes else counts
    if scale.average == "weighted":
        wanted = wanted[wanted > 0]
    if not len(wanted) or not wanted.min():
        return []
    least = 1 if (scale.metric, scale.average) in (("recall", "macro"), ("roc_auc", "macro")) else _LEAST_ROWS
    many = min(max(int(wanted.min()) // least, 1), _MOST_PARTS)
    order = np.argsort(code, kind="stable")
    nth = np.arange(len(code)) - np.repeat(np.cumsum(counts) - counts, counts)
    part = np.empty(len(code), dtype=np.int64)
    part[order] = nth * many // np.repeat(np.maximum(counts, 1), counts)
    by_part = np.argsort(part, kind="stable")
    return np.split(by_part, np.cumsum(np.bincount(part, minlength=many))[:-1])


def averaged(rows: Rows, scale: Scale, parts: list[Array]) -> Array:
    """The metric of each part.

    Parameters
    ----------
    rows, scale
        As in :func:`parts_of_average`.
    parts
        Indices of rows.

    Returns
    -------
    Numbers between 0 and 1, of shape (parts,).

    Examples
    --------
    >>> rows = Rows(np.array(["a", "b"]), np.array(["a", "a"]))
    >>> scale = Scale("recall", 0.5, average="macro", classes=("a", "b"))
    >>> averaged(rows, scale, [np.array([0, 1])]).tolist()
    [0.5]
    """
    values = [_value(rows.where(part), scale) for part in parts]
    return np.array([value for value in values if value is not None])


def average_of(rows: Rows, scale: Scale) -> float | None:
    """The metric of all rows; None where a class that it is over has none.

    Parameters
    ----------
    rows, scale
        As in :func:`parts_of_average`.

    Returns
    -------
    A number between 0 and 1, or None.

    Examples
    --------
    >>> rows = Rows(np.array(["a", "b", "b"]), np.array(["a", "a", "b"]))
    >>> average_of(rows, Scale("recall", 0.5, average="macro", classes=("a", "b")))
    0.75
    """
    return _value(rows, scale)


def _value(rows: Rows, scale: Scale) -> float | None:
    if scale.metric in ("roc_auc", "average_precision"):
        return _of_scores(rows, scale)
    precision, recall, f1, support = _by_class(rows, scale.classes)
    weights = support if scale.average == "weighted" else np.ones(len(scale.classes))
    if (not support.all() and scale.average != "weighted") or not support.sum():
        return None
    values = {"precision": precision, "recall": recall, "f1": f1}[scale.metric]
    return float(values @ weights / weights.sum())


def _by_class(rows: Rows, classes: tuple[str, ...]) -> tuple[Array, Array, Array, Array]:
    """Precision, recall, F1 and rows of each class; as in scikit-learn, 0 where nothing was predicted."""
    truth = np.array([rows.truth == name for name in classes])
    predicted = np.array([rows.predicted == name for name in classes])
    hits, support, told = (truth & predicted).sum(1), truth.sum(1), predicted.sum(1)
    return hits / np.maximum(told, 1), hits / np.maximum(support, 1), 2 * hits / np.maximum(support + told, 1), support


def _of_scores(rows: Rows, scale: Scale) -> float | None:
    """One class against all others, and of several the mean."""
    measure = _area if scale.metric == "roc_auc" else _average_precision
    if not scale.classes:
        truth = rows.truth == scale.positive
        return measure(truth, rows.score) if rows.score is not None and 0 < truth.sum() < len(truth) else None
    values, weights = [], []
    for name in scale.classes:
        truth = rows.truth == name
        if 0 < truth.sum() < len(truth) and name in rows.chances:
            values.append(measure(truth, rows.chances[name]))
            weights.append(float(truth.sum()) if scale.average == "weighted" else 1.0)
        elif scale.average != "weighted":
            return None
    return float(np.average(values, weights=weights)) if values else None


def _area(truth: Array, score: Array) -> float:
    """The area under the ROC curve: how often a positive row is above a negative one, equal ones counted half. For
    hundreds of small parts scikit-learn's checks of its arguments would take most of the time."""
    below = np.sort(score[~truth])
    reached = np.searchsorted(below, score[truth], "left") + np.searchsorted(below, score[truth], "right")
    return float(np.mean(reached) / 2 / len(below))


def _average_precision(truth: Array, score: Array) -> float:
    """The precision at each score that a positive row has, the mean over these rows."""
    order = np.argsort(-score, kind="stable")
    hits, ordered = np.cumsum(truth[order]), score[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    gained = np.diff(hits[ends], prepend=0)
    return float(np.sum(gained * hits[ends] / (ends + 1)) / hits[-1])
