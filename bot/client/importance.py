"""How much a model goes by each feature, by permutation: to be sent with a reference."""

from collections.abc import Mapping
from typing import Any

import numpy as np

MOST_ROWS = 5_000


def permutation_importance(
    estimator: Any, rows: Any, labels: Any, *, scoring: Any = None, repeats: int = 5, seed: int = 0
) -> dict[str, float]:
    """By how much the score of a scikit-learn model falls where a column is shuffled, 0 at least, by feature.

    ``rows`` are what the model predicts from: a DataFrame, or a mapping of columns of numbers. Of more than
    :data:`MOST_ROWS` some are taken. Labelled rows that the model was not trained on say most. (Breiman: Random
    forests. Machine Learning 45, 2001.)
    """
    from sklearn.inspection import permutation_importance as by_permutation  # noqa: PLC0415  (who only sends needs none)

    if isinstance(rows, Mapping):
        names = [str(name) for name in rows]
        rows = np.column_stack([np.asarray(column) for column in rows.values()])
    else:
        names = [str(name) for name in rows.columns]
    found = by_permutation(
        estimator,
        rows,
        np.asarray(labels),
        scoring=scoring,
        n_repeats=repeats,
        random_state=seed,
        max_samples=min(MOST_ROWS, len(labels)),
    )
    means = np.maximum(found["importances_mean"], 0.0)
    return {name: float(value) for name, value in zip(names, means, strict=True)}
