"""How the watch over limits learns: from each sample once, in the order of the inbox."""

import asyncio
import time

from bot.domain.event import SamplesEvent, Series, fingerprint_of
from bot.domain.rules import Rules
from bot.inbox.inbox import Entry
from bot.watches.forecast.course import Group
from bot.watches.forecast.memory import Memory
from bot.watches.metrics.learn import AHEAD, Room

_SLICE = 0.005
"""Seconds of learning between two turns of the event loop."""


class Learner:
    """Learns into the memory of one partition; ``touched`` holds the groups of which a forecast is another one.

    With ``replay`` it learns again what came after the snapshots; what is said of groups was saved with it.
    """

    def __init__(self, memory: Memory, rules: Rules, room: Room, replay: bool = False) -> None:
        self._memory = memory
        self._rules = rules
        self._room = room
        self._replay = replay
        self._slice_began = time.perf_counter()
        self.touched: dict[str, Group] = {}

    async def learn(self, entry: Entry) -> None:
        received = entry.received_at.timestamp()
        for event in entry.events:
            if isinstance(event, SamplesEvent):
                for series in event.series:
                    self._learn_series(series, entry.seq, received)
                    if time.perf_counter() - self._slice_began > _SLICE:
                        await asyncio.sleep(0)
                        self._slice_began = time.perf_counter()

    def _learn_series(self, series: Series, seq: int, received: float) -> None:
        if not series.times:
            return
        for limit in self._memory.limits_named(series.labels):
            self._memory.report(limit, series.times[-1] / 1000, series.values[-1], seq, received)
        name = fingerprint_of(series.labels)
        group = self._memory.group_of.get(name) or self._add(name, series, received)
        ruled = self._memory.ruled(group.state.watch) if group else None
        if group is None or ruled is None or (self._replay and seq <= self._memory.holds_of_series(name)):
            return
        course = group.members[name]
        for stamp, value in zip(series.times, series.values, strict=True):
            if stamp / 1000 <= received + AHEAD and course.forecast.update(stamp / 1000, value):
                course.look(ruled, self._memory.limit_of(course, ruled))
                self.touched[group.name] = group
        if group.state.told is not None and group.state.told.stale:
            self.touched[group.name] = group
        course.last_seen = max(received, course.last_seen)
        self._memory.series_changed(name, seq, received)

    def _add(self, name: str, series: Series, received: float) -> Group | None:
        watch = self._rules.metrics.watched_as(series.labels)
        ruled = self._memory.ruled(watch) if watch else None
        if watch is None or ruled is None or not self._room.is_left(received):
            return None
        return self._memory.add(name, watch, ruled, series.labels)
