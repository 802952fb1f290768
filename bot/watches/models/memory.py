"""What the models' watch knows of a partition's models: in memory, and as snapshots."""

from datetime import datetime
from typing import NamedTuple

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import Chart
from bot.storage.queries import snapshots as detector_state
from bot.storage.queries.snapshots import Snapshot

WATCH = "models"
_HEAD, _MONITOR = "head:", "monitor:"

log = structlog.get_logger(__name__)


class Waiting(msgspec.Struct):
    """What came for a monitor since its last check: behind ``seq``, so many rows, the first of them at ``since``."""

    seq: int = 0
    rows: int = 0
    since: datetime | None = None


class Head(msgspec.Struct):
    """A model: ``labels`` are its correlation domain's, ``seq`` is where its account of batches was read up to.

    ``began_at`` is when it was first looked at, ``newest_at`` when its newest predictions came.
    """

    model: str
    labels: dict[str, str]
    began_at: datetime
    seq: int = 0
    newest_at: datetime | None = None
    waiting: dict[str, Waiting] = {}


class MonitorState(msgspec.Struct):
    """A monitor: what its checks have learnt, against which reference, and what they said last."""

    model: str
    monitor: str
    reference: str = ""
    """The digest of the reference and what of the rules the state depends on: with another it begins anew."""
    version: str = ""
    packed: bytes = b""
    firing_since: datetime | None = None
    stale_since: datetime | None = None
    failed_since: datetime | None = None
    checks: int = 0
    checked_at: datetime | None = None
    said: str = ""
    features: list[str] = []
    chart: Chart | None = None


class Account(NamedTuple):
    """A model in all correlation domains: what came of it, and what its monitors said last."""

    heads: list[Head]
    states: list[MonitorState]

    @property
    def newest_at(self) -> datetime | None:
        """When its newest predictions came."""
        return max((head.newest_at for head in self.heads if head.newest_at), default=None)

    @property
    def waits(self) -> bool:
        """Whether anything came since the last checks."""
        return any(waiting.rows for head in self.heads for waiting in head.waiting.values())


_encode = msgspec.msgpack.encode
_decode_head = msgspec.msgpack.Decoder(Head).decode
_decode_monitor = msgspec.msgpack.Decoder(MonitorState).decode


class Memory:
    """A partition's models by name, and the states of their monitors by model and monitor."""

    def __init__(self) -> None:
        self.heads: dict[str, Head] = {}
        self.monitors: dict[tuple[str, str], MonitorState] = {}
        self._changed: set[str] = set()

    def monitor(self, model: str, name: str) -> MonitorState:
        return self.monitors.get((model, name)) or MonitorState(model, name)

    def head_changed(self, head: Head) -> None:
        self.heads[head.model] = head
        self._changed.add(_HEAD + head.model)

    def monitor_changed(self, state: MonitorState) -> None:
        self.monitors[state.model, state.monitor] = state
        self._changed.add(_name_of(state))

    async def save(self, connection: AsyncConnection, partition: int, position: int, now: datetime) -> None:
        """Write what was changed: what is in memory is what is written, after every batch."""
        everything: dict[str, Head | MonitorState] = {_HEAD + head.model: head for head in self.heads.values()}
        everything |= {_name_of(state): state for state in self.monitors.values()}
        packed = {name: _encode(everything[name]) for name in sorted(self._changed)}
        await detector_state.save(connection, partition, WATCH, packed, position, now)
        self._changed.clear()


def _name_of(state: MonitorState) -> str:
    return f"{_MONITOR}{state.model}\x1f{state.monitor}"


async def load(connection: AsyncConnection, partition: int) -> Memory:
    """What was saved. What cannot be read, of an older version, is left out: those monitors begin anew."""
    memory = Memory()
    for name, snapshot in (await detector_state.load(connection, partition, WATCH)).items():
        read = _read(name, snapshot)
        if isinstance(read, Head):
            memory.heads[read.model] = read
        elif read is not None:
            memory.monitors[read.model, read.monitor] = read
    return memory


async def account_of(connection: AsyncConnection, model: str, partitions: int) -> Account:
    """What was saved of a model in all partitions, whichever replicas work on them."""
    monitors = _name_of(MonitorState(model, ""))
    found = await detector_state.named(connection, range(partitions), WATCH, _HEAD + model, monitors)
    read = [_read(name, snapshot) for name, snapshots in found.items() for snapshot in snapshots]
    heads = [one for one in read if isinstance(one, Head)]
    return Account(heads, [one for one in read if isinstance(one, MonitorState)])


def _read(name: str, snapshot: Snapshot) -> Head | MonitorState | None:
    try:
        if name.startswith(_HEAD):
            return _decode_head(snapshot.state)
        if name.startswith(_MONITOR):
            return _decode_monitor(snapshot.state)
    except msgspec.MsgspecError as error:
        log.warning("models.snapshot_left_out", name=name, reason=str(error))
    return None
