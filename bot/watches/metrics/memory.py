"""What the metrics' watch has learnt of a partition: groups, series, and histories of services."""

import sys
from collections.abc import Callable, Mapping

import msgspec

from bot.domain.event import domain_of
from bot.domain.rules import Rules
from bot.domain.watched.calendar import Calendar
from bot.pipeline.causes.histories import Histories, name_of
from bot.watches.metrics.group import Group, GroupState, group_name
from bot.watches.names import METRICS
from bot.watches.snapshots import URGENT, Changes
from detectors.groups.member import Member
from detectors.rootcause.history import History

WATCH = METRICS
SNAPSHOT_AFTER = 300.0
_SERIES, _GROUP, _HISTORY = "series:", "group:", "history:"
_COUNTER = ("_total", "_count", "_sum", "_bucket")
"""https://prometheus.io/docs/instrumenting/writing_exporters/#naming"""

_decode_group = msgspec.msgpack.Decoder(GroupState).decode


class Memory:
    """A partition's groups, series and histories. A piece is saved five minutes after it began to differ from its
    snapshot, or with the batch where it is urgent."""

    def __init__(self, rules: Rules, loaded_at: float, changes: Changes) -> None:
        self.loaded_at = loaded_at
        self.histories = Histories(rules)
        self.groups: dict[str, Group] = {}
        self.group_of: dict[str, Group] = {}
        self.senders: set[str] = set()
        self.calendars = {
            name: Calendar(one.zone, one.country)
            for name, one in rules.metrics.watch.items()
            if one.zone != "UTC" or one.country
        }
        self._rules = rules
        self._changes = changes

    def group(self, watch: str, labels: Mapping[str, str]) -> Group:
        """The group of a watch with these labels; made where there is none."""
        name = group_name(watch, dict(labels))
        if name not in self.groups:
            self.groups[name] = Group(GroupState(watch, dict(labels)))
        return self.groups[name]

    def group_for(self, watch: str, labels: Mapping[str, str]) -> Group:
        """The group that a series belongs to: its watch, the watch's ``by`` labels, and those of its domain."""
        names = (*self._rules.metrics.watch[watch].by, *self._rules.correlation.partition_by)
        return self.group(watch, {name: labels[name] for name in names if labels.get(name)})

    def add_series(self, name: str, labels: Mapping[str, str], group: Group) -> None:
        counter = labels.get("__name__", "").endswith(_COUNTER)
        self._join(name, Member.of(dict(labels), counter), group)

    def forget_series(self, name: str) -> None:
        """Drop a series. Its group stays, until a tick finds it without members."""
        group = self.group_of.pop(name)
        group.leave(name)
        self.histories.forget_series(name)
        self._changes.remove(_SERIES + name)

    def forget_group(self, group: Group) -> None:
        del self.groups[group.name]
        self._changes.remove(_GROUP + group.name)

    def forget_history(self, name: str) -> None:
        del self.histories.by_name[name]
        self._changes.remove(_HISTORY + name)

    def history_changed(self, name: str, position: int, at: float) -> None:
        self._changes.add(_HISTORY + name, position - 1, at + SNAPSHOT_AFTER)

    def series_changed(self, name: str, position: int, at: float, urgent: bool = False) -> None:
        """The entry at ``position`` changes a series, at a moment in seconds since the epoch."""
        self._changes.add(_SERIES + name, position - 1, URGENT if urgent else at + SNAPSHOT_AFTER)

    def group_changed(self, group: Group, position: int, at: float, urgent: bool = False) -> None:
        self._changes.add(_GROUP + group.name, position - 1, URGENT if urgent else at + SNAPSHOT_AFTER)

    def serialise(self, name: str) -> bytes | None:
        kind, _, key = name.partition(":")
        if f"{kind}:" == _SERIES:
            holder = self.group_of.get(key)
            return holder.members[key].state() if holder else None
        if f"{kind}:" == _HISTORY:
            history = self.histories.by_name.get(key)
            return history.state() if history else None
        group = self.groups.get(key)
        return msgspec.msgpack.encode(group.state) if group else None

    def restore(self, name: str, state: bytes) -> bool:
        kind, _, key = name.partition(":")
        if f"{kind}:" == _GROUP:  # groups come before their series: so the names sort
            self.groups[key] = Group(_decode_group(state))
            return True
        if f"{kind}:" == _HISTORY:
            self.histories.by_name[key] = History.restore(state)
            return True
        member = Member.restore(state)
        watch = self._rules.metrics.watched_as(member.labels)
        if watch is None:
            return False
        self._join(key, member, self.group_for(watch, member.labels))
        return True

    def holds_of_series(self, name: str) -> int:
        """Up to which position a series' snapshot holds what is replayed now; as the two below."""
        return self._changes.restored_at(_SERIES + name)

    def holds_of_history(self, name: str) -> int:
        return self._changes.restored_at(_HISTORY + name)

    def holds_of_group(self, group: Group) -> int:
        return self._changes.restored_at(_GROUP + group.name)

    def _join(self, name: str, member: Member, group: Group) -> None:
        member.labels = {sys.intern(label): sys.intern(value) for label, value in member.labels.items()}
        group.join(name, member)
        self.group_of[name] = group


def domain_of_piece(rules: Rules, name: str, state: bytes) -> str:
    """The correlation domain of what a snapshot holds. Raises like :meth:`Memory.restore`."""
    kind = f"{name.partition(':')[0]}:"
    if kind == _HISTORY:
        return History.restore(state).domain
    labels = _decode_group(state).labels if kind == _GROUP else Member.restore(state).labels
    return domain_of(labels, rules.correlation.partition_by)


def rekeyed(_rules: Rules, renamed: Callable[[str], str], name: str, state: bytes) -> tuple[str, bytes]:
    """The name and the state of a snapshot under other rules. Raises like :meth:`Memory.restore`."""
    if not name.startswith(_HISTORY):
        return name, state
    history = History.restore(state)
    if (domain := renamed(history.domain)) == history.domain:
        return name, state
    history.domain = domain
    return _HISTORY + name_of(domain, history.service), history.state()


def subject_of(_name: str, state: bytes) -> str:
    """The service that a history is of: no alert comes of it."""
    return History.restore(state).service
