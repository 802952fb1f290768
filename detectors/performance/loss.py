"""How well a regression model does where no labels have come, from where its losses used to be."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from detectors.drift.packing import Array


class LossEstimator:
    """Direct loss estimation (DLE; NannyML's documentation, 2022): a second model predicts the first one's losses.

    Fitted on labelled reference data that the first model was not trained on. True as long as the losses still depend
    on the inputs as they did: drift of the inputs into where the model is weak is seen, drift of the concept is not.

    Parameters
    ----------
    seed
        Of the gradient boosting; the same data and seed give the same estimates.

    Examples
    --------
    >>> x = np.linspace(0, 1, 400)[:, None]
    >>> truth = np.where(x[:, 0] > 0.5, 10.0, 0.0)
    >>> estimator = LossEstimator().fit(x, predicted=np.zeros(400), truth=truth)
    >>> {name: round(value) for name, value in estimator.estimate(x[300:], np.zeros(100)).items()}
    {'mae': 10, 'rmse': 10}

    References
    ----------
    NannyML: Direct loss estimation. Documentation, 2022.
    """

    def __init__(self, seed: int = 0) -> None:
        self._absolute = HistGradientBoostingRegressor(random_state=seed)
        self._squared = HistGradientBoostingRegressor(random_state=seed)

    def fit(self, features: Array, predicted: Array, truth: Array) -> "LossEstimator":
        """Learns from features of shape (rows, n; NaN for missing), predictions and true values of shape (rows,)."""
        features = np.where(np.isnan(features).all(axis=0), 0.0, features)  # the trees want a value in each column
        inputs, error = np.column_stack([features, predicted]), predicted - truth
        with threadpool_limits(1, "openmp"):  # beside other work, threads that wait for each other cost most
            self._absolute.fit(inputs, np.abs(error))
            self._squared.fit(inputs, error**2)
        return self

    def estimate(self, features: Array, predicted: Array) -> dict[str, float]:
        """The expected mean absolute and root mean squared error, in the target's unit; empty without rows."""
        if not len(predicted):
            return {}
        absolute, squared = self.losses(features, predicted)
        return {"mae": float(absolute.mean()), "rmse": float(np.sqrt(squared.mean()))}

    def losses(self, features: Array, predicted: Array) -> tuple[Array, Array]:
        """The expected absolute and squared error of each row, both of shape (rows,); needs one row at least."""
        inputs = np.column_stack([features, predicted])
        with threadpool_limits(1, "openmp"):
            return self._absolute.predict(inputs).clip(min=0), self._squared.predict(inputs).clip(min=0)
