"""A job of the models' watch: the checks of one model that are due, made outside of the worker's transactions."""

import asyncio
import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from pydantic_core import to_json

from bot.domain.event import RowsKind
from bot.domain.watched.monitor import MonitorRules, WatchedModel
from bot.errors import StorageUnavailable
from bot.model_store import batches as model_data
from bot.model_store import references
from bot.model_store.batches import KeptRows
from bot.model_store.frames import Frames
from bot.model_store.references import Reference
from bot.storage.blobs import Lost
from bot.storage.database import Database
from bot.watches.models.alibi_checks import check_by_alibi
from bot.watches.models.alibi_process import Alibi, EngineUnavailable
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome, kind_of, written_as_before
from bot.watches.models.memory import Key, MonitorState, Waiting
from bot.watches.models.window import LoadedReference, LoadedReferences, Window, labelled, predictions, without

_MOST_BATCHES = 10_000

log = structlog.get_logger(__name__)


class Due(NamedTuple):
    """A check to be made: with the state as it was, and what waits for it."""

    name: str
    rules: MonitorRules
    state: MonitorState
    waiting: Waiting


class Result(NamedTuple):
    """A check that was made over batches up to ``seq``, of so many ``rows``, which came from ``since`` to ``until``.

    Without ``outcome`` it could not be made: ``problem`` says why, ``failed`` whether that is anybody's fault,
    ``again`` whether the same rows are to be tried again.
    """

    name: str
    seq: int
    rows: int
    until: datetime | None
    key: str
    version: str
    outcome: Outcome | None = None
    problem: str = ""
    failed: bool = False
    since: datetime | None = None
    again: bool = False
    delay: timedelta | None = None


class Checks:
    """Makes checks: reads what they need, and computes in threads."""

    def __init__(self, database: Database, frames: Frames, alibi: Alibi) -> None:
        self._database = database
        self._frames = frames
        self._alibi = alibi
        self._references = LoadedReferences(frames)

    async def make(self, key: Key, model: WatchedModel, due: list[Due], now: datetime) -> list[Result]:
        """One result a check that is due. Raises StorageUnavailable: then the same is due again."""
        async with self._database.read() as connection:
            reference = await references.current(connection, key[0], now)
        results = []
        for one in due:
            kept = await self._kept(key, one)
            if kept:
                results.append(await self._make(key, model, one, kept, reference, now))
        return results

    async def _kept(self, key: Key, due: Due) -> list[KeptRows]:
        """The batches of the window: as many as it takes, or all where it is a window of time."""
        async with self._database.read() as connection:
            model, domain = key
            after, holds = due.waiting.seq, holds_of(due.rules)
            kept = await model_data.rows_after(connection, model, after, _MOST_BATCHES, holds, domain)
        enough, rows = due.rules.window.rows, 0
        for place, one in enumerate(kept):
            rows += one.rows
            if enough is not None and rows >= enough:
                return kept[: place + 1]
        return kept

    async def _make(
        self, of: Key, model: WatchedModel, due: Due, kept: list[KeptRows], reference: Reference | None, now: datetime
    ) -> Result:
        key = key_of(due.rules, model, reference)
        version = reference.version if reference else ""
        rows = sum(one.rows for one in kept)
        result = Result(due.name, kept[-1].seq, rows, kept[-1].received_at, key, version, since=kept[0].received_at)
        blob = due.state.blob if due.state.reference == key else b""
        try:
            loaded = await self._references.get(reference) if reference else None
            window = await self._window(of, due.rules, kept, now)
            result = result._replace(delay=window.delay)
            return result._replace(outcome=await self._check(due, model, blob, window, loaded))
        except CheckSkipped as error:
            return result._replace(problem=str(error))
        except EngineUnavailable as error:
            return result._replace(problem=str(error), failed=True, again=True)
        except Lost as error:
            return result._replace(problem=str(error), failed=True)
        except StorageUnavailable:
            raise
        except Exception as error:
            log.error("models.check_failed", model=of[0], monitor=due.name, exc_info=error)
            return result._replace(problem=f"the check failed: {type(error).__name__}", failed=True)

    async def _window(self, of: Key, rules: MonitorRules, kept: list[KeptRows], now: datetime) -> Window:
        if not kind_of(rules).of_labels:
            return await predictions(self._frames, kept)
        return await labelled(self._database, self._frames, of, kept, now, rules.features_of_labels)

    async def _check(
        self, due: Due, model: WatchedModel, blob: bytes, window: Window, loaded: LoadedReference | None
    ) -> Outcome:
        rules, kind = due.rules, kind_of(due.rules)
        if kind.needs_reference and loaded is None:
            raise CheckSkipped("there is no reference yet: PUT /models/{model}/references/{version}")
        if kind.needs_reference and not window.table.rows:
            raise CheckSkipped(window.missed or "no rows")
        if rules.engine == "alibi" and loaded is not None:
            return await check_by_alibi(self._alibi, rules, model, window, loaded)
        loaded = without(loaded, model.ignore) if loaded is not None else None
        return await asyncio.to_thread(kind.check, rules, CheckInput(model, blob, window, loaded))


def holds_of(rules: MonitorRules) -> RowsKind:
    """What fills a monitor's window."""
    return RowsKind.LABELS if kind_of(rules).of_labels else RowsKind.PREDICTIONS


def key_of(rules: MonitorRules, model: WatchedModel, reference: Reference | None) -> str:
    """What a monitor's state depends on: with another reference or other rules it begins anew."""
    written = to_json(written_as_before(rules)).decode() + "".join(
        f"{name}\0{rule.model_dump_json()}" for name, rule in sorted(model.features.items())
    )
    classes = model.model_dump(mode="json", include={"positive", "classes", "average", "ignore"}, exclude_defaults=True)
    written += to_json(classes).decode() if classes else ""
    digest = hashlib.blake2b(written.encode(), digest_size=8).hexdigest()
    return f"{reference.profile if reference else ''}:{digest}"
