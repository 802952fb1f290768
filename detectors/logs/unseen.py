"""A template that was never seen before, once enough was seen to say so."""

from collections.abc import Iterable
from typing import Any

from detectors.logs.recent import Recent
from detectors.logs.window import Finding, Window

MEMORY = 100


class Unseen:
    """Finds templates it does not know. The more often that happens in a stream, the lower the score.

    Parameters
    ----------
    learning
        Seconds from the first window in which everything is new and nothing is a finding.
    most
        Templates known at a time; the least recently seen is forgotten, and would be new again.

    Examples
    --------
    >>> unseen = Unseen(learning=100.0)
    >>> unseen.update(Window(60.0, 60.0, {1: 5})), unseen.update(Window(120.0, 60.0, {1: 4}))
    ([], [])
    >>> [found.template for found in unseen.update(Window(180.0, 60.0, {1: 5, 2: 1}))]
    [2]
    """

    def __init__(self, learning: float = 86400.0, most: int = 10_000) -> None:
        self._learning = learning
        self._known: Recent[bool] = Recent(most)
        self._since: float | None = None
        self._novelty = 0.0  # share of late windows in which something was new

    def update(self, window: Window) -> list[Finding]:
        self._known.follow(window.became, lambda one, other: one)
        if self._since is None:
            self._since = window.at - window.seconds
        new = [template for template in window.lines if template not in self._known]
        self.know(window.lines)
        if window.at - self._since <= self._learning:
            return []
        rarity = 1.0 - self._novelty
        self._novelty += (bool(new) - self._novelty) / MEMORY
        return [Finding("unseen", template, rarity, window.lines[template], 0.0) for template in new]

    def know(self, templates: Iterable[int]) -> None:
        """Take in templates that came outside any window."""
        for template in templates:
            self._known.put(template, True)

    def state(self) -> dict[str, Any]:
        return {"known": list(self._known), "since": self._since, "novelty": self._novelty}

    def restore(self, state: dict[str, Any]) -> None:
        self._since, self._novelty = state["since"], state["novelty"]
        self.know(state["known"])
