"""A template whose lines come much more often, or much less, than is usual for it."""

from typing import Any

from detectors.logs.baseline import Baseline, score
from detectors.logs.recent import Recent
from detectors.logs.window import Finding, Window


class Rate:
    """Compares each template's lines in a window with its own past.

    Parameters
    ----------
    surprise
        Standard deviations from the usual, beyond which a count is a finding if it also departs from all of late.
    learning
        Windows of a template before it is judged.
    most
        Templates known at a time; the least recently seen is forgotten.

    Examples
    --------
    >>> rate = Rate(learning=3)
    >>> for minute in range(5):
    ...     found = rate.update(Window(60.0 * minute, 60.0, {7: 10}))
    >>> [(found.kind, found.template, found.observed) for found in rate.update(Window(300.0, 60.0, {7: 90}))]
    [('rate', 7, 90)]
    """

    def __init__(self, surprise: float = 6.0, learning: int = 30, most: int = 2000) -> None:
        self.surprise = surprise
        self._learning = learning
        self._usual: Recent[Baseline] = Recent(most)

    def update(self, window: Window) -> list[Finding]:
        self._usual.follow(window.became, Baseline.join)
        found = []
        for template in {**self._usual, **window.lines}:
            count = window.lines.get(template, 0)
            usual = self._usual.get(template, Baseline())
            abnormal = usual.windows >= self._learning and usual.departs(count, self.surprise)
            if abnormal:
                found.append(Finding("rate", template, score(usual.surprise(count)), count, usual.expected()))
            self._usual.put(template, usual.learn(count, abnormal), seen=count > 0)
        return found

    def __len__(self) -> int:
        """How many templates are known."""
        return len(self._usual)

    def state(self) -> dict[str, Any]:
        return {"usual": [[template, *usual] for template, usual in self._usual.items()]}

    def restore(self, state: dict[str, Any]) -> None:
        for template, *usual in state["usual"]:
            self._usual.put(template, Baseline(*usual))
