"""Steps: samples at any times become means of equal spans."""

from math import isfinite

import msgspec


class Steps(msgspec.Struct, array_like=True, gc=False):
    """The mean of each span of ``size`` seconds, once it is over. Steps without a sample lie on a line between those
    that have some.

    Parameters
    ----------
    size
        Seconds of a step.
    number, total, count
        The step that is not over: which since the epoch, the sum of its samples, and how many these are.
    last, mean
        The step before, and its mean; -1 where there is none.

    Examples
    --------
    >>> steps = Steps(size=60.0)
    >>> [steps.add(at, value) for at, value in [(0.0, 1.0), (30.0, 3.0), (70.0, 5.0), (190.0, 8.0), (240.0, 9.0)]]
    [[], [], [(0, 2.0)], [(1, 5.0)], [(2, 6.5), (3, 8.0)]]
    """

    size: float
    number: int = -1
    total: float = 0.0
    count: int = 0
    last: int = -1
    mean: float = 0.0

    def add(self, at: float, value: float) -> list[tuple[int, float]]:
        """Take a sample, not older than the last; the steps that are over with it, as (number, mean)."""
        number = int(at // self.size)
        over = self._close() if self.count and number != self.number else []
        if number != self.number:
            self.number, self.total, self.count = number, 0.0, 0
        self.total += value
        self.count += 1
        return over

    def gap_until(self, at: float) -> int:
        """How many whole steps have no sample, where the next one comes at ``at``."""
        if self.number < 0 or not isfinite(at):
            return 0
        return max(int(at // self.size) - self.number - 1, 0)

    def restart(self) -> None:
        """Forget the steps before: what is between them and the next is not known."""
        self.number, self.total, self.count, self.last = -1, 0.0, 0, -1

    def _close(self) -> list[tuple[int, float]]:
        mean = self.total / self.count
        gap = self.number - self.last if self.last >= 0 else 1
        slope = (mean - self.mean) / gap
        over = [(self.last + n, self.mean + slope * n) for n in range(1, gap)] if gap > 1 else []
        self.last, self.mean = self.number, mean
        return [*over, (self.number, mean)]
