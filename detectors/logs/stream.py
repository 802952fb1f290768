"""One stream of log lines: mined as they come, cut into windows by their own time, judged when a window is over."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from detectors.logs.baseline import surprise_for
from detectors.logs.burst import Burst
from detectors.logs.levels import ERROR_LEVELS, speaks_of_errors
from detectors.logs.novelty import Novelty
from detectors.logs.rate import Rate
from detectors.logs.stopped import Stopped
from detectors.logs.templates import Miner
from detectors.logs.traces import Traces
from detectors.logs.unseen import Unseen
from detectors.logs.window import Finding, LogDetector, Window

WINDOW_MS = 60_000
LATE_MS = 30_000
"""So long is a line waited for after its window is over."""
AHEAD_MS = 60_000
"""What is further ahead of its receipt than this has a wrong clock, and counts when it was received."""
LOST_MS = 10 * 60_000
"""When all lines were late for so long, the sender's clock was set back, and ours follows."""
MOST_WINDOWS = 120
"""A gap longer than so many windows is stepped over: it says nothing about the stream."""
MOST_TEMPLATES = 500
SAMPLE_LENGTH = 500
RATE_LEARNING = 30
TIMES_SILENT = 4.0


class Line(Protocol):
    """``time`` in milliseconds since 1970 (UTC)."""

    @property
    def time(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def severity(self) -> str: ...


class Counts(NamedTuple):
    """Lines of a window by template: all, and those that tell of errors; and when the first of each came.

    Parameters
    ----------
    lines, errors
        Lines a window, by template.
    first
        Milliseconds since 1970, by template.

    Examples
    --------
    >>> Counts({7: 3}, {}, {7: 9_000}).lines
    {7: 3}
    """

    lines: dict[int, int]
    errors: dict[int, int]
    first: dict[int, int]


class Closed(NamedTuple):
    """A window that is over, ``at`` its end in milliseconds since 1970, and what was found in it.

    Parameters
    ----------
    at
        The end of the window, in milliseconds since 1970.
    lines, errors
        Lines by template.
    findings
        What was found.
    first
        When the first line of each template came, in milliseconds since 1970.

    Examples
    --------
    >>> Closed(60_000, {7: 3}, {}, []).at
    60000
    """

    at: int
    lines: Mapping[int, int]
    errors: Mapping[int, int]
    findings: list[Finding]
    first: Mapping[int, int] = MappingProxyType({})


class Stream:
    """Counts and judges. No line is kept, but the latest sample of each template.

    Parameters
    ----------
    learning
        Seconds before a template can be unseen.
    span
        Seconds in which chance shall bring about one finding. A window's chance is its share of the span, and half of
        it belongs to the rates, in equal parts, half to the burst; :class:`Novelty` keeps to it for unseen templates. A
        template that stops must be silent for four times its longest pause, which chance brings about once in n⁴
        pauses where n were seen, and it is watched for twice the learning time first.

    A window is over when a line shows a time ``LATE_MS`` behind its end, or when by the clock it would. What comes
    later teaches its template and counts nowhere (``late``).

    Examples
    --------
    >>> stream = Stream(learning=3600.0, span=7 * 86_400.0)
    >>> list(stream.close(0))
    []
    """

    def __init__(self, learning: float, span: float) -> None:
        self._span = span
        self._learning = learning
        self.miner = Miner(MOST_TEMPLATES)
        self._rate = Rate(learning=RATE_LEARNING, most=MOST_TEMPLATES)
        self._unseen = Unseen(learning=0.0, most=4 * MOST_TEMPLATES)  # Novelty says which of them are told
        self._stopped = Stopped(
            TIMES_SILENT, learning=max(RATE_LEARNING, int(2 * learning * 1000 / WINDOW_MS)), most=MOST_TEMPLATES
        )
        self._burst = Burst(learning=RATE_LEARNING)
        self._novelty = Novelty(span)
        self._open: dict[int, Counts] = {}
        self._late = Counts({}, {}, {})
        self._uncounted = Counts({}, {}, {})  # lines of windows that are known in part only
        self._late_since: int | None = None
        self._next: int | None = None  # the first window that is not over; None before the first line
        self._partial = 0  # the window in which watching began: what is in it teaches and does not count
        self._newest = 0
        self._behind = 0.0  # how far lines are behind their receipt, in ms
        self._windows = 0
        self._is_error: dict[int, bool] = {}
        self.samples: dict[int, str] = {}
        self.late = 0

    def allow_one_in(self, span: float) -> None:
        """Let chance bring about one finding in ``span`` seconds from now on."""
        self._span = self._novelty.span = span

    def add(self, lines: Iterable[Line], received: int) -> None:
        """Take in lines, received at a moment in milliseconds since 1970.

        Their order does not matter, but for the lines of a stack trace, which count as one.
        """
        find, samples, is_error = self.miner.add, self.samples, self._is_error
        traces = Traces()
        index, counts, times = -1, self._late, []
        for line in lines:
            time, text, severity = line.time, line.text, line.severity
            if not 0 < time <= received + AHEAD_MS:
                time = received
            if time // WINDOW_MS != index:
                index, counts = time // WINDOW_MS, self._counts_at(time, received)
            times.append(time)
            if traces.goes_on(text, time):
                continue
            template = find(text)
            seen = counts.lines.get(template)
            if seen is None:
                samples[template] = text[:SAMPLE_LENGTH]
                counts.lines[template] = 1
                counts.first[template] = time
            else:
                counts.lines[template] = seen + 1
                if time < counts.first.get(template, 0):
                    counts.first[template] = time
            if severity in ERROR_LEVELS if severity else self._is_about_error(template, is_error):
                counts.errors[template] = counts.errors.get(template, 0) + 1
                traces.error_came(text, time)
        self._newest = max(self._newest, max(times, default=0))
        self._behind = max(float(received - self._newest), self._behind / 2, 0.0)

    def _is_about_error(self, template: int, is_error: dict[int, bool]) -> bool:
        known = is_error.get(template)
        if known is None:
            known = is_error[template] = speaks_of_errors(self.miner.text(template))
        return known

    def _counts_at(self, time: int, received: int) -> Counts:
        if self._next is None:
            self._begin_at(time)
        assert self._next is not None
        index = time // WINDOW_MS
        if index < self._next and self._late_since is not None and received - self._late_since > LOST_MS:
            self._begin_at(time)
        if index < self._next:
            if index == self._partial:
                return self._uncounted
            self._late_since = received if self._late_since is None else self._late_since
            return self._late
        self._late_since = None
        return self._open.setdefault(index, Counts({}, {}, {}))

    def _begin_at(self, time: int) -> None:
        self._newest, self._partial, self._late_since = time, time // WINDOW_MS, None
        self._next = self._partial + 1
        self._let_go_of_open()

    def skip(self, now: int, longest: int) -> None:
        """Step over what was not observed, such as the time in which nobody was there to receive lines.

        Times in ms. What is not more than ``longest`` is no gap.
        """
        if self._next is not None and now - self._behind - self._newest > longest:
            self._begin_at(int(now - self._behind))

    def _let_go_of_open(self) -> None:
        for counts in self._open.values():
            self._uncounted.lines.update(counts.lines)
        self._open.clear()

    def clock(self, now: int | None = None) -> int:
        """The stream's time: that of its newest line, or what it is by now if ``now`` (ms since 1970) is given."""
        if now is None or self._late_since is not None:
            return self._newest
        return max(self._newest, int(now - self._behind))

    def shortest_pause(self) -> float:
        """Seconds after which something regular came at the latest; 0 where nothing is regular."""
        return self._stopped.shortest_pause()

    def due(self, clock: int) -> bool:
        """Whether a window is over."""
        return self._next is not None and clock >= (self._next + 1) * WINDOW_MS + LATE_MS

    def close(self, clock: int) -> Iterator[Closed]:
        """The windows that are over, in order, each judged."""
        if self._next is not None and clock // WINDOW_MS - self._next > MOST_WINDOWS:
            self._newest = max(self._newest, clock - LATE_MS)
            self._next = self._newest // WINDOW_MS
            self._let_go_of_open()
        if not self.due(clock):
            return
        while self.due(clock):
            assert self._next is not None
            counts = self._open.pop(self._next, None) or Counts({}, {}, {})
            self._next += 1
            yield self._judge(self._next * WINDOW_MS, self._as_now_named(counts))
        current = self.miner.current
        self.samples = {current(template): text for template, text in self.samples.items() if self.miner.text(template)}

    def _as_now_named(self, counts: Counts) -> Counts:
        named, current = Counts({}, {}, {}), self.miner.current
        for mine, theirs in ((named.lines, counts.lines), (named.errors, counts.errors)):
            for template, count in theirs.items():
                mine[current(template)] = mine.get(current(template), 0) + count
        for template, first in counts.first.items():
            named.first[current(template)] = min(first, named.first.get(current(template), first))
        return named

    def _judge(self, at: int, counts: Counts) -> Closed:
        self._windows += 1
        self.late += sum(self._late.lines.values())
        self._unseen.know(map(self.miner.current, [*self._late.lines, *self._uncounted.lines]))
        self._late, self._uncounted = Counts({}, {}, {}), Counts({}, {}, {})
        seconds = WINDOW_MS / 1000
        window = Window(self._windows * seconds, seconds, counts.lines, counts.errors, dict(self.miner.became))
        chance = seconds / self._span / 2
        self._rate.surprise = surprise_for(chance / max(len(self._rate), 1))
        self._burst.surprise = surprise_for(chance)
        findings = [*self._rates(window), *self._new(window), *self._stopped.update(window)]
        self._is_error.clear()
        self.miner.rest()
        return Closed(at, counts.lines, counts.errors, findings, counts.first)

    def _rates(self, window: Window) -> list[Finding]:
        """Of rates and bursts: a burst says what the rates of its error lines would, and an end is said as such."""
        bursts = self._burst.update(window)
        rates = [found for found in self._rate.update(window) if found.observed > 0]
        return bursts + [found for found in rates if not (bursts and found.template in window.errors)]

    def _new(self, window: Window) -> list[Finding]:
        errors = {template for template in window.lines if template in window.errors}
        return self._novelty.reportable(window.at, self._unseen.update(window), errors, self._learning)

    def state(self) -> dict[str, Any]:
        """All that was learnt and the windows that are open, plain, fit for JSON."""
        opened = [
            [index, list(counts.lines.items()), list(counts.errors.items())] for index, counts in self._open.items()
        ]
        return {
            "miner": self.miner.state(),
            "detectors": [detector.state() for detector in self._detectors()],
            "novelty": self._novelty.state(),
            "open": opened,
            "first": [[index, list(counts.first.items())] for index, counts in self._open.items()],
            "uncounted": [*self._late.lines, *self._uncounted.lines],
            "clock": [self._next, self._partial, self._newest, self._behind, self._windows, self._late_since],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there. What an older version learnt of lines that are read otherwise now is learnt anew."""
        if not Miner.reads_alike(state["miner"]):
            self.miner = Miner.behind(state["miner"], MOST_TEMPLATES)
            return
        self.miner = Miner.from_state(state["miner"], MOST_TEMPLATES)
        for detector, learnt in zip(self._detectors(), state["detectors"], strict=True):
            detector.restore(learnt)
        self._novelty.restore(state["novelty"])
        first = {index: dict(times) for index, times in state.get("first", [])}
        self._open = {
            index: Counts(dict(lines), dict(errors), first.get(index, {})) for index, lines, errors in state["open"]
        }
        self._uncounted = Counts(dict.fromkeys(state["uncounted"], 1), {}, {})
        self._next, self._partial, self._newest, self._behind, self._windows, self._late_since = state["clock"]

    def _detectors(self) -> list[LogDetector]:
        return [self._rate, self._unseen, self._stopped, self._burst]
