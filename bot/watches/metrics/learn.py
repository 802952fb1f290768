"""How the metrics' watch learns: from each sample once, in the order of the inbox."""

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from bot.domain.event import SamplesEvent, Series, domain_of, fingerprint_of
from bot.domain.rules import Rules
from bot.domain.watched.sensitivity import WatchGroup
from bot.inbox.inbox import Entry
from bot.observability.metrics import SERIES_REFUSED
from bot.pipeline.causes.histories import Measured
from bot.watches.metrics.group import Group
from bot.watches.metrics.memory import Memory
from bot.watches.quiet_times import QuietTimes

AHEAD = 600.0
"""Seconds that a sender's clock may be ahead: what comes from further ahead would hold up all that follows."""
_SLICE = 0.005
"""Seconds of learning between two turns of the event loop: a request takes several turns."""
_WARN_EVERY = 60.0

log = structlog.get_logger(__name__)


class Room:
    """How many series may be learnt. Warns once a minute when there are too many."""

    def __init__(self, most: int, count: Callable[[], int]) -> None:
        self._most = most
        self._count = count
        self._warned_at = 0.0
        self._refused = 0

    def is_left(self, now: float) -> bool:
        """Whether one more may be learnt; counts the one that may not."""
        if self._count() < self._most:
            return True
        SERIES_REFUSED.inc()
        self._refused += 1
        if not 0 <= now - self._warned_at < _WARN_EVERY:
            log.warning(
                "metrics.too_many_series",
                refused=self._refused,
                most_series=self._most,
                reason="new series are not watched until others are forgotten; raise metrics.most_series",
            )
            self._warned_at, self._refused = now, 0
        return False


class Learner:
    """Learns into the memory of one partition; ``touched`` holds the groups that something was learnt of.

    ``factors`` says which groups are to be less sensitive (:mod:`bot.domain.watched.sensitivity`), ``quiet`` of what
    nothing is learnt. With ``replay`` it
    learns again what came after the snapshots, of which the findings were raised before.
    """

    def __init__(
        self,
        memory: Memory,
        rules: Rules,
        room: Room,
        factors: Mapping[WatchGroup, float],
        quiet: QuietTimes,
        replay: bool = False,
    ) -> None:
        self._memory = memory
        self._quiet = quiet
        self._calendars = memory.calendars
        self._rules = rules
        self._room = room
        self._factors = factors
        self._replay = replay
        self._spans: dict[str, float] = {}
        self._usual_after = rules.metrics.forget_after.total_seconds()
        self._slice_began = time.perf_counter()
        self.touched: dict[str, Group] = {}

    async def learn(self, entry: Entry) -> None:
        received = entry.received_at.timestamp()
        for event in entry.events:
            if isinstance(event, SamplesEvent):
                await self._learn_event(event, entry.seq, received)

    async def _learn_event(self, event: SamplesEvent, seq: int, received: float) -> None:
        self._memory.senders.add(event.source)
        reached: dict[str, float] = {}
        for series in event.series:
            group = self._learn_series(series, seq, received)
            if group is not None and series.times:
                at = min(series.times[-1] / 1000, received + AHEAD)
                reached[group.name] = max(at, reached.get(group.name, 0.0))
            if time.perf_counter() - self._slice_began > _SLICE:
                await asyncio.sleep(0)  # requests and Slack are not to wait for us
                self._slice_began = time.perf_counter()
        for name, at in reached.items():
            group = self._memory.groups[name]
            if seq > self._memory.holds_of_group(group) and group.look_at_peers(at):
                self._memory.group_changed(group, seq, received)

    def _learn_series(self, series: Series, seq: int, received: float) -> Group | None:
        name = fingerprint_of(series.labels)
        group = self._memory.group_of.get(name) or self._add(name, series.labels, received)
        if group is None or (self._replay and seq <= self._memory.holds_of_series(name)):
            return None
        member, span, latest = group.members[name], self._span(group), received + AHEAD
        counts = not self._replay or seq > self._memory.holds_of_group(group)
        measured = self._measured(name, series, seq, received)
        calendar = self._calendars.get(group.state.watch)
        for stamp, value in zip(series.times, series.values, strict=True):
            at = stamp / 1000
            if at > latest:
                continue
            before = member.ensemble.intake.last
            if self._quiet.covers(name, member.labels, at):
                member.skip(at)
                continue
            rarity = member.update(at, value, self._usual_after, calendar.clock(at) if calendar else None)
            if measured and member.ensemble.intake.last > before:
                self._memory.histories.add(measured, member, at, before)
            if rarity and counts:
                group.note(name, at, rarity, span, may_fire=not self._replay)
                self._memory.group_changed(group, seq, received)
            elif rarity:
                group.note_again(name, at)
        member.last_seen = max(received, member.last_seen)
        if group.state.evidence.tail.began is None and member.is_learnt(member.recent.last_at()):
            group.state.evidence.begin(member.recent.last_at())
            self._memory.group_changed(group, seq, received)
        self._memory.series_changed(name, seq, received)
        group.came(member.last_seen)
        self.touched[group.name] = group
        return group

    def _measured(self, name: str, series: Series, seq: int, received: float) -> Measured | None:
        """What the samples of a series add to its service's history, where that does not hold them already.

        A series' snapshot may be an entry or two newer than its service's: a history of minutes can do without these.
        """
        measured = self._memory.histories.measured(name, series.labels)
        if measured is None or not series.times:
            return None
        if self._replay and seq <= self._memory.holds_of_history(measured.history):
            return None
        self._memory.histories.observe(measured, received, series.times[-1] / 1000)
        self._memory.history_changed(measured.history, seq, received)
        return measured

    def _add(self, name: str, labels: Mapping[str, str], now: float) -> Group | None:
        watch = self._rules.metrics.watched_as(labels)
        if watch is None or not self._room.is_left(now):
            return None
        group = self._memory.group_for(watch, labels)
        self._memory.add_series(name, labels, group)
        return group

    def _span(self, group: Group) -> float:
        """Seconds in which one false alarm of the group is allowed."""
        span = self._spans.get(group.name)
        if span is None:
            domain = domain_of(group.state.labels, self._rules.correlation.partition_by)
            factor = self._factors.get(WatchGroup(domain, group.state.watch, group.text), 1.0)
            span = factor * self._rules.metrics.watch[group.state.watch].one_false_alarm_in.total_seconds()
            self._spans[group.name] = span
        return span
