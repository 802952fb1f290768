"""Rolling references: what a model predicted in a span of production that ends a while ago, made again and again.

One is made at a moment that depends on the clock alone, by whoever checks first: its version names that moment, so all
replicas have the same.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.watched.monitor import Declared, WatchedModel
from bot.domain.watched.reference import ReferenceRules
from bot.errors import Unfit
from bot.model_store import references
from bot.model_store.features import profiles
from bot.model_store.frames import Frames
from bot.model_store.production import Span, rows_of
from bot.model_store.references import Lineage, Reference, Taken
from bot.storage.database import Database

PREFIX = "rolling-"
LEAST_ROWS = 100
"""Predictions that a span needs to be a reference."""
_BEFORE_AGAIN = timedelta(minutes=10)
_MOST_MODELS = 10_000

log = structlog.get_logger(__name__)


class _Wanted(NamedTuple):
    """A rolling reference that is due: what it is made of, and until when it can be needed."""

    model: str
    version: str
    span: Span
    ends: datetime


class RollingReferences:
    """What the models' rows are compared with: the pinned, the rolling or the newest reference."""

    def __init__(self, database: Database, frames: Frames) -> None:
        self._database = database
        self._frames = frames
        self._tried: dict[str, tuple[str, datetime]] = {}
        """The version that could not be made of a model, and when that was tried last."""

    async def current(self, model: str, watched: WatchedModel, now: datetime) -> Reference | None:
        """A pinned reference, else the newest rolling one where there are such, else the newest of all."""
        async with self._database.read() as connection:
            usual = await references.current(connection, model, now)
        rules = watched.references
        if rules is None or rules.rolling is None or (usual is not None and usual.pinned):
            return usual
        return await self._newest(model, rules, Declared.of(watched.features), now) or usual

    async def held(
        self, reference: Reference | None, version: str, firing_since: datetime | None, watched: WatchedModel
    ) -> Reference | None:
        """While a monitor fires, the rolling reference beside which it does: a newer one may hold what is wrong."""
        rolls = watched.references is not None and watched.references.rolling is not None
        if not rolls or firing_since is None or reference is None or reference.pinned or version == reference.version:
            return reference
        async with self._database.read() as connection:
            before = await references.get(connection, reference.model, version)
        return before if before is not None and version.startswith(PREFIX) else reference

    async def _newest(self, model: str, rules: ReferenceRules, declared: Declared, now: datetime) -> Reference | None:
        wanted = _wanted(model, rules, now)
        async with self._database.read() as connection:
            known = await references.newest_of(connection, model, PREFIX, now)
        if (known is not None and known.version == wanted.version) or not self._is_to_try(wanted, now):
            return known
        try:
            return await self._make(wanted, declared, now)
        except Unfit as error:
            self._tried[model] = (wanted.version, now)
            while len(self._tried) > _MOST_MODELS:
                self._tried.pop(next(iter(self._tried)))
            log.info("models.no_rolling_reference", model=model, version=wanted.version, reason=str(error))
            return known

    def _is_to_try(self, wanted: _Wanted, now: datetime) -> bool:
        tried, at = self._tried.get(wanted.model, ("", now))
        return tried != wanted.version or not timedelta(0) <= now - at < _BEFORE_AGAIN

    async def _make(self, wanted: _Wanted, declared: Declared, now: datetime) -> Reference:
        """Raises Unfit where too little was predicted."""
        table = await rows_of(self._database, self._frames, wanted.model, wanted.span)
        if table.num_rows < LEAST_ROWS:
            raise Unfit(f"{table.num_rows} predictions are too few")
        stored = await profiles.store(self._frames, table, *declared)
        lineage, of = Lineage(created_by="tandem"), (wanted.model, wanted.version)
        async with self._database.write() as connection:
            try:
                made, _ = await references.save(connection, *of, stored, lineage, now, wanted.ends)
            except Taken:  # another replica was first, and labels came in between
                return await _known(connection, *of)
        return made


async def _known(connection: AsyncConnection, model: str, version: str) -> Reference:
    found = await references.get(connection, model, version)
    assert found is not None
    return found


def _wanted(model: str, rules: ReferenceRules, now: datetime) -> _Wanted:
    """The last that is due: at multiples of a span since 1970."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    began = epoch + (now - epoch) // rules.every * rules.every
    length, until = rules.rolling or timedelta(0), began - rules.behind
    ends = began + length + rules.behind + rules.every
    return _Wanted(model, f"{PREFIX}{began:%Y-%m-%dT%H%MZ}", Span(until - length, until), ends)
