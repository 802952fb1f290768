"""Many more errors at once than is usual for the stream, whatever their templates."""

from typing import Any

from detectors.logs.baseline import Baseline, score
from detectors.logs.window import Finding, Window


class Burst:
    """Compares a window's error lines, all together, with the stream's past.

    The finding names the template that contributes most, so that its sample can be shown.

    Parameters
    ----------
    surprise
        Standard deviations above the usual, beyond which a count is a finding if it also exceeds all of late.
    least
        Errors in a window below which nothing is a burst.
    learning
        Windows before anything is judged.

    Examples
    --------
    >>> burst = Burst(learning=3)
    >>> for minute in range(5):
    ...     found = burst.update(Window(60.0 * minute, 60.0, {7: 9, 8: 1}, errors={8: 1}))
    >>> [(found.kind, found.template, found.observed) for found in burst.update(Window(300.0, 60.0, {8: 40}, {8: 40}))]
    [('burst', 8, 40)]
    """

    def __init__(self, surprise: float = 6.0, least: int = 5, learning: int = 30) -> None:
        self.surprise = surprise
        self._least = least
        self._learning = learning
        self._usual = Baseline()

    def update(self, window: Window) -> list[Finding]:
        count, usual = sum(window.errors.values()), self._usual
        surprise = usual.surprise(count)
        abnormal = usual.windows >= self._learning and count >= self._least and surprise > 0
        abnormal = abnormal and usual.departs(count, self.surprise)
        self._usual = usual.learn(count, abnormal)
        if not abnormal:
            return []
        loudest = max(window.errors, key=lambda template: (window.errors[template], -template))
        return [Finding("burst", loudest, score(surprise), count, usual.expected())]

    def state(self) -> dict[str, Any]:
        return {"usual": list(self._usual)}

    def restore(self, state: dict[str, Any]) -> None:
        self._usual = Baseline(*state["usual"])
