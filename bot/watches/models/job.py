"""A job of the models' watch: the checks of one model that are due, made outside of the worker's transactions."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from pydantic_core import to_json

from bot.domain.duration import format_duration
from bot.domain.event import RowsKind
from bot.domain.watched.finding import FindingKind
from bot.domain.watched.monitor import FeatureRules, MonitorRules, WatchedModel
from bot.errors import StorageUnavailable
from bot.model_store import batches as model_data
from bot.model_store import references
from bot.model_store.batches import KeptRows
from bot.model_store.frames import Frames
from bot.model_store.references import Reference
from bot.model_store.rolling import RollingReferences
from bot.storage.blobs import Lost
from bot.storage.database import Database
from bot.watches.models.alibi.checks import check_by_alibi
from bot.watches.models.alibi.process import Alibi, EngineUnavailable
from bot.watches.models.alibi.vectors import check_vectors_by_alibi
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome, kind_of, written_as_before
from bot.watches.models.memory import Key, MonitorState, Waiting
from bot.watches.models.seasons.check import BySeason, check_by_season
from bot.watches.models.seasons.memory import SeasonState, unpacked
from bot.watches.models.statistics.judging import statistics_of
from bot.watches.models.versions import splitting
from bot.watches.models.versions.splitting import Parts
from bot.watches.models.window import LoadedReferences, Table, Wanted, Window, labelled, predictions, without

_MOST_BATCHES = 10_000

log = structlog.get_logger(__name__)


class Due(NamedTuple):
    """A check to be made: with the state as it was, and what waits for it."""

    name: str
    rules: MonitorRules
    state: MonitorState
    waiting: Waiting
    versions: Mapping[str, MonitorState] = {}
    """Its states by version of the model, where it judges them apart."""
    seasons: Mapping[str | None, Mapping[str, SeasonState]] = {}
    """What it has learnt by season, of each version and as a whole."""


class Result(NamedTuple):
    """A check that was made over batches up to ``seq``, of so many ``rows``, which came from ``since`` to ``until``.

    Without ``outcome`` it could not be made: ``problem`` says why, ``failed`` whether that is anybody's fault,
    ``again`` whether the same rows are to be tried again. ``model_version`` is that of the rows where versions are
    judged apart, ``place`` how many there had been with it; ``ended`` are those that give way to others.
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
    model_version: str | None = None
    place: int = 0
    ended: Sequence[str] = ()


class Usual(NamedTuple):
    """The reference that the rows of ``model`` are compared with, unless they have one of their own."""

    model: str
    reference: Reference | None
    now: datetime


class Against(NamedTuple):
    """What some rows are checked against: a reference, and what was learnt of it, of one version or of all."""

    reference: Reference | None
    key: str
    state: MonitorState
    seasons: Mapping[str, SeasonState]
    now: datetime

    @property
    def blob(self) -> bytes:
        return self.state.blob if self.state.reference == self.key else b""

    def life(self, rules: MonitorRules, model: WatchedModel) -> MonitorRules:
        """The k-th rolling reference has the part 6/(π²k²) of alpha: a monitor keeps its promise over all of them."""
        if model.references is None or model.references.rolling is None:
            return rules
        return splitting.shared(rules, max(self.state.lives, 1) + (self.state.reference not in ("", self.key)))


class Checks:
    """Makes checks: reads what they need, and computes in threads."""

    def __init__(self, database: Database, frames: Frames, alibi: Alibi) -> None:
        self._database = database
        self._frames = frames
        self._alibi = alibi
        self._references = LoadedReferences(frames)
        self._rolling = RollingReferences(database, frames)

    async def make(self, key: Key, model: WatchedModel, due: list[Due], now: datetime) -> list[Result]:
        """One result a check that is due, and one a version that it judges apart.

        Raises StorageUnavailable: then the same is due again.
        """
        reference = await self._rolling.current(key[0], model, now)
        results = []
        for one in due:
            kept = await self._kept(key, model, one)
            if kept:
                results += await self._make(key, model, one, kept, reference, now)
        return results

    async def _kept(self, key: Key, rules: WatchedModel, due: Due) -> list[KeptRows]:
        """The batches of the window: as many as it takes, or all where it is a window of time."""
        async with self._database.read() as connection:
            model, domain = key
            after, holds = due.waiting.seq, holds_of(rules, due.rules)
            kept = await model_data.rows_after(connection, model, after, _MOST_BATCHES, holds, domain)
        enough, rows = due.rules.window.rows, 0
        for place, one in enumerate(kept):
            rows += one.rows
            if enough is not None and rows >= enough:
                return kept[: place + 1]
        return kept

    async def _make(
        self, of: Key, model: WatchedModel, due: Due, kept: list[KeptRows], reference: Reference | None, now: datetime
    ) -> list[Result]:
        usual = Usual(of[0], await self._rolling.held(reference, due.state.version, due.state.firing_since, model), now)
        against = self._against(due, due.state, model, usual.reference, now)
        rows = sum(one.rows for one in kept)
        result = Result(
            due.name, kept[-1].seq, rows, kept[-1].received_at, against.key, _version(usual), since=kept[0].received_at
        )
        try:
            if model.by_statistics:
                return [result._replace(outcome=await self._check_counted(due.rules, model, kept, against))]
            window = await self._window(of, due.rules, kept, now)
            result = result._replace(delay=window.delay)
            if model.judges_apart(due.rules) and window.table.rows:
                return await self._each_version(due, model, window, usual._replace(reference=reference), result)
            return [result._replace(outcome=await self._check(due.rules, model, window, against))]
        except StorageUnavailable:
            raise
        except Exception as error:
            return [_not_made(result, of[0], error)]

    async def _check_counted(
        self, rules: MonitorRules, model: WatchedModel, kept: list[KeptRows], against: Against
    ) -> Outcome:
        kind, loaded = kind_of(rules), None
        if against.reference is not None:
            loaded = await self._references.get(against.reference)
        if kind.check_counted is None:
            raise CheckSkipped("it needs rows, and the model's rows stay in a database")
        if kind.needs_reference and loaded is None:
            raise CheckSkipped(_no_reference(model))
        counted = await statistics_of(self._frames, kept, loaded)
        given = CheckInput(model, against.blob, Window(Table(counted.rows, {})), loaded, counted)
        return await asyncio.to_thread(kind.check_counted, rules, given)

    async def _each_version(
        self, due: Due, model: WatchedModel, window: Window, usual: Usual, whole: Result
    ) -> list[Result]:
        """A result of the monitor as a whole, and one of each version that has rows."""
        parts = await asyncio.to_thread(splitting.parts_of, window, due.versions, due.state.place)
        results = list[Result]()
        for part in parts.parts:
            state = due.versions.get(part.version) or MonitorState(usual.model, due.name, model_version=part.version)
            own = await self._own_reference(model, usual, part.version)
            reference = own or await self._rolling.held(usual.reference, state.version, state.firing_since, model)
            against = self._against(due, state, model, reference, usual.now)
            result = whole._replace(model_version=part.version, place=part.place, rows=part.window.table.rows)
            result = result._replace(delay=None, key=against.key, version=reference.version if reference else "")
            rules = splitting.rules_of(due.rules, part)
            try:
                outcome = await self._check(rules, model, part.window, against)
                if model.references is not None and model.references.of_versions and own is None:
                    outcome = splitting.with_usual(outcome, part.version, result.version)
                results.append(result._replace(outcome=outcome))
            except StorageUnavailable:
                raise
            except Exception as error:
                results.append(_not_made(result, due.state.model, error))
        return [_as_a_whole(whole, results, parts), *results]

    def _against(
        self, due: Due, state: MonitorState, model: WatchedModel, reference: Reference | None, now: datetime
    ) -> Against:
        key = key_of(due.rules, model, reference)
        return Against(reference, key, state, due.seasons.get(state.model_version, {}), now)

    async def _own_reference(self, model: WatchedModel, usual: Usual, version: str) -> Reference | None:
        if model.references is None or not model.references.of_versions or not version:
            return None
        async with self._database.read() as connection:
            return await references.of_model_version(connection, usual.model, version, usual.now)

    async def _window(self, of: Key, rules: MonitorRules, kept: list[KeptRows], now: datetime) -> Window:
        if not kind_of(rules).of_labels:
            return await predictions(self._frames, kept)
        return await labelled(self._database, self._frames, of, kept, now, Wanted.of(rules))

    async def _check(self, rules: MonitorRules, model: WatchedModel, window: Window, against: Against) -> Outcome:
        kind, loaded = kind_of(rules), None
        if against.reference is not None:
            loaded = await self._references.get(against.reference)
        if kind.needs_reference and loaded is None:
            raise CheckSkipped(_no_reference(model))
        if kind.needs_reference and not window.table.rows:
            raise CheckSkipped(window.missed or "no rows")
        if rules.engine == "alibi" and loaded is not None:
            check = check_vectors_by_alibi if rules.kind == FindingKind.EMBEDDING_DRIFT else check_by_alibi
            return await check(self._alibi, rules, CheckInput(model, against.blob, window, loaded))
        rules, seasons = against.life(rules, model), model.seasons_of(rules)
        if loaded is not None and seasons is not None and window.table.rows:
            given = CheckInput(model, against.blob, window, loaded)
            by = BySeason(seasons, unpacked(against.seasons, against.key), against.now)
            return await asyncio.to_thread(check_by_season, kind.check, rules, given, by)
        loaded = without(loaded, model.ignore) if loaded is not None else None
        return await asyncio.to_thread(kind.check, rules, CheckInput(model, against.blob, window, loaded))


def _version(usual: Usual) -> str:
    return usual.reference.version if usual.reference else ""


def _no_reference(model: WatchedModel) -> str:
    rolling = model.references.rolling if model.references is not None else None
    if rolling is None or model.references is None:
        return "there is no reference yet: PUT /models/{model}/references/{version}"
    behind = format_duration(model.references.behind)
    return f"there is no reference yet: the rolling one is made of predictions that are older than {behind}"


def _not_made(result: Result, model: str, error: Exception) -> Result:
    match error:
        case CheckSkipped():
            return result._replace(problem=str(error))
        case EngineUnavailable():
            return result._replace(problem=str(error), failed=True, again=True)
        case Lost():
            return result._replace(problem=str(error), failed=True)
    log.error("models.check_failed", model=model, monitor=result.name, exc_info=error)
    return result._replace(problem=f"the check failed: {type(error).__name__}", failed=True)


def _as_a_whole(whole: Result, results: Sequence[Result], parts: Parts) -> Result:
    """The monitor as a whole finds nothing itself; where no version could be checked, it could not check."""
    whole = whole._replace(ended=parts.ended, place=max((part.place for part in parts.parts), default=0))
    if not any(result.outcome for result in results):
        return whole._replace(problem=results[0].problem)
    return whole._replace(
        outcome=splitting.whole(
            [result.model_version or "" for result in results if result.outcome and result.outcome.firing],
            [result.model_version or "" for result in results if result.outcome and not result.outcome.firing],
            [result.model_version or "" for result in results if not result.outcome],
            parts,
        )
    )


def holds_of(model: WatchedModel, rules: MonitorRules) -> RowsKind:
    """What fills a monitor's window."""
    if model.by_statistics:
        return RowsKind.STATISTICS
    return RowsKind.LABELS if kind_of(rules).of_labels else RowsKind.PREDICTIONS


def _written(rule: FeatureRules) -> str:
    """A feature's rules as they have always been kept: keys that came later only where they are given."""
    return rule.model_dump_json(exclude={key for key in ("size", "of") if getattr(rule, key) is None})


def key_of(rules: MonitorRules, model: WatchedModel, reference: Reference | None) -> str:
    """What a monitor's state depends on: with another reference or other rules it begins anew."""
    written = to_json(written_as_before(rules)).decode() + "".join(
        f"{name}\0{_written(rule)}" for name, rule in sorted(model.features.items())
    )
    classes = model.model_dump(mode="json", include={"positive", "classes", "average", "ignore"}, exclude_defaults=True)
    written += to_json(classes).decode() if classes else ""
    if (seasons := model.seasons_of(rules)) is not None:
        written += f"\0seasons {list(seasons.seasons)} {seasons.zone}"
    digest = hashlib.blake2b(written.encode(), digest_size=8).hexdigest()
    return f"{reference.profile if reference else ''}:{digest}"
