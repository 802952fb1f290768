"""What the models' watch knows of a partition's models, and its snapshots."""

from datetime import datetime
from typing import NamedTuple

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import Chart
from bot.storage.queries import snapshots
from bot.watches.snapshots import Changes

WATCH = "models"
_CURSOR, _MONITOR = "head:", "monitor:"  # the names in stored snapshots

log = structlog.get_logger(__name__)


class Waiting(msgspec.Struct):
    """What came for a monitor since its last check: behind ``seq``, so many rows, the first of them at ``since``."""

    seq: int = 0
    rows: int = 0
    since: datetime | None = None


class ModelCursor(msgspec.Struct):
    """How far a model's data was read. ``labels`` are its correlation domain's; ``seq`` is the last batch of rows.

    ``began_at`` is when it was first looked at, ``newest_at`` when its newest predictions came.
    """

    model: str
    labels: dict[str, str]
    began_at: datetime
    seq: int = 0
    newest_at: datetime | None = None
    waiting: dict[str, Waiting] = {}


class MonitorState(msgspec.Struct):
    """A monitor: what its checks have learnt, against which reference, and the result of the last one."""

    model: str
    monitor: str
    reference: str = ""
    """The digest of the reference and what of the rules the state depends on: with another it begins anew."""
    version: str = ""
    blob: bytes = msgspec.field(default=b"", name="packed")  # the names in stored snapshots
    firing_since: datetime | None = None
    stale_since: datetime | None = None
    failed_since: datetime | None = None
    checks: int = 0
    checked_at: datetime | None = None
    rows_since: datetime | None = None
    """When the first row came of those that the last check was made of."""
    summary: str = msgspec.field(default="", name="said")
    features: list[str] = []
    chart: Chart | None = None


class ModelOverview(NamedTuple):
    """A model in all correlation domains: what came of it, and the last results of its monitors."""

    cursors: list[ModelCursor]
    states: list[MonitorState]

    @property
    def newest_at(self) -> datetime | None:
        """When its newest predictions came."""
        return max((cursor.newest_at for cursor in self.cursors if cursor.newest_at), default=None)

    @property
    def waits(self) -> bool:
        """Whether anything came since the last checks."""
        return any(waiting.rows for cursor in self.cursors for waiting in cursor.waiting.values())


_encode = msgspec.msgpack.encode
_decode_cursor = msgspec.msgpack.Decoder(ModelCursor).decode
_decode_monitor = msgspec.msgpack.Decoder(MonitorState).decode


class Memory:
    """A partition's models by name, and the states of their monitors by model and monitor.

    Every change is saved in the transaction of its batch.
    """

    def __init__(self, changes: Changes) -> None:
        self.cursors: dict[str, ModelCursor] = {}
        self.monitors: dict[tuple[str, str], MonitorState] = {}
        self._changes = changes

    def monitor(self, model: str, name: str) -> MonitorState:
        return self.monitors.get((model, name)) or MonitorState(model, name)

    def cursor_changed(self, cursor: ModelCursor, position: int) -> None:
        self.cursors[cursor.model] = cursor
        self._changes.add(_CURSOR + cursor.model, position)

    def monitor_changed(self, state: MonitorState, position: int) -> None:
        self.monitors[state.model, state.monitor] = state
        self._changes.add(_name_of(state), position)

    def serialise(self, name: str) -> bytes | None:
        if name.startswith(_CURSOR):
            return _encode(self.cursors[name.removeprefix(_CURSOR)])
        model, _, monitor = name.removeprefix(_MONITOR).partition(_SEPARATOR)
        return _encode(self.monitors[model, monitor])

    def restore(self, name: str, state: bytes) -> bool:
        """A monitor whose snapshot is of an older version that cannot be read begins anew."""
        read = _read(name, state)
        if isinstance(read, ModelCursor):
            self.cursors[read.model] = read
        else:
            self.monitors[read.model, read.monitor] = read
        return True


_SEPARATOR = "\x1f"


def _name_of(state: MonitorState) -> str:
    return f"{_MONITOR}{state.model}{_SEPARATOR}{state.monitor}"


async def overview_of(connection: AsyncConnection, model: str, partitions: int) -> ModelOverview:
    """What was saved of a model in all partitions, whichever replicas work on them."""
    monitors = _name_of(MonitorState(model, ""))
    found = await snapshots.named(connection, range(partitions), WATCH, _CURSOR + model, monitors)
    overview = ModelOverview([], [])
    for name, stored in found.items():
        for snapshot in stored:
            try:
                read = _read(name, snapshot.state)
            except (msgspec.MsgspecError, ValueError) as error:
                log.warning("models.snapshot_left_out", name=name, reason=str(error))
                continue
            if isinstance(read, ModelCursor):
                overview.cursors.append(read)
            else:
                overview.states.append(read)
    return overview


def _read(name: str, state: bytes) -> ModelCursor | MonitorState:
    """Raises MsgspecError, ValueError."""
    if name.startswith(_CURSOR):
        return _decode_cursor(state)
    if name.startswith(_MONITOR):
        return _decode_monitor(state)
    raise ValueError(f"{name!r} is no snapshot of this watch")
