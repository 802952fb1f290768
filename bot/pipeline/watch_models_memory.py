"""What the models' watch knows of a partition's models: in memory, and as snapshots."""

from datetime import datetime

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import Chart
from bot.storage import detector_state

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
        try:
            if name.startswith(_HEAD):
                head = _decode_head(snapshot.state)
                memory.heads[head.model] = head
            elif name.startswith(_MONITOR):
                state = _decode_monitor(snapshot.state)
                memory.monitors[state.model, state.monitor] = state
        except msgspec.MsgspecError as error:
            log.warning("models.snapshot_left_out", name=name, reason=str(error))
    return memory
