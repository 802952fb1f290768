"""Lines: where a series goes if it stays where it is, or goes on as it went over one of several spans."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from detectors.forecast.arrays import Array

WINDOWS = (0, 6, 12, 24, 72)
"""Steps that a line is fitted to; 0 for the mean of the last :data:`FLAT`, which goes nowhere."""
FLAT = 3
HISTORY = max(WINDOWS)


def fitted(values: Array, origins: int) -> Array:
    """The least-squares lines over each span, as they were known at the last moments.

    Parameters
    ----------
    values
        A row for each course, of at least ``HISTORY + origins - 1`` steps. NaN where a course is not known: of a span
        that holds one, nothing is.
    origins
        At how many of the last steps.

    Returns
    -------
    An array of shape (courses, windows, origins, 2): where the line is at its last step, and how much it rises with
    each. The latest origin is the last.

    Examples
    --------
    >>> found = fitted(np.arange(80.0)[None, :], origins=2)
    >>> found[0, 2].round(6).tolist()
    [[78.0, 1.0], [79.0, 1.0]]
    >>> found[0, 0].tolist()
    [[77.0, 0.0], [78.0, 0.0]]
    """
    found = np.empty((len(values), len(WINDOWS), origins, 2))
    for place, (level, slope) in enumerate(_WEIGHTS):
        seen = sliding_window_view(values[:, -(len(level) + origins - 1) :], len(level), axis=1)
        found[:, place, :, 0] = seen @ level
        found[:, place, :, 1] = seen @ slope
    return found


def _weights(window: int) -> tuple[Array, Array]:
    """By which the values of a window add up to its line's last point, and to its slope."""
    if not window:
        return np.full(FLAT, 1.0 / FLAT), np.zeros(FLAT)
    times = np.arange(window) - (window - 1) / 2
    slope = times / (times @ times)
    return 1.0 / window + slope * times[-1], slope


_WEIGHTS = [_weights(window) for window in WINDOWS]
