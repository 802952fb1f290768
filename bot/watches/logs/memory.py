"""What the logs' watch has learnt of a partition: its groups."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from bot.domain.event import domain_of, fingerprint_of
from bot.domain.rules import Rules
from bot.domain.watched.telemetry import Watched
from bot.watches.logs.group import Group
from bot.watches.logs.silence import Sender
from bot.watches.names import LOGS
from bot.watches.snapshots import URGENT, Changes

WATCH = LOGS
SNAPSHOT_AFTER = 60.0
WHEN_SILENT = 600.0
"""A group that only time has changed can wait longer."""
_SENDER = "sender:"
_NO_LONGER = Watched.model_validate({"match": ["watched=no"]})
"""In the place of a watch that the rules no longer name: its groups are there until their alerts are resolved."""


class Memory:
    """A partition's groups by name.

    A snapshot is written a minute after the group began to differ from the last, and at once where what fires has
    changed: so no alert is raised twice, nor forgotten, whenever this process ends.
    """

    def __init__(self, rules: Rules, changes: Changes) -> None:
        self.groups: dict[str, Group] = {}
        self.senders: dict[str, Sender] = {}
        self.observed_since = 0  # ms since 1970
        self.ticked_at: datetime | None = None
        self.has_factors = False  # whether any group is to be less sensitive
        self._rules = rules
        self._changes = changes

    def group_of(self, watch: str, labels: Mapping[str, str], may_begin: bool) -> Group | None:
        """The group of a watch with these labels, begun where there is none and it may be."""
        name = _name_of(watch, labels)
        if name not in self.groups and may_begin:
            self.groups[name] = self._new_group(watch, labels)
        return self.groups.get(name)

    def sender_of(self, group: Group) -> Sender:
        """What sent the group's last lines, in the group's domain."""
        partition_by = self._rules.correlation.partition_by
        labels = {name: group.labels[name] for name in partition_by if group.labels.get(name)}
        sender = Sender(group.source, labels)
        return self.senders.setdefault(sender.name, sender)

    def groups_by_sender(self) -> dict[str, list[Group]]:
        """All groups by the name of what sends them; a sender that has none any more is there without."""
        found: dict[str, list[Group]] = {name: [] for name in self.senders}
        for group in self.groups.values():
            found.setdefault(self.sender_of(group).name, []).append(group)
        return found

    def sender_changed(self, sender: Sender, position: int) -> None:
        """Its alert has begun or ended: the snapshot must be written with this batch."""
        self._changes.add(_SENDER + sender.name, position, URGENT)

    def forget_sender(self, sender: Sender) -> None:
        del self.senders[sender.name]
        self._changes.remove(_SENDER + sender.name)

    def holds_of(self, group: Group) -> int:
        """Up to which position the group's snapshot holds what is replayed now."""
        return self._changes.restored_at(_name_of(group.watch, group.labels))

    def lines_came(self, group: Group, position: int, now: datetime) -> None:
        """The entry at ``position`` changes the group."""
        self._changes.add(_name_of(group.watch, group.labels), position - 1, now.timestamp() + SNAPSHOT_AFTER)

    def time_passed(self, group: Group, position: int, now: datetime) -> None:
        """Time has changed the group."""
        self._changes.add(_name_of(group.watch, group.labels), position, now.timestamp() + WHEN_SILENT)

    def firing_changed(self, group: Group, position: int) -> None:
        """What fires has changed: the snapshot must be written with this batch."""
        self._changes.add(_name_of(group.watch, group.labels), position, URGENT)

    def forget(self, group: Group) -> None:
        name = _name_of(group.watch, group.labels)
        del self.groups[name]
        self._changes.remove(name)

    def serialise(self, name: str) -> bytes | None:
        if name.startswith(_SENDER):
            sender = self.senders.get(name.removeprefix(_SENDER))
            return msgspec.msgpack.encode(sender) if sender else None
        group = self.groups.get(name)
        return group.serialised() if group else None

    def restore(self, name: str, state: bytes) -> bool:
        if name.startswith(_SENDER):  # groups come before their senders: so the names sort
            sender = msgspec.msgpack.decode(state, type=Sender)
            known = self.senders.get(sender.name, sender)
            sender.last_seen = max(sender.last_seen, known.last_seen)
            self.senders[sender.name] = sender
            return True
        fields: dict[str, Any] = msgspec.msgpack.decode(state, strict=False)
        group = self._new_group(fields["watch"], fields["labels"])
        group.restore(fields)
        self.groups[name] = group
        sent_by = self.sender_of(group)
        sent_by.last_seen = max(sent_by.last_seen, group.last_seen)
        return True

    def _new_group(self, watch: str, labels: Mapping[str, str]) -> Group:
        watched = self._rules.logs.watch.get(watch, _NO_LONGER)
        return Group(watch, labels, watched, self._rules.logs.learn_for.total_seconds())


def _name_of(watch: str, labels: Mapping[str, str]) -> str:
    return fingerprint_of({**labels, "\0watch": watch})


def domain_of_piece(rules: Rules, name: str, state: bytes) -> str:
    """The correlation domain of what a snapshot holds. Raises like :meth:`Memory.restore`."""
    fields: dict[str, Any] = msgspec.msgpack.decode(state, strict=False)
    return domain_of(fields["labels"], rules.correlation.partition_by)
