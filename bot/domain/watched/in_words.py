"""A measured value in words, against what is usual or what was set: ``answers in 840 ms, usually 180 to 260``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Literal, NamedTuple

from bot.domain.watched.measured import LATENCY, Reading, reading_of

Unit = Literal["", "seconds", "bytes", "ratio", "celsius"]

_SUFFIXES = re.compile(r"_(?:total|sum|count|seconds|milliseconds|ms|bytes|ratio|percent|celsius|info)$")
_UNITS: tuple[tuple[re.Pattern[str], Unit, float], ...] = (
    (re.compile(r"(?:_|\b)(?:milliseconds|millis|ms)(?:_|$)"), "seconds", 1e-3),
    (re.compile(r"(?:_|\b)seconds(?:_|$)"), "seconds", 1.0),
    (re.compile(r"(?:_|\b)bytes(?:_|$)"), "bytes", 1.0),
    (re.compile(r"(?:_|\b)percent(?:age)?(?:_|$)"), "ratio", 0.01),
    (re.compile(r"(?:_|\b)ratio(?:_|$)"), "ratio", 1.0),
    (re.compile(r"(?:_|\b)celsius(?:_|$)"), "celsius", 1.0),
)


class _Step(NamedTuple):
    """A name for so many of a unit; said of values from ``least`` on."""

    least: float
    factor: float
    name: str


_STEPS: Mapping[Unit, tuple[_Step, ...]] = {
    "": (_Step(0.0, 1.0, ""),),
    "ratio": (_Step(0.0, 0.01, " %"),),
    "celsius": (_Step(0.0, 1.0, " °C"),),
    "seconds": (
        _Step(0.0, 1e-6, " µs"),
        _Step(1e-3, 1e-3, " ms"),
        _Step(1.0, 1.0, " s"),
        _Step(600.0, 60.0, " min"),
        _Step(7200.0, 3600.0, " h"),
        _Step(259_200.0, 86_400.0, " days"),
    ),
    "bytes": tuple(
        _Step(size, size or 1.0, f" {name}B")
        for size, name in zip((0.0, 1e3, 1e6, 1e9, 1e12), ("", *"kMGT"), strict=True)
    ),
}
_NEVER_NEGATIVE: frozenset[Unit] = frozenset({"seconds", "bytes"})
_MOST_WORDS = 80


@dataclass(frozen=True, slots=True)
class Measure:
    """How to say a series' value. ``verb``: ``words`` begin with one, and need only a subject before them."""

    words: str
    unit: Unit = ""
    scale: float = 1.0
    after: str = ""
    verb: bool = False
    counted: bool = False

    def of(self, subject: str, value: float, against: str) -> str:
        """A sentence: ``cart answers in 840 ms, usually 180 to 260``."""
        said = f"{self.words} {self.said(value)}{self.after}"
        begin = subject if self.verb else f"{subject}:" if subject else ""
        begin = begin or ("it" if self.verb else "")
        return f"{begin} {said}, {against}".strip()

    def said(self, value: float) -> str:
        """The value alone: ``840 ms``."""
        return in_unit(value * self.scale, self.unit)

    def range(self, value: float, low: float, high: float, word: str = "usually") -> str:
        """What is usual, in the unit in which the value is said."""
        low, high = sorted((low * self.scale, high * self.scale))
        if self.counted or self.unit in _NEVER_NEGATIVE:
            low = max(low, 0.0)
        return f"{word} {_range(low, max(low, high), self.unit, _step(value * self.scale, self.unit))}"

    def threshold(self, compared: str, limit: float) -> str:
        """What was set: ``above the threshold of 500 ms``."""
        side = {">": "above", "<": "below"}.get(compared[:1], "at")
        return f"{side} the threshold of {self.said(limit)}"


def measure_of(labels: Mapping[str, str], counter: bool) -> Measure:
    """How to say what a series measures; of a counter, its rate a second.

    >>> cart = measure_of({"__name__": "http_request_duration_seconds"}, counter=False)
    >>> cart.of("cart", 0.84, cart.range(0.84, 0.18, 0.26))
    'cart answers in 840 ms, usually 180 to 260'
    >>> jobs = measure_of({"__name__": "jobs_created_total"}, counter=True)
    >>> jobs.of("batch", 0.1, jobs.range(0.1, 4, 6))
    'batch: jobs created 0.1 a second, usually 4 to 6'
    >>> heap = measure_of({"__name__": "heap_used_bytes"}, counter=False)
    >>> heap.of("cart", 1.9e9, heap.range(1.9e9, 8e8, 1.1e9))
    'cart: heap used is 1.9 GB, usually 0.8 to 1.1'
    """
    reading = reading_of(labels)
    known = _known(reading, counter) if reading else None
    return known or _plain(labels.get("__name__", ""), counter)


def mean_latency() -> Measure:
    return Measure("answers in", "seconds", verb=True)


def _known(reading: Reading, counter: bool) -> Measure | None:
    if counter and (reading.metric != LATENCY or reading.part == "number"):
        verb = "fails" if reading.failed or reading.part == "failed" else "gets"
        return Measure(verb, after=" requests a second", verb=True, counted=True)
    if reading.metric != LATENCY:
        return None
    if counter:
        return Measure("spends", "seconds", reading.scale, " a second on requests", verb=True, counted=True)
    statistic = f" ({reading.statistic})" if reading.statistic.startswith("p") else ""
    return Measure("answers in", "seconds", reading.scale, statistic, verb=True)


def _plain(name: str, counter: bool) -> Measure:
    unit, scale = next(((unit, scale) for pattern, unit, scale in _UNITS if pattern.search(name)), ("", 1.0))
    bare = name
    while _SUFFIXES.search(bare):
        bare = _SUFFIXES.sub("", bare)
    words = " ".join(re.sub(r"[_.:/\-]+", " ", bare).split())[:_MOST_WORDS] or "value"
    if counter:
        return Measure(words, unit, scale, " a second", counted=True)
    return Measure(f"{words} is", unit, scale)


def in_unit(value: float, unit: Unit) -> str:
    """A value with its unit, as people say it.

    >>> in_unit(0.84, "seconds"), in_unit(90, "seconds"), in_unit(0.123, "ratio"), in_unit(12345, "")
    ('840 ms', '90 s', '12.3 %', '12,345')
    """
    step = _step(value, unit)
    return f"{_number(value / step.factor)}{step.name}"


def _step(value: float, unit: Unit) -> _Step:
    """Nothing at all is said in the unit itself."""
    steps = _STEPS[unit]
    if not value:
        return next(step for step in steps if step.factor == 1.0 or len(steps) == 1)
    return [step for step in steps if step.least <= abs(value)][-1] if isfinite(value) else steps[0]


def _range(low: float, high: float, unit: Unit, step: _Step) -> str:
    """In the unit of the value, which need not be said again; in its own where little would be left of it."""
    same = high == 0 or abs(high) / step.factor >= 0.1
    chosen = step if same else _step(high, unit)
    first, last = _number(low / chosen.factor), _number(high / chosen.factor)
    return (first if first == last else f"{first} to {last}") + ("" if same else chosen.name)


def _number(value: float) -> str:
    if not isfinite(value):
        return str(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    said = f"{value:.3g}"
    return "0" if said == "-0" else said
