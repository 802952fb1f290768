"""What the logs' watch has learnt of a partition: its groups."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from bot.domain.event import fingerprint_of
from bot.domain.rules import Rules
from bot.domain.watched.telemetry import Watched
from bot.watches.logs.group import Group
from bot.watches.snapshots import URGENT, Changes

WATCH = "logs"
SNAPSHOT_AFTER = 60.0
WHEN_SILENT = 600.0
"""A group that only time has changed can wait longer."""
_NO_LONGER = Watched.model_validate({"match": ["watched=no"]})
"""In the place of a watch that the rules no longer name: its groups are there until their alerts are resolved."""


class Memory:
    """A partition's groups by name.

    A snapshot is written a minute after the group began to differ from the last, and at once where what fires has
    changed: so no alert is raised twice, nor forgotten, whenever this process ends.
    """

    def __init__(self, rules: Rules, changes: Changes) -> None:
        self.groups: dict[str, Group] = {}
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
        group = self.groups.get(name)
        return group.serialised() if group else None

    def restore(self, name: str, state: bytes) -> bool:
        fields: dict[str, Any] = msgspec.msgpack.decode(state, strict=False)
        group = self._new_group(fields["watch"], fields["labels"])
        group.restore(fields)
        self.groups[name] = group
        return True

    def _new_group(self, watch: str, labels: Mapping[str, str]) -> Group:
        watched = self._rules.logs.watch.get(watch, _NO_LONGER)
        return Group(watch, labels, watched, self._rules.logs.learn_for.total_seconds())


def _name_of(watch: str, labels: Mapping[str, str]) -> str:
    return fingerprint_of({**labels, "\0watch": watch})
