"""What a check works on: a window of a model's rows, and the reference that it is compared with."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bot.domain.watched.monitor import MonitorRules
from bot.model_store import batches as model_data
from bot.model_store import id_index, id_segments, windows
from bot.model_store.batches import KeptRows
from bot.model_store.columns import FEATURE, QUANTILE, SCORE, array_of, features_of, is_embedding, stacked, vectors_in
from bot.model_store.features import profiles
from bot.model_store.features.vectors import is_packed, sizes_of, thinned
from bot.model_store.frames import Columns, Frames
from bot.model_store.joining import delay_of, joined_with, once_per_id
from bot.model_store.references import Reference
from bot.storage.database import Database
from bot.watches.models.memory import Key
from detectors.drift.packing import Array
from detectors.drift.profile import Profile, build
from detectors.embeddings.vectors import at_once, usual_size

_REFERENCES_KEPT = 4
_MOST_BESIDE = 200_000
"""Labels at once up to which more features are read than are needed."""


class Table(NamedTuple):
    """Rows as the detectors take them: ``features`` by name, and the other columns, None where there are none.

    ``scores`` are the probabilities of classes by name, ``quantiles`` the predicted ones by level.
    """

    rows: int
    features: Mapping[str, Array]
    ids: Array | None = None
    prediction: Array | None = None
    score: Array | None = None
    label: Array | None = None
    scores: Mapping[str, Array] = {}
    quantiles: Mapping[float, Array] = {}
    versions: Array | None = None
    """The version of the model that predicted each row, of a window."""
    moments: Array | None = None
    """When each row was predicted, in seconds since 1970; NaN where a reference does not say."""
    vectors: Mapping[str, pa.ChunkedArray] = {}
    """Features that are vectors, of a window."""

    def outputs(self) -> dict[str, Array]:
        """What the model answered: predictions and scores."""
        both = {"prediction": self.prediction, "score": self.score}
        several = {f"{SCORE}{name}": column for name, column in self.scores.items()}
        several |= {f"{QUANTILE}{level:g}": column for level, column in self.quantiles.items()}
        return {name: column for name, column in both.items() if column is not None} | several


class Window(NamedTuple):
    """``table`` has each id once; ``ids`` are all that came. ``missed`` says in words what of it could not be used.

    ``delay`` is how long the labels took, the median; ``coverage`` for which share of the predictions they came;
    ``since`` is when the first of the rows came.
    """

    table: Table
    ids: Sequence[object] = ()
    missed: str = ""
    delay: timedelta | None = None
    coverage: float | None = None
    since: datetime | None = None


class Wanted(NamedTuple):
    """Which features of labelled rows are read: all, or ``features`` and more beside where that costs little."""

    features: Sequence[str] | None = None
    beside: int = 0

    @classmethod
    def of(cls, rules: MonitorRules) -> "Wanted":
        return cls(rules.features_of_labels, rules.features_beside)

    def takes(self, labels: int) -> Columns | None:
        """Which columns are read of a batch, for so many labels; None for all."""
        if self.features is None:
            return None
        named, more = {FEATURE + name for name in self.features}, set[str]()
        beside = self.beside if labels <= _MOST_BESIDE else 0

        def taken(name: str) -> bool:
            if not name.startswith(FEATURE) or name in named or name in more:
                return True
            if len(more) < beside:
                more.add(name)
            return name in more

        return taken


class LoadedReference(NamedTuple):
    """A reference, with its profiles: of the features as it was built when it came, of the model's outputs from it.

    ``fitted`` keeps what checks fitted on it, by name, as long as it is in memory.
    """

    reference: Reference
    features: Profile
    table: Table
    outputs: Profile
    fitted: dict[str, Any]

    @property
    def version(self) -> str:
        return self.reference.version


def without(loaded: LoadedReference, ignored: Sequence[str]) -> LoadedReference:
    """The reference without features that are not looked at."""
    if not ignored:
        return loaded
    known = loaded.features
    columns = {name: column for name, column in known.columns.items() if name not in ignored}
    vectors = {name: column for name, column in known.vectors.items() if name not in ignored}
    return loaded._replace(features=Profile(known.rows, columns, vectors, known.texts))


class LoadedReferences:
    """The last few references that were used, so that none is read or profiled again for each check."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._kept: OrderedDict[str, LoadedReference] = OrderedDict()

    async def get(self, reference: Reference) -> LoadedReference:
        """Raises Lost."""
        loaded = self._kept.get(reference.profile)
        if loaded is None:
            loaded = await self._read(reference)
            self._kept[reference.profile] = loaded
            while len(self._kept) > _REFERENCES_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(reference.profile)
        return loaded._replace(reference=reference)

    async def _read(self, reference: Reference) -> LoadedReference:
        profile = await profiles.profile_of(self._frames, reference)
        vectors = {name for name, kind in reference.columns.items() if is_embedding(kind)}  # the profile is enough
        if vectors:
            rows = await self._frames.get_some(reference.digest, lambda name: name not in vectors)
        else:
            rows = await self._frames.get(reference.digest)
        table = await asyncio.to_thread(table_of, rows)
        outputs = await asyncio.to_thread(lambda: build(table.outputs()))
        return LoadedReference(reference, profile, table, outputs, {})


def table_of(table: pa.Table) -> Table:
    columns = {name: array_of(table[name]) for name in ("prediction", "score", "label") if _there(table, name)}
    columns |= {"moments": array_of(table["timestamp"])} if _there(table, "timestamp") else {}
    ids = array_of(table["id"]) if "id" in table.column_names else None
    scores = {name.removeprefix(SCORE): array_of(table[name]) for name in _there_of(table, SCORE)}
    quantiles = {float(name.removeprefix(QUANTILE)): array_of(table[name]) for name in _there_of(table, QUANTILE)}
    features, vectors = features_of(table), vectors_in(table)
    return Table(table.num_rows, features, ids, **columns, scores=scores, quantiles=quantiles, vectors=vectors)


async def predictions(frames: Frames, kept: Sequence[KeptRows]) -> Window:
    """The rows of these batches. Raises Lost."""
    rows = sum(one.rows for one in kept)
    batches = [await asyncio.to_thread(_bounded, await windows.read(frames, one), rows) for one in kept]
    window = await asyncio.to_thread(_window_of, batches)
    return window._replace(since=min((one.received_at for one in kept), default=None))


def _bounded(table: pa.Table, rows: int) -> pa.Table:
    """A batch of a window of so many rows, with no more of its vectors than are looked at."""
    for place, name in enumerate(table.column_names):
        if not is_packed(table[name].type):
            continue
        share = at_once(usual_size(sizes_of(table[name]))) / max(rows, 1)
        if share < 1:
            most = max(int(table.num_rows * share), 1)
            table = table.set_column(place, name, thinned(table[name], most))
    return table


def _window_of(batches: Sequence[pa.Table]) -> Window:
    table = stacked(batches)
    if "id" not in table.column_names:
        return Window(Table(0, {}))
    return Window(_versioned(once_per_id(table)), table["id"].to_pylist())


def _versioned(table: pa.Table) -> Table:
    versions = array_of(pc.cast(table["version"], pa.string())) if _there(table, "version") else None
    return table_of(table)._replace(versions=versions)


async def labelled(
    database: Database,
    frames: Frames,
    of: Key,
    kept: Sequence[KeptRows],
    now: datetime,
    wanted: Wanted | None = None,
) -> Window:
    """The predictions that these batches of labels are for, however long ago they were made, with what is wanted.

    Raises Lost.
    """
    batches = [await windows.read(frames, one) for one in kept]
    labels = await asyncio.to_thread(stacked, batches)
    if not labels.num_rows:
        return Window(Table(0, {}))
    named = await asyncio.to_thread(pc.unique, labels["id"])
    model, domain = of
    hashes = await asyncio.to_thread(lambda: np.unique(id_segments.hashes_of(pa.chunked_array([named]))))
    places = await id_index.places_of(database, frames, model, hashes, now)
    async with database.read() as connection:
        holding = await model_data.by_seq(connection, model, list(places), domain)
        coverage = await model_data.coverage(connection, model)
    parts = [await _rows_of(frames, one, places[one.seq], (wanted or Wanted()).takes(len(named))) for one in holding]
    joined, contradicting = await asyncio.to_thread(joined_with, parts, labels)
    unknown = len(named) - joined.num_rows
    told = [f"{unknown} of {len(named)} labels are for no prediction that is kept"] if unknown else []
    told += [f"{contradicting} predictions have different labels, of which the last counts"] if contradicting else []
    return Window(await asyncio.to_thread(_versioned, joined), (), "; ".join(told), delay_of(joined), coverage)


async def _rows_of(frames: Frames, kept: KeptRows, rows: Array, takes: Columns | None) -> pa.Table:
    return await windows.read(frames, kept, takes, np.unique(rows))


def _there(table: pa.Table, name: str) -> bool:
    """Whether a column holds anything: a column of nulls is no prediction and no label."""
    return name in table.column_names and table[name].null_count < max(table.num_rows, 1)


def _there_of(table: pa.Table, prefix: str) -> list[str]:
    named = [name for name in table.column_names if name.startswith(prefix)]
    return [name for name in named if table[name].null_count < max(table.num_rows, 1)]


def chosen(table: Table, mask: Array) -> Table:
    """Some of the rows: ``mask`` holds booleans, of shape (rows,)."""
    features = {name: column[mask] for name, column in table.features.items()}
    some = {name: None if (column := getattr(table, name)) is None else column[mask] for name in _COLUMNS}
    scores = {name: column[mask] for name, column in table.scores.items()}
    quantiles = {level: column[mask] for level, column in table.quantiles.items()}
    vectors = {name: column.filter(pa.array(mask)) for name, column in table.vectors.items()}
    rows = int(np.count_nonzero(mask))
    return Table(rows, features, **some, scores=scores, quantiles=quantiles, vectors=vectors)


_COLUMNS = ("ids", "prediction", "score", "label", "versions", "moments")
