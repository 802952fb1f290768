"""Prometheus' ``predict_linear(series[look_back], ahead) > limit`` with its ``for``.

The formula is that of promql/functions.go: simple linear regression over the samples of the look-back, both its ends
included as in Prometheus 2, and the line at the moment of evaluation plus ``ahead``. Its values are those of promtool.
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def predictions(times: Array, values: Array, look_back: float, ahead: float) -> Array:
    """What it gives at each sample; NaN where there are fewer than two in the look-back."""
    found = np.full(len(times), np.nan)
    first = np.searchsorted(times, times - look_back, side="left")
    for at, begin in enumerate(first):
        if at > begin:
            x, y = times[begin : at + 1] - times[at], values[begin : at + 1]
            spread = ((x - x.mean()) ** 2).sum()
            if not spread:  # all of one moment
                continue
            slope = ((x - x.mean()) * (y - y.mean())).sum() / spread
            found[at] = y.mean() - slope * x.mean() + slope * ahead
    return found


def fires(predicted: Array, times: Array, limit: float, wait: float) -> Flags:
    """Where a rule on them fires: once it has held for ``wait`` seconds, and until it does not hold."""
    found, since = np.zeros(len(times), bool), np.inf
    for at, holds in enumerate(predicted > limit):
        since = min(since, times[at]) if holds else np.inf
        found[at] = times[at] - since >= wait
    return found
