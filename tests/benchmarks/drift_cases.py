"""Streams with a drift of known kind, in columns that are known to be right to name, on scikit-learn's data sets.

A stream's rows are drawn with replacement from the set, so that all before the drift are exchangeable.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Array = np.ndarray[Any, np.dtype[Any]]
Table = dict[str, Array]
Drift = Callable[[Table, str, int, np.random.Generator], Table]
"""From the drawn rows, the feature and the batches since the drift began (from 0), to the rows as they come."""

REFERENCE_ROWS, BATCH_ROWS, QUIET, HORIZON = 2000, 200, 20, 40
GRADUAL = 20


class Case(NamedTuple):
    """A table to draw from, the feature that drifts, how, and the columns that may be named first."""

    name: str
    kind: str
    table: Table
    feature: str
    right: frozenset[str]
    seed: int

    def reference(self) -> Table:
        return draw(self.table, REFERENCE_ROWS, np.random.default_rng([self.seed, 0]))

    def batches(self) -> Iterator[Table]:
        """The batches before the drift, then those with it."""
        random = np.random.default_rng([self.seed, 1])
        for at in range(-QUIET, HORIZON):
            rows = draw(self.table, BATCH_ROWS if self.kind != "label" else 2 * BATCH_ROWS, random)
            if at >= 0:
                rows = DRIFTS[self.kind](rows, self.feature, at, random)
            yield {name: column[:BATCH_ROWS] for name, column in rows.items()}


def cases(seeds: range) -> Iterator[Case]:
    for seed in seeds:
        for name, (x, y, classes) in _sets().items():
            table = _with_model(x, y, classes)
            features = [column for column in table if column.startswith("x")]
            for number, kind in enumerate(DRIFTS):
                feature = features[np.random.default_rng([seed, number]).integers(len(features))]
                right = {"label": {"label"}, "concept": {"loss", "label"}}.get(kind, {feature})
                yield Case(name, kind, table, feature, frozenset(right), seed)


def draw(table: Table, rows: int, random: np.random.Generator) -> Table:
    chosen = random.integers(len(next(iter(table.values()))), size=rows)
    return {name: column[chosen] for name, column in table.items()}


def _sets() -> dict[str, tuple[Array, Array, bool]]:
    return {
        "breast_cancer": (*datasets.load_breast_cancer(return_X_y=True), True),
        "wine": (*datasets.load_wine(return_X_y=True), True),
        "diabetes": (*datasets.load_diabetes(return_X_y=True, scaled=False), False),
        "friedman": (*datasets.make_friedman1(5000, random_state=0), False),
    }


def _with_model(x: Array, y: Array, classes: bool) -> Table:
    """The features, a model's prediction for rows it was not fitted on, the label and the loss."""
    model = make_pipeline(StandardScaler(), LogisticRegression() if classes else Ridge())
    predicted = cross_val_predict(model, x, y, cv=5)
    table = {f"x{n}": column for n, column in enumerate(x.T)}
    return table | {
        "prediction": predicted.astype(float),
        "label": y.astype(float),
        "loss": _loss(y, predicted, classes),
    }


def _loss(label: Array, predicted: Array, classes: bool) -> Array:
    return np.asarray(label != predicted, dtype=float) if classes else np.asarray(np.abs(label - predicted))


def _covariate(rows: Table, feature: str, at: int, random: np.random.Generator) -> Table:
    return rows | {feature: rows[feature] + 0.4 * rows[feature].std()}


def _gradual(rows: Table, feature: str, at: int, random: np.random.Generator) -> Table:
    return rows | {feature: rows[feature] + min(at / GRADUAL, 1) * rows[feature].std()}


def _slice(rows: Table, feature: str, at: int, random: np.random.Generator) -> Table:
    """Where another feature is in its highest fifth."""
    other = next(name for name in rows if name.startswith("x") and name != feature)
    inside = rows[other] >= np.quantile(rows[other], 0.8)
    return rows | {feature: np.where(inside, rows[feature] + 1.5 * rows[feature].std(), rows[feature])}


def _missing(rows: Table, feature: str, at: int, random: np.random.Generator) -> Table:
    return rows | {feature: np.where(random.random(len(rows[feature])) < 0.1, np.nan, rows[feature])}


def _unit(rows: Table, feature: str, at: int, random: np.random.Generator) -> Table:
    return rows | {feature: rows[feature] * 2.54}


def _label(rows: Table, feature: str, at: int, random: np.random.Generator) -> Table:
    """Rows with a high label come half as often as before: twice as many were drawn."""
    high = rows["label"] > np.median(rows["label"]) if len(set(rows["label"])) > 2 else rows["label"] == 1
    keep = np.flatnonzero(~high | (random.random(len(high)) < 0.5))
    return {name: column[keep] for name, column in rows.items()}


def _concept(rows: Table, feature: str, at: int, random: np.random.Generator) -> Table:
    """A quarter of the rows have the label of another row."""
    classes = bool((rows["label"] == rows["label"].round()).all() and len(set(rows["label"])) <= 3)
    label = np.where(random.random(len(rows["label"])) < 0.25, random.permutation(rows["label"]), rows["label"])
    return rows | {"label": label, "loss": _loss(label, rows["prediction"], classes)}


DRIFTS: dict[str, Drift] = {
    "covariate": _covariate,
    "gradual": _gradual,
    "slice": _slice,
    "missing": _missing,
    "unit": _unit,
    "label": _label,
    "concept": _concept,
}
