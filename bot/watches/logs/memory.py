"""What the logs' watch has learnt of a partition: in memory, and its snapshots."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import fingerprint_of
from bot.domain.rules import Rules
from bot.domain.watched.telemetry import Watched
from bot.storage.queries import snapshots as detector_state
from bot.watches.logs.group import Group

WATCH = "logs"
SNAPSHOT_AFTER = 60.0
WHEN_SILENT = 600.0
"""A group that only time has changed can wait longer."""
MOST_SAVED = 50
_NO_LONGER = Watched.model_validate({"match": ["watched=no"]})
"""In the place of a watch that the rules no longer name: its groups are there to be given up."""
_PAGE = 50

log = structlog.get_logger(__name__)


class Changed(NamedTuple):
    """Up to which position a group's snapshot holds everything, and when it is due, in seconds since 1970."""

    position: int
    due: float


class Memory:
    """A partition's groups by name.

    ``as_of`` says up to which position a snapshot that was loaded holds what came. A snapshot is written a minute after
    the group began to differ from the last, and at once where what fires has changed: so no finding is raised twice,
    nor forgotten, whenever this process ends.
    """

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.as_of: dict[str, int] = {}
        self.ticked_at: datetime | None = None
        self.heeded = False  # whether any group is to be less sensitive
        self._changed: dict[str, Changed] = {}
        self._gone: set[str] = set()

    def group_of(self, watch: str, labels: Mapping[str, str], rules: Rules, may_begin: bool) -> Group | None:
        """The group of a watch with these labels, begun where there is none and it may be."""
        name = _name_of(watch, labels)
        group = self.groups.get(name)
        if group is None and may_begin:
            group = self.groups[name] = _new_group(watch, labels, rules)
            self._gone.discard(name)
        return group

    def position_of(self, group: Group) -> int:
        return self.as_of.get(_name_of(group.watch, group.labels), 0)

    def note_lines(self, group: Group, position: int, now: datetime) -> None:
        """Say that the entry at ``position`` changes the group."""
        self._note(group, position - 1, now.timestamp() + SNAPSHOT_AFTER)

    def note_silence(self, group: Group, position: int, now: datetime) -> None:
        """Say that time has changed the group."""
        self._note(group, position, now.timestamp() + WHEN_SILENT)

    def note_told(self, group: Group, position: int) -> None:
        """Say that what fires has changed: the snapshot must be written with this batch."""
        self._note(group, position, 0.0)

    def _note(self, group: Group, position: int, due: float) -> None:
        name = _name_of(group.watch, group.labels)
        known = self._changed.get(name, Changed(position, due))
        self._changed[name] = Changed(min(known.position, position), min(known.due, due))

    def forget(self, group: Group) -> None:
        name = _name_of(group.watch, group.labels)
        del self.groups[name]
        self._changed.pop(name, None)
        self._gone.add(name)

    async def save(self, connection: AsyncConnection, partition: int, position: int, now: datetime) -> None:
        """Write the snapshots that are due, as of a position: of those that can wait, a bounded number."""
        due = [name for name, changed in self._changed.items() if changed.due <= now.timestamp()]
        due.sort(key=lambda name: self._changed[name].due)
        urgent = sum(not self._changed[name].due for name in due)
        due = due[: max(MOST_SAVED, urgent)]
        if not due and not self._gone:
            return
        for name in due:
            state = {name: self.groups[name].packed()}
            await detector_state.save(connection, partition, WATCH, state, position, now)
            del self._changed[name]
            await asyncio.sleep(0)
        await detector_state.forget(connection, partition, WATCH, self._gone)
        self._gone.clear()
        mark = min((changed.position for changed in self._changed.values()), default=position)
        await detector_state.mark(connection, partition, WATCH, min(mark, position), now)

    async def load(self, connection: AsyncConnection, partition: int, rules: Rules) -> None:
        """Read the snapshots. What cannot be read is left out and removed."""
        async for page in detector_state.pages(connection, partition, WATCH, _PAGE):
            for name, snapshot in page.items():
                try:
                    group = _restored(snapshot.state, rules)
                except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
                    log.warning("logs.snapshot_left_out", name=name, reason=repr(error))
                    self._gone.add(name)
                else:
                    self.groups[name], self.as_of[name] = group, snapshot.position
                await asyncio.sleep(0)


def _name_of(watch: str, labels: Mapping[str, str]) -> str:
    return fingerprint_of({**labels, "\0watch": watch})


def _new_group(watch: str, labels: Mapping[str, str], rules: Rules) -> Group:
    return Group(watch, labels, rules.logs.watch.get(watch, _NO_LONGER), rules.logs.learn_for.total_seconds())


def _restored(packed: bytes, rules: Rules) -> Group:
    state: dict[str, Any] = msgspec.msgpack.decode(packed, strict=False)
    group = _new_group(state["watch"], state["labels"], rules)
    group.unpack(state)
    return group
