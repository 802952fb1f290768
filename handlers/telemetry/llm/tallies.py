"""Counts what is observed of an application's calls in one delivery."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bot.domain.llm.observed import Measure, Tally, rounded

_WINDOW_MS = 15_000


class Version(NamedTuple):
    """Which model answered which version of which prompt."""

    model: str = ""
    prompt: str = ""
    version: str = ""


class Observation(NamedTuple):
    """A value of a measure; ``of`` is the tool that was called, or what was evaluated."""

    measure: Measure
    of: str
    value: float


_Counts = dict[tuple[Measure, Version, str], dict[float, int]]


class Window(NamedTuple):
    """When the last call of a span of time ended, in milliseconds, and what was observed in it."""

    at: int
    tallies: list[Tally]


class Tallies:
    """By spans of a quarter of a minute: what comes late and at once is still in its order."""

    def __init__(self) -> None:
        self._windows: dict[int, tuple[int, _Counts]] = {}

    def add(self, version: Version, observations: Iterable[Observation], at: int) -> None:
        latest, counted = self._windows.get(at // _WINDOW_MS, (0, {}))
        self._windows[at // _WINDOW_MS] = max(at, latest), counted
        for one in observations:
            counts = counted.setdefault((one.measure, version, one.of), {})
            value = rounded(one.value)
            counts[value] = counts.get(value, 0) + 1

    def windows(self) -> Iterator[Window]:
        """In their order."""
        for _, (at, counted) in sorted(self._windows.items()):
            tallies = [
                Tally(measure, *version, of, list(counts.items())) for (measure, version, of), counts in counted.items()
            ]
            yield Window(at, tallies)
