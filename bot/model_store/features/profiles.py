"""Reference data as it is stored, and its profile: what each feature looks like."""

import asyncio
import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

import pyarrow as pa

from bot.domain.watched.monitor import Declared
from bot.model_store.columns import FEATURE, QUANTILE, SCORE, array_of, canonical, schema_of, vectors_in
from bot.model_store.features.texts import text_column_of
from bot.model_store.features.vectors import is_packed, vectors_of
from bot.model_store.frames import Frames
from bot.model_store.references import Reference, Stored
from detectors.drift.categories import Categorical
from detectors.drift.packing import Array
from detectors.drift.profile import Profile, build
from detectors.drift.sketch import build_in_parts
from detectors.embeddings import profile as vector_profile
from detectors.embeddings.profile import VectorProfile

_ANSWERS = ("prediction", "score")
_OUTPUTS = ("prediction", "score", "label")
Found = TypeVar("Found")
_PART = 2**18
"""Rows that are unpacked at once to build a profile."""


async def store(
    frames: Frames, table: pa.Table, categorical: Collection[str] = (), texts: Collection[str] = ()
) -> Stored:
    """Put reference data and its profile, built now and never again, into the store. Raises Unfit."""
    declared = Declared(categorical, texts)
    table = await asyncio.to_thread(canonical, table)
    digest = await frames.put(table)
    profile = await asyncio.to_thread(_profile, table, declared)
    name = f"{digest}.{_kind_of(profile, declared)}.profile"
    await frames.put_bytes(name, await asyncio.to_thread(profile.state))
    return Stored(digest, name, table.num_rows, schema_of(table))


async def profile_of(frames: Frames, reference: Reference) -> Profile:
    """The profile of the reference's features, as it was built when it came. Raises Lost."""
    whole = Profile.restore(await frames.get_bytes(reference.profile))
    return Profile(whole.rows, _features(whole.columns), _features(whole.vectors), _features(whole.texts))


def _features(columns: Mapping[str, Found]) -> dict[str, Found]:
    return {name.removeprefix(FEATURE): column for name, column in columns.items() if name.startswith(FEATURE)}


async def outputs_of(frames: Frames, reference: Reference) -> Profile:
    """The profile of the reference's ``prediction``, ``score`` and ``label``, as far as it has them. Raises Lost."""
    whole = Profile.restore(await frames.get_bytes(reference.profile))
    return Profile(whole.rows, {name: column for name, column in whole.columns.items() if name in _OUTPUTS})


async def answers_of(frames: Frames, reference: Reference) -> Profile:
    """The profile of all that the model answered on the reference: predictions, scores, quantiles. Raises Lost."""
    table = await frames.get_some(reference.digest, lambda name: name in _ANSWERS or name.startswith((SCORE, QUANTILE)))
    there = [name for name in table.column_names if table[name].null_count < max(table.num_rows, 1)]
    return await asyncio.to_thread(lambda: build({name: array_of(table[name]) for name in there}))


def _profile(table: pa.Table, declared: Declared) -> Profile:
    names = [name for name in table.column_names if name.startswith(FEATURE) or name in _OUTPUTS]
    columns = {name: _parts(table[name]) for name in names if not is_packed(table[name].type)}
    profile = build_in_parts(columns, [FEATURE + name for name in declared.categorical])
    texts = {name: text_column_of(table[name]) for name in _texts(table, declared)}
    return Profile(table.num_rows, profile.columns, _vectors(table), texts)


def _vectors(table: pa.Table) -> dict[str, VectorProfile]:
    ids = table["id"] if "id" in table.column_names else None
    id_at = None if ids is None else (lambda place: ids[place].as_py())  # a list of all would hold the loop up
    found = vectors_in(table).items()
    return {FEATURE + name: vector_profile.profile_of(vectors_of(column), id_at) for name, column in found}


def _texts(table: pa.Table, declared: Declared) -> list[str]:
    named = [FEATURE + name for name in declared.texts]
    return [name for name in named if name in table.column_names and pa.types.is_string(table[name].type)]


def _kind_of(profile: Profile, declared: Declared) -> str:
    """What the profile depends on beside the data; hashed categories have not always been."""
    hashed = [name for name, column in profile.columns.items() if isinstance(column, Categorical) and column.hashed]
    texts = [f"text {name}" for name in sorted(profile.texts)]
    named = [*sorted(declared.categorical), *hashed, *texts]
    return hashlib.blake2b("\0".join(named).encode(), digest_size=4).hexdigest()


def _parts(column: pa.ChunkedArray) -> Iterator[Array]:
    """The column piece by piece: as objects, text takes many times the memory that it has in the table."""
    return (array_of(column.slice(start, _PART)) for start in range(0, len(column), _PART))
