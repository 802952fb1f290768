"""What the watch over limits has learnt of a partition: groups, the limits that others report, and series."""

from collections.abc import Mapping

import msgspec

from bot.domain.event import domain_of, fingerprint_of
from bot.domain.rules import Rules
from bot.domain.watched.forecast import Forecasting, LimitSeries
from bot.watches.forecast.course import Course, Group, GroupState, group_name
from bot.watches.names import FORECAST
from bot.watches.snapshots import URGENT, Changes
from detectors.forecast import Forecast
from detectors.forecast.alarm import Alarm

WATCH = FORECAST
SNAPSHOT_AFTER = 300.0
_SERIES, _GROUP, _LIMIT = "series:", "group:", "limit:"
_NAME = "__name__"
_COUNTER = ("_total", "_count", "_sum", "_bucket")
"""https://prometheus.io/docs/instrumenting/writing_exporters/#naming"""


class Reported(msgspec.Struct, array_like=True):
    """The last value of a series that is a limit. ``last_seen`` in seconds since the epoch."""

    value: float
    at: float
    last_seen: float


_decode_group = msgspec.msgpack.Decoder(GroupState).decode
_decode_limit = msgspec.msgpack.Decoder(Reported).decode


class Memory:
    """A piece is saved five minutes after it began to differ from its snapshot, or with the batch where it is
    urgent."""

    def __init__(self, rules: Rules, loaded_at: float, changes: Changes) -> None:
        self.loaded_at = loaded_at
        self.groups: dict[str, Group] = {}
        self.group_of: dict[str, Group] = {}
        self.limits: dict[str, Reported] = {}
        self._rules = rules
        self._changes = changes
        self._limits_by = _limits_by_metric(rules)

    def ruled(self, watch: str) -> Forecasting | None:
        watched = self._rules.metrics.watch.get(watch)
        return watched.forecast if watched else None

    def limit_of(self, course: Course, ruled: Forecasting) -> float | None:
        """The limit of a series; None where it is another series that has not come."""
        if not isinstance(ruled.limit, LimitSeries):
            return ruled.limit
        reported = self.limits.get(limit_name(ruled.limit, course.labels))
        return reported.value if reported else None

    def limits_named(self, labels: Mapping[str, str]) -> list[str]:
        """Under which names a series is a limit; mostly none."""
        return [limit_name(limit, labels) for limit in self._limits_by.get(labels.get(_NAME, ""), ())]

    def report(self, name: str, at: float, value: float, position: int, received: float) -> None:
        known = self.limits.get(name)
        if known is not None and at < known.at:
            return
        self.limits[name] = Reported(value, at, received)
        self._changes.add(_LIMIT + name, position - 1, received + SNAPSHOT_AFTER)

    def add(self, name: str, watch: str, ruled: Forecasting, labels: Mapping[str, str]) -> Group:
        counter = labels.get(_NAME, "").endswith(_COUNTER)
        forecast = Forecast.over(ruled.ahead.total_seconds(), counter)
        group = self._group(watch, labels)
        self._join(name, Course(dict(labels), forecast, Alarm()), group)
        return group

    def forget_series(self, name: str) -> None:
        del self.group_of.pop(name).members[name]
        self._changes.remove(_SERIES + name)

    def forget_group(self, group: Group) -> None:
        del self.groups[group.name]
        self._changes.remove(_GROUP + group.name)

    def forget_limit(self, name: str) -> None:
        del self.limits[name]
        self._changes.remove(_LIMIT + name)

    def series_changed(self, name: str, position: int, at: float) -> None:
        """The entry at ``position`` changes a series, at a moment in seconds since the epoch."""
        self._changes.add(_SERIES + name, position - 1, at + SNAPSHOT_AFTER)

    def group_changed(self, group: Group, position: int) -> None:
        """What is said of it: written with the batch."""
        self._changes.add(_GROUP + group.name, position - 1, URGENT)

    def holds_of_series(self, name: str) -> int:
        """Up to which position a series' snapshot holds what is replayed now."""
        return self._changes.restored_at(_SERIES + name)

    def serialise(self, name: str) -> bytes | None:
        kind, _, key = name.partition(":")
        if f"{kind}:" == _SERIES:
            holder = self.group_of.get(key)
            return holder.members[key].state() if holder else None
        if f"{kind}:" == _LIMIT:
            limit = self.limits.get(key)
            return msgspec.msgpack.encode(limit) if limit else None
        group = self.groups.get(key)
        return msgspec.msgpack.encode(group.state) if group else None

    def restore(self, name: str, state: bytes) -> bool:
        kind, _, key = name.partition(":")
        if f"{kind}:" == _GROUP:  # groups come before their series: so the names sort
            self.groups[key] = Group(_decode_group(state))
            return True
        if f"{kind}:" == _LIMIT:
            self.limits[key] = _decode_limit(state)
            return True
        course = Course.restore(state)
        watch = self._rules.metrics.watched_as(course.labels) or ""
        ruled = self.ruled(watch)
        if ruled is None or ruled.ahead.total_seconds() != course.forecast.horizon:
            return False
        self._join(key, course, self._group(watch, course.labels))
        return True

    def _group(self, watch: str, labels: Mapping[str, str]) -> Group:
        names = (*self._rules.metrics.watch[watch].by, *self._rules.correlation.partition_by)
        own = {name: labels[name] for name in names if labels.get(name)}
        return self.groups.setdefault(group_name(watch, own), Group(GroupState(watch, own)))

    def _join(self, name: str, course: Course, group: Group) -> None:
        group.members[name] = course
        self.group_of[name] = group


def limit_name(limit: LimitSeries, labels: Mapping[str, str]) -> str:
    return fingerprint_of({"": limit.metric, **dict(limit.key(labels))})


def _limits_by_metric(rules: Rules) -> dict[str, list[LimitSeries]]:
    found: dict[str, list[LimitSeries]] = {}
    for watched in rules.metrics.watch.values():
        limit = watched.forecast.limit if watched.forecast else None
        if isinstance(limit, LimitSeries) and limit not in found.setdefault(limit.metric, []):
            found[limit.metric].append(limit)
    return found


def domain_of_piece(rules: Rules, name: str, state: bytes) -> str | None:
    """The correlation domain of what a snapshot holds; None of a limit, which series of several domains may have.

    Raises like :meth:`Memory.restore`.
    """
    if name.startswith(_LIMIT):
        return None
    labels = _decode_group(state).labels if name.startswith(_GROUP) else Course.restore(state).labels
    return domain_of(labels, rules.correlation.partition_by)
