"""What a delivery of telemetry comes to: what somebody watches becomes events, of the rest only the count is kept."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from bot.domain.event import EdgesEvent, Event, LlmEvent, LogLine, LogsEvent, SamplesEvent, Series
from bot.domain.rules import Rules
from bot.errors import TandemError
from detectors.topology import Topology
from handlers.http.body import Unreadable
from handlers.telemetry.calls import Edge
from handlers.telemetry.llm.tallies import Tallies
from handlers.telemetry.traced_streams import TracedStreams, key_of

MOST_AT_ONCE = 200_000
"""Samples or log lines of one request."""
MOST_KEPT_BYTES = 32 * 2**20
"""What is watched of one request, about: less than the intake holds, or it would never be taken."""
_BYTES_OF_A_SAMPLE = 40
MOST_LABELS = 64
MOST_LABEL_BYTES = 4 * 2**10
AHEAD_MS = 10 * 60 * 1000
"""How far the sender's clock may be ahead of ours; Prometheus's own receivers allow as much."""
MOST_REMEMBERED = 100_000
"""Series for which it is remembered whether somebody watches them; the least lately seen is forgotten first."""
LEARNT_FROM = "traces_service_graph_request_total"
"""The calls between services, as traces count them: kept whether watched or not, for they teach the topology."""


_APPLICATION = ("service", "job", "namespace", "deployment_environment", "deployment_environment_name")


class LeftOut(StrEnum):
    """Why something that was sent is not kept."""

    UNWATCHED = "unwatched"
    NOT_FINITE = "not_finite"  # NaN, infinite, or a marker that a series has ended
    OUT_OF_BOUNDS = "out_of_bounds"  # before 1970 or too far ahead
    INVALID = "invalid"  # labels or contents that the protocol does not allow, or too many of them


class InvalidPart(TandemError):
    """A series, a point or a record that cannot be taken; the others of its delivery can. The message says why."""


class Kept(NamedTuple):
    """A series or a stream that is kept, the values of its ``partition_by`` labels, and how long its labels are.
    ``nameless``: its labels name no service."""

    labels: dict[str, str]
    domain: tuple[str, ...]
    size: int
    nameless: bool = False


class Watching:
    """Decides what is kept, by ``metrics.watch``, ``logs.watch`` and ``llm`` of tandem.yaml."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.partition_by = tuple(rules.correlation.partition_by)
        self.has_series = bool(rules.metrics.watch)
        self._described = Topology(rules.depends_on).described
        self.prices = rules.llm.prices
        self._of_applications = frozenset(
            {*_APPLICATION, *rules.correlation.partition_by, *rules.correlation.service_labels}
        )

    def series(self, labels: dict[str, str]) -> Kept | None:
        """The series, or None where nobody watches it. Raises InvalidPart."""
        size = checked_size(labels)
        name, metrics = labels.get("__name__", ""), self._rules.metrics
        watched = name == LEARNT_FROM or metrics.watched_as(labels) is not None or metrics.is_limit(name)
        return self._kept(labels, size) if watched else None

    def stream(self, labels: dict[str, str]) -> Kept | None:
        """The stream of log lines, or None where nobody watches it. Raises InvalidPart."""
        size = checked_size(labels)
        if self._rules.logs.watched_as(labels) is None:
            return None
        about = self._rules.correlation.about(labels, self._described)
        return self._kept(labels, size)._replace(nameless=not about.service)

    def application(self, labels: dict[str, str]) -> Kept:
        """What makes calls, by the labels that name it. Raises InvalidPart."""
        checked_size(labels)
        own = {name: value for name, value in labels.items() if name in self._of_applications}
        return self._kept(own, sum(len(name) + len(value) for name, value in own.items()))

    def _kept(self, labels: dict[str, str], size: int) -> Kept:
        return Kept(labels, tuple(labels.get(name, "") for name in self.partition_by), size)


def checked_size(labels: Mapping[str, str]) -> int:
    """How long the labels are together. Raises InvalidPart where they are too many or too long."""
    check_number(len(labels))
    size = sum(len(name) + len(value) for name, value in labels.items())
    check_size(size)
    return size


def check_size(labels: int) -> None:
    """Raises InvalidPart where so many bytes of labels are too long to be remembered."""
    if labels > MOST_LABEL_BYTES:
        raise InvalidPart(f"the labels are longer than the {MOST_LABEL_BYTES} bytes that are taken")


def check_number(labels: int) -> None:
    """Raises InvalidPart where there are too many of them to look at."""
    if labels > MOST_LABELS:
        raise InvalidPart(f"{labels} labels are more than the {MOST_LABELS} that are taken")


class Gathering:
    """Collects one delivery."""

    def __init__(self, received_at: datetime, traced: TracedStreams | None = None) -> None:
        self._traced = traced
        self.received_ms = int(received_at.timestamp() * 1000)
        self._latest = self.received_ms + AHEAD_MS
        self.kept = 0
        self.left_out: Counter[LeftOut] = Counter()
        self.rejected = 0
        self.first_reason = ""
        self._counted = 0
        self._bytes = 0
        self._series: dict[tuple[str, ...], list[Series]] = {}
        self._streams: dict[int, tuple[Kept, list[LogLine]]] = {}
        self._tallies: dict[int, tuple[Kept, Tallies]] = {}
        self.edges: set[Edge] = set()

    def count(self, sent: int) -> None:
        """To be called before anything is looked at, whatever it is. Raises Unreadable beyond MOST_AT_ONCE."""
        self._counted += sent
        if self._counted > MOST_AT_ONCE:
            raise Unreadable(413, f"At most {MOST_AT_ONCE} samples or log lines are taken at once.")

    def reject(self, sent: int, reason: LeftOut, first_reason: str) -> None:
        """Leave out what the sender should be told of."""
        self.left_out[reason] += sent
        self.rejected += sent
        self.first_reason = self.first_reason or first_reason

    def in_bounds(self, time: int) -> bool:
        return 0 < time <= self._latest

    def unwatched(self, sent: int) -> None:
        self.left_out[LeftOut.UNWATCHED] += sent

    def samples(self, kept: Kept, samples: Sequence[tuple[int, float]]) -> None:
        """The samples of one series, as (milliseconds since 1970, value), in the order in which they were sent."""
        if all(math.isfinite(value) and 0 < time <= self._latest for time, value in samples):
            self._keep(kept, samples)
            return
        finite = [sample for sample in samples if math.isfinite(sample[1])]
        fit = [sample for sample in finite if self.in_bounds(sample[0])]
        self.left_out[LeftOut.NOT_FINITE] += len(samples) - len(finite)
        if len(fit) < len(finite):
            self.reject(len(finite) - len(fit), LeftOut.OUT_OF_BOUNDS, "a sample is from before 1970 or the future")
        self._keep(kept, fit)

    def _keep(self, kept: Kept, fit: Sequence[tuple[int, float]]) -> None:
        if fit:
            self._weigh(kept.size + _BYTES_OF_A_SAMPLE * len(fit))
            self.kept += len(fit)
            series = Series(kept.labels, [time for time, _ in fit], [value for _, value in fit])
            self._series.setdefault(kept.domain, []).append(series)

    def line(self, kept: Kept, line: LogLine) -> None:
        self._weigh(len(line.text) + _BYTES_OF_A_SAMPLE)
        self.kept += 1
        self._streams.setdefault(id(kept), (kept, []))[1].append(line)

    def written_in(self, kept: Kept, trace: bytes, span: bytes, text: str) -> None:
        """Note in which span a line was written, where its stream does not say whose it is."""
        if kept.nameless and self._traced is not None:
            self._traced.line(frozenset(kept.labels.items()), key_of(trace, span, text))

    def _by_traces(self, kept: Kept) -> str:
        named = kept.nameless and self._traced is not None
        return self._traced.service_of(frozenset(kept.labels.items())) if named and self._traced else ""

    def tallies_of(self, application: Kept) -> Tallies:
        """What is observed of the calls that an application makes to models."""
        return self._tallies.setdefault(id(application), (application, Tallies()))[1]

    def applications(self) -> list[tuple[Kept, Tallies]]:
        """What calls models, and what was observed of it."""
        return list(self._tallies.values())

    def _weigh(self, size: int) -> None:
        """Raises Unreadable where what is watched becomes more than one entry of the inbox should hold."""
        self._bytes += size
        if self._bytes > MOST_KEPT_BYTES:
            raise Unreadable(413, f"More than {MOST_KEPT_BYTES} bytes are watched of it: send less at once.")

    def events(self, source: str, partition_by: Iterable[str]) -> list[Event]:
        """An event for each domain of samples and of edges, for each stream of lines, and for each application."""
        names = tuple(partition_by)
        events: list[Event] = [
            SamplesEvent(source, _labels(names, domain), series) for domain, series in self._series.items()
        ]
        events += [
            LogsEvent(source, kept.labels, lines, self._by_traces(kept)) for kept, lines in self._streams.values()
        ]
        events += [
            LlmEvent(source, kept.labels, window.at, window.tallies)
            for kept, tallies in self._tallies.values()
            for window in tallies.windows()
        ]
        by_domain: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for edge in sorted(self.edges):
            by_domain.setdefault(edge.domain, []).append((edge.service, edge.depends_on))
        return events + [EdgesEvent(source, _labels(names, domain), edges) for domain, edges in by_domain.items()]


def _labels(names: tuple[str, ...], domain: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in zip(names, domain, strict=True) if value}
