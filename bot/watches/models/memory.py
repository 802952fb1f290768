"""What the models' watch knows of a partition's models, and its snapshots."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.event import Chart, domain_of
from bot.domain.rules import Rules
from bot.model_store.checks import Standing
from bot.storage.queries import snapshots
from bot.watches.models.seasons.memory import SEASON, Place, SeasonMemory, season_of
from bot.watches.snapshots import Changes

WATCH = "models"
NOT_CHECKED = "not checked: "
Key = tuple[str, str]
"""A model and a correlation domain."""
_CURSOR, _MONITOR = "head:", "monitor:"  # the names in stored snapshots
_VERSION = "version:"  # of a monitor's state for one version of the model

log = structlog.get_logger(__name__)


class Moment(NamedTuple):
    """Where in the inbox, and when, something changes."""

    position: int
    now: datetime


class Waiting(msgspec.Struct):
    """What came for a monitor since its last check: behind ``seq``, so many rows, the first of them at ``since``."""

    seq: int = 0
    rows: int = 0
    since: datetime | None = None


class ModelCursor(msgspec.Struct):
    """How far a model's data of one correlation domain was read. ``seq`` is the last batch of rows.

    ``labels`` are the domain's; ``began_at`` is when it was first looked at, ``newest_at`` when its newest predictions
    came.
    """

    model: str
    labels: dict[str, str]
    began_at: datetime
    seq: int = 0
    newest_at: datetime | None = None
    waiting: dict[str, Waiting] = {}
    domain: str = ""
    label_delay: timedelta | None = None
    """How long the labels took that were joined last, the median."""

    @property
    def key(self) -> "Key":
        return self.model, self.domain


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
    made_at: datetime | None = None
    """When the last check was made that could be made."""
    unchecked: int = 0
    """How many checks could not be made since, the first of them at ``unchecked_since``."""
    unchecked_since: datetime | None = None
    domain: str = ""
    retry_at: datetime | None = None
    """Before this the same rows are not tried again, which an engine that was away could not check."""
    tries: int = 0
    model_version: str | None = None
    """With ``by: version``: the version of the model that it is of; None for the monitor as a whole."""
    place: int = 0
    """Of a version: how many the monitor had judged when it came, with it. Of the whole: how many it ever judged."""
    trend: list[tuple[int, float]] = []
    """What its last checks measured, each with its moment in milliseconds since 1970 (UTC)."""
    absent: int = 0
    """Of a version: how many checks there were since one had rows of it."""
    lives: int = 0
    """How often it began, with each reference and each change of rules."""

    @property
    def fires(self) -> bool:
        return any((self.firing_since, self.stale_since, self.failed_since))

    @property
    def is_checked(self) -> bool:
        """Whether its last check could be made. States of earlier versions say it in words alone."""
        return self.checked_at is not None and not self.unchecked and not self.summary.startswith(NOT_CHECKED)


class ModelOverview(NamedTuple):
    """A model in all correlation domains: what came of it, and the last results of its monitors."""

    cursors: list[ModelCursor]
    states: list[MonitorState]

    @property
    def newest_at(self) -> datetime | None:
        """When its newest predictions came."""
        return max((cursor.newest_at for cursor in self.cursors if cursor.newest_at), default=None)

    @property
    def label_delay(self) -> timedelta | None:
        """How long labels took lately, the longest of all domains."""
        return max((cursor.label_delay for cursor in self.cursors if cursor.label_delay is not None), default=None)

    @property
    def waits(self) -> bool:
        """Whether anything came since the last checks."""
        return any(waiting.rows for cursor in self.cursors for waiting in cursor.waiting.values())


_encode = msgspec.msgpack.encode
_decode_cursor = msgspec.msgpack.Decoder(ModelCursor).decode
_decode_monitor = msgspec.msgpack.Decoder(MonitorState).decode


class Memory:
    """A partition's models by name and domain, and the states of their monitors by model, domain, monitor and version.

    Every change is saved in the transaction of its batch. ``made`` are the checks that it is about to write down.
    """

    def __init__(self, changes: Changes, partition_by: Sequence[str] = ()) -> None:
        self.made: list[Standing] = []
        self.cursors: dict[Key, ModelCursor] = {}
        self.monitors: dict[Place, MonitorState] = {}
        self._apart: dict[tuple[str, str, str], dict[str, MonitorState]] = {}
        self.seasons = SeasonMemory(changes)
        self._changes = changes
        self._partition_by = partition_by

    def monitor(self, model: str, name: str, domain: str = "", version: str | None = None) -> MonitorState:
        known = self.monitors.get(Place(model, domain, name, version))
        return known or MonitorState(model, name, domain=domain, model_version=version)

    def versions_of(self, model: str, name: str, domain: str = "") -> dict[str, MonitorState]:
        """The states of a monitor that judges versions apart, by version."""
        return dict(self._apart.get((model, domain, name), {}))

    def take_made(self) -> list[Standing]:
        """The checks that are not written down yet, once."""
        made, self.made = self.made, []
        return made

    def cursor_changed(self, cursor: ModelCursor, position: int) -> None:
        self.cursors[cursor.key] = cursor
        self._changes.add(_name_of_cursor(cursor), position)

    def monitor_changed(self, state: MonitorState, position: int) -> None:
        self._keep(state)
        self._changes.add(_name_of(state), position)

    def forget_monitor(self, state: MonitorState) -> None:
        """A version is judged no more."""
        place = place_of(state)
        del self.monitors[place]
        self.seasons.forget(place)
        self._apart[place[:3]].pop(place[3] or "")
        self._changes.remove(_name_of(state))

    def _keep(self, state: MonitorState) -> None:
        place = place_of(state)
        self.monitors[place] = state
        if state.model_version is not None:
            self._apart.setdefault(place[:3], {})[state.model_version] = state

    def serialise(self, name: str) -> bytes | None:
        if name.startswith(SEASON):
            return self.seasons.serialise(name)
        if name.startswith(_CURSOR):
            model, _, domain = name.removeprefix(_CURSOR).partition(_SEPARATOR)
            return _encode(self.cursors[model, domain])
        if name.startswith(_VERSION):
            model, monitor, version, domain = name.removeprefix(_VERSION).split(_SEPARATOR, 3)
            return _encode(self.monitors[Place(model, domain, monitor, version)])
        model, _, rest = name.removeprefix(_MONITOR).partition(_SEPARATOR)
        monitor, _, domain = rest.partition(_SEPARATOR)
        return _encode(self.monitors[Place(model, domain, monitor, None)])

    def restore(self, name: str, state: bytes) -> bool:
        """A monitor whose snapshot is of an older version that cannot be read begins anew.

        What was stored before domains were told apart is of the domain of the model's labels, and stored anew.
        """
        if name.startswith(SEASON):
            return self.seasons.restore(state)
        read = _read(name, state)
        if isinstance(read, ModelCursor):
            read.domain = read.domain or domain_of(read.labels, self._partition_by)
            if name == _name_of_cursor(read):
                self.cursors[read.key] = read
            elif read.key not in self.cursors:
                self.cursor_changed(read, 0)
            return name == _name_of_cursor(read)
        read.domain = read.domain or self._only_domain(read.model)
        if name == _name_of(read):
            self._keep(read)
        elif place_of(read) not in self.monitors:
            self.monitor_changed(read, 0)
        return name == _name_of(read)

    def _only_domain(self, model: str) -> str:
        """The domain of a model whose cursor was stored before domains were told apart; cursors are read first."""
        domains = [domain for known, domain in self.cursors if known == model]
        return domains[0] if len(domains) == 1 else ""


_SEPARATOR = "\x1f"


def _name_of_cursor(cursor: ModelCursor) -> str:
    return f"{_CURSOR}{cursor.model}" + (f"{_SEPARATOR}{cursor.domain}" if cursor.domain else "")


def _name_of(state: MonitorState) -> str:
    if state.model_version is not None:
        return _VERSION + _SEPARATOR.join([state.model, state.monitor, state.model_version, state.domain])
    return f"{_MONITOR}{state.model}{_SEPARATOR}{state.monitor}" + (
        f"{_SEPARATOR}{state.domain}" if state.domain else ""
    )


def place_of(state: MonitorState) -> Place:
    return Place(state.model, state.domain, state.monitor, state.model_version)


async def overview_of(connection: AsyncConnection, model: str, partitions: int) -> ModelOverview:
    """What was saved of a model in all partitions, whichever replicas work on them."""
    cursor = f"{_CURSOR}{model}"
    prefixes = (cursor + _SEPARATOR, *(f"{kind}{model}{_SEPARATOR}" for kind in (_MONITOR, _VERSION)))
    found = await snapshots.named(connection, range(partitions), WATCH, cursor, prefixes)
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
    if name.startswith((_MONITOR, _VERSION)):
        return _decode_monitor(state)
    raise ValueError(f"{name!r} is no snapshot of this watch")


def domain_of_piece(rules: Rules, name: str, state: bytes) -> str:
    """The correlation domain of what a snapshot holds. Raises like :meth:`Memory.restore`."""
    if name.startswith(SEASON):
        return season_of(state).domain
    read = _read(name, state)
    if isinstance(read, ModelCursor) and not read.domain:  # stored before domains were told apart
        return domain_of(read.labels, rules.correlation.partition_by)
    return read.domain


def rekeyed(_rules: Rules, renamed: Callable[[str], str], name: str, state: bytes) -> tuple[str, bytes]:
    """The name and the state of a snapshot under other rules. Raises like :meth:`Memory.restore`."""
    if name.startswith(SEASON):
        season = season_of(state)
        season = msgspec.structs.replace(season, domain=renamed(season.domain))
        return season.name, _encode(season)
    read = _read(name, state)
    read.domain = renamed(read.domain)
    return _name_of_cursor(read) if isinstance(read, ModelCursor) else _name_of(read), _encode(read)


def subject_of(name: str, state: bytes) -> str:
    """The model that a snapshot is about."""
    return season_of(state).model if name.startswith(SEASON) else _read(name, state).model
