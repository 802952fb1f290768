"""Counters: values that only grow, but for a reset."""

import msgspec


class Counter(msgspec.Struct, array_like=True, gc=False):
    """Turns a counter into its rate of increase a second.

    Parameters
    ----------
    at
        When the last value came, in seconds; None before the first.
    value
        The last value.

    Examples
    --------
    >>> counter = Counter()
    >>> [counter.rate(at, value) for at, value in [(0, 100), (10, 150), (20, 30), (30, 40)]]
    [None, 5.0, None, 1.0]
    """

    at: float | None = None
    value: float = 0.0

    def rate(self, timestamp: float, value: float) -> float | None:
        """Increase a second since the last value. None at the first, and after a reset: how much it hid is unknown."""
        before, increase = self.at, value - self.value
        self.at, self.value = timestamp, value
        return None if before is None or increase < 0 else increase / (timestamp - before)
