"""What the metrics' watch has learnt of a partition: in memory, and its snapshots."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.causes.histories import Histories
from bot.storage.queries import snapshots as detector_state
from bot.watches.metrics.group import Group, GroupState, group_name
from detectors.groups.member import Member
from detectors.rootcause.history import History

WATCH = "metrics"
SNAPSHOT_AFTER = 300.0
MOST_SAVED = 500
_MARK_EVERY = 1000
_PAGE = 200
_SERIES, _GROUP, _HISTORY = "series:", "group:", "history:"
_COUNTER = ("_total", "_count", "_sum", "_bucket")
"""https://prometheus.io/docs/instrumenting/writing_exporters/#naming"""

GroupFor = Callable[["Memory", Mapping[str, str]], Group | None]
"""The group of a series with these labels, or None where it is not watched."""

_decode_group = msgspec.msgpack.Decoder(GroupState).decode

log = structlog.get_logger(__name__)


class Changed(msgspec.Struct, frozen=True):
    """Since which position, and which moment in seconds, something differs from its snapshot."""

    position: int
    at: float


class Memory:
    """A partition's groups, series and histories of services, as of ``position``.

    What changed is kept in the order in which it began to differ from its snapshot; what is urgent is saved with the
    batch. ``as_of`` says up to which position a snapshot that was loaded holds what came.
    """

    def __init__(self, loaded_at: float, position: int, histories: Histories) -> None:
        self.loaded_at = loaded_at
        self.position = position
        self.histories = histories
        self.heard_at = 0.0
        self.marked_at = 0
        self.groups: dict[str, Group] = {}
        self.group_of: dict[str, Group] = {}
        self.as_of: dict[str, int] = {}
        self._changed: dict[str, Changed] = {}
        self._urgent: set[str] = set()
        self._gone: set[str] = set()

    def group(self, watch: str, labels: Mapping[str, str]) -> Group:
        """The group of a watch with these labels; made where there is none."""
        name = group_name(watch, dict(labels))
        if name not in self.groups:
            self.groups[name] = Group(GroupState(watch, dict(labels)))
        return self.groups[name]

    def add_series(self, name: str, labels: Mapping[str, str], group: Group) -> None:
        counter = labels.get("__name__", "").endswith(_COUNTER)
        self._join(name, Member.of(dict(labels), counter), group)
        self._gone.discard(_SERIES + name)

    def forget_series(self, name: str) -> None:
        """Drop a series. Its group stays, until a tick finds it without members."""
        group = self.group_of.pop(name)
        group.leave(name)
        self.histories.forget_series(name)
        self._changed.pop(_SERIES + name, None)
        self._gone.add(_SERIES + name)

    def forget_group(self, group: Group) -> None:
        del self.groups[group.name]
        self._changed.pop(_GROUP + group.name, None)
        self._urgent.discard(_GROUP + group.name)
        self._gone.add(_GROUP + group.name)

    def forget_history(self, name: str) -> None:
        del self.histories.by_name[name]
        self._changed.pop(_HISTORY + name, None)
        self._gone.add(_HISTORY + name)

    def history_changed(self, name: str, position: int, at: float) -> None:
        key = _HISTORY + name
        if key not in self._changed:
            self._changed[key] = Changed(position - 1, at)
            self._gone.discard(key)

    def series_changed(self, name: str, position: int, at: float) -> None:
        """``position`` is of the entry that changes it."""
        key = _SERIES + name
        if key not in self._changed:
            self._changed[key] = Changed(position - 1, at)

    def group_changed(self, group: Group, position: int, at: float, urgent: bool = False) -> None:
        key = _GROUP + group.name
        if key not in self._changed:
            self._changed[key] = Changed(position - 1, at)
        if urgent:
            self._urgent.add(key)
        self._gone.discard(key)

    async def save(self, connection: AsyncConnection, partition: int, position: int, now: datetime) -> None:
        """Write the snapshots that are due, as of a position: a bounded number at a time."""
        due = self._due(now.timestamp())
        if not due and not self._gone and position - self.marked_at < _MARK_EVERY:
            return
        states = {key: state for key in due if (state := self._state_of(key)) is not None}
        await detector_state.save(connection, partition, WATCH, states, position, now)
        await detector_state.forget(connection, partition, WATCH, self._gone)
        for key in due:
            self._changed.pop(key, None)
        self._urgent.clear()
        self._gone.clear()
        self.marked_at = next(iter(self._changed.values())).position if self._changed else position
        await detector_state.mark(connection, partition, WATCH, self.marked_at, now)

    def _due(self, now: float) -> list[str]:
        due = dict.fromkeys(sorted(self._urgent))
        for key, changed in self._changed.items():
            if len(due) >= MOST_SAVED or now - changed.at < SNAPSHOT_AFTER:
                break
            due[key] = None
        return list(due)

    def _state_of(self, key: str) -> bytes | None:
        kind, _, name = key.partition(":")
        if f"{kind}:" == _SERIES:
            group = self.group_of.get(name)
            return group.members[name].state() if group else None
        if f"{kind}:" == _HISTORY:
            history = self.histories.by_name.get(name)
            return history.state() if history else None
        group = self.groups.get(name)
        return msgspec.msgpack.encode(group.state) if group else None

    def _join(self, name: str, member: Member, group: Group) -> None:
        member.labels = {sys.intern(label): sys.intern(value) for label, value in member.labels.items()}
        group.join(name, member)
        self.group_of[name] = group

    async def load(self, connection: AsyncConnection, partition: int, group_for: GroupFor) -> None:
        """Read the snapshots. What cannot be read, or is no longer watched, is left out and removed."""
        async for page in detector_state.pages(connection, partition, WATCH, _PAGE):
            for key, snapshot in page.items():
                try:
                    self._restore(key, snapshot.state, group_for)
                except (msgspec.MsgspecError, ValueError) as error:
                    log.warning("metrics.snapshot_left_out", name=key, reason=str(error))
                    self._gone.add(key)
                else:
                    self.as_of[key] = snapshot.position
            await asyncio.sleep(0)

    def _restore(self, key: str, state: bytes, group_for: GroupFor) -> None:
        kind, _, name = key.partition(":")
        if f"{kind}:" == _GROUP:
            restored = _decode_group(state)
            self.groups[name] = Group(restored)  # groups come before their series: so the names sort
            return
        if f"{kind}:" == _HISTORY:
            self.histories.by_name[name] = History.restore(state)
            return
        member = Member.restore(state)
        found = group_for(self, member.labels)
        if found is None:
            self._gone.add(key)
            return
        self._join(name, member, found)
        self.heard_at = max(self.heard_at, member.heard_at)

    def series_as_of(self, name: str) -> int:
        return self.as_of.get(_SERIES + name, 0)

    def history_as_of(self, name: str) -> int:
        return self.as_of.get(_HISTORY + name, 0)

    def group_as_of(self, group: Group) -> int:
        return self.as_of.get(_GROUP + group.name, 0)
