"""Versions of a model's reference data: what it is compared with. Their data: see
:mod:`bot.model_store.features.profiles`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Select, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import TandemError
from bot.model_store import unused_files
from bot.model_store.frames import file_of
from bot.storage.database import insert_missing, row_of, table_of, upsert
from bot.storage.tables.models import ReferenceRow

_REFERENCE = table_of(ReferenceRow)
MOST_VERSIONS = 1000


class Lineage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a reference comes from; ``source_digest`` is what DVC (an md5) or MLflow (a digest) calls the data.

    ``positive`` is the class that metrics of one class are of; ``importance`` is how much the model goes by
    each feature. ``run`` and ``commit`` are of what made the data.
    """

    model_version: str = ""
    data_version: str = ""
    created_by: str = ""
    source_digest: str = ""
    positive: str = ""
    importance: dict[str, float] = {}
    run: str = ""
    commit: str = ""

    @property
    def data_in_words(self) -> str:
        """The data that it was made of; empty where nothing is known of that.

        >>> Lineage(data_version="41", run="0176", commit="abc").data_in_words
        'data version 41, run 0176, commit abc'
        """
        digest = "" if self.data_version else self.source_digest
        parts = (("data version", self.data_version), ("digest", digest), ("run", self.run), ("commit", self.commit))
        return ", ".join(f"{name} {value}" for name, value in parts if value)


class Reference(msgspec.Struct, frozen=True):
    """``digest`` names the frame, ``profile`` the file of the profile, ``columns`` its columns' types."""

    model: str
    version: str
    digest: str
    profile: str
    rows: int
    columns: dict[str, str]
    lineage: Lineage
    created_at: datetime
    pinned: bool = False
    expires_at: datetime | None = None


class Taken(TandemError):
    """The version exists with other content."""


class Stored(NamedTuple):
    """Reference data that is in the store, not yet under a version."""

    digest: str
    profile: str
    rows: int
    columns: Mapping[str, str]


async def save(
    connection: AsyncConnection,
    model: str,
    version: str,
    stored: Stored,
    lineage: Lineage,
    now: datetime,
    expires_at: datetime | None = None,
    replace: bool = False,
) -> tuple[Reference, bool]:
    """Give stored data a version; says whether it is new. Raises Taken where the version has other content."""
    content = (stored.digest, stored.profile, stored.rows, dict(stored.columns))
    new = Reference(model, version, *content, lineage, created_at=now, expires_at=expires_at)
    if await insert_missing(connection, _REFERENCE, [_row(new)]):
        return new, True
    known = await get(connection, model, version, lock=True)
    assert known is not None
    if known.digest == new.digest:
        return await _with_profile(connection, known, stored.profile, now), False
    if not replace:
        raise Taken(f"{model} has a reference {version!r} with other content, {known.digest}")
    new = msgspec.structs.replace(new, pinned=known.pinned)
    await unused_files.note(connection, reference_files(known), now)
    await upsert(connection, _REFERENCE, [_row(new)])
    return new, True


async def _with_profile(connection: AsyncConnection, known: Reference, profile: str, now: datetime) -> Reference:
    """The reference with the profile built last: other features may be called categorical by now."""
    if known.profile == profile:
        return known
    changed = msgspec.structs.replace(known, profile=profile)
    await upsert(connection, _REFERENCE, [_row(changed)])
    await unused_files.note(connection, [known.profile], now)
    return changed


async def versions(connection: AsyncConnection, model: str) -> list[Reference]:
    """A model's references, the newest first."""
    query = select(_REFERENCE).where(_REFERENCE.c.model == model)
    return await _found(connection, query.order_by(*_NEWEST_FIRST).limit(MOST_VERSIONS))


async def get(connection: AsyncConnection, model: str, version: str, lock: bool = False) -> Reference | None:
    query = select(_REFERENCE).where(_REFERENCE.c.model == model, _REFERENCE.c.version == version)
    found = await _found(connection, query.with_for_update() if lock else query)
    return found[0] if found else None


async def current(connection: AsyncConnection, model: str, now: datetime) -> Reference | None:
    """What the model is to be compared with: the pinned version, or else the newest that has not expired."""
    in_force = or_(_REFERENCE.c.pinned, _REFERENCE.c.expires_at.is_(None), _REFERENCE.c.expires_at > now)
    query = select(_REFERENCE).where(_REFERENCE.c.model == model, in_force)
    found = await _found(connection, query.order_by(_REFERENCE.c.pinned.desc(), *_NEWEST_FIRST).limit(1))
    return found[0] if found else None


async def newest_of(connection: AsyncConnection, model: str, prefix: str, now: datetime) -> Reference | None:
    """The last, by name, of the versions that begin so and have not expired."""
    mine = (_REFERENCE.c.model == model, _REFERENCE.c.version.startswith(prefix, autoescape=True))
    in_force = or_(_REFERENCE.c.expires_at.is_(None), _REFERENCE.c.expires_at > now)
    query = select(_REFERENCE).where(*mine, in_force).order_by(_REFERENCE.c.version.desc()).limit(1)
    found = await _found(connection, query)
    return found[0] if found else None


async def of_model_version(
    connection: AsyncConnection, model: str, model_version: str, now: datetime
) -> Reference | None:
    """The newest that is of this version of the model and has not expired; a pinned one before others."""
    mine = [one for one in await versions(connection, model) if one.lineage.model_version == model_version]
    in_force = [one for one in mine if one.pinned or one.expires_at is None or one.expires_at > now]
    return min(in_force, key=lambda one: not one.pinned, default=None)


async def set_importance(
    connection: AsyncConnection, model: str, version: str, importance: Mapping[str, float]
) -> Reference | None:
    """Note how much the model goes by each feature; None where there is no such version."""
    known = await get(connection, model, version, lock=True)
    if known is None:
        return None
    lineage = msgspec.structs.replace(known.lineage, importance=dict(importance))
    mine = (_REFERENCE.c.model == model, _REFERENCE.c.version == version)
    await connection.execute(update(_REFERENCE).where(*mine).values(lineage=msgspec.to_builtins(lineage)))
    return msgspec.structs.replace(known, lineage=lineage)


async def pin(connection: AsyncConnection, model: str, version: str) -> bool:
    """Make this version the current one until another is pinned; says whether it exists."""
    if await get(connection, model, version, lock=True) is None:
        return False
    is_it = _REFERENCE.c.version == version
    await connection.execute(update(_REFERENCE).where(_REFERENCE.c.model == model).values(pinned=is_it))
    return True


async def unpin(connection: AsyncConnection, model: str) -> None:
    """Let the newest version be the current one again."""
    await connection.execute(update(_REFERENCE).where(_REFERENCE.c.model == model).values(pinned=False))


async def expire(connection: AsyncConnection, model: str, version: str, at: datetime) -> bool:
    """Have a version end at a moment; says whether it exists. A pinned one stays until it is pinned no more."""
    mine = (_REFERENCE.c.model == model, _REFERENCE.c.version == version)
    result = await connection.execute(update(_REFERENCE).where(*mine).values(expires_at=at))
    return result.rowcount > 0


async def remove_expired(connection: AsyncConnection, now: datetime) -> None:
    """Remove the references whose time is over; their files go a while later."""
    over = (_REFERENCE.c.expires_at <= now, _REFERENCE.c.pinned.is_(False))
    found = await _found(connection, select(_REFERENCE).where(*over))
    await connection.execute(delete(_REFERENCE).where(*over))
    files = [name for reference in found for name in reference_files(reference)]
    await unused_files.note(connection, files, now)


def reference_files(reference: Reference) -> tuple[str, str]:
    return file_of(reference.digest), reference.profile


_NEWEST_FIRST = (_REFERENCE.c.created_at.desc(), _REFERENCE.c.version.desc())


async def _found(connection: AsyncConnection, query: Select[Any]) -> list[Reference]:
    rows = (await connection.execute(query)).mappings().all()
    return [msgspec.convert(dict(row), Reference) for row in rows]


def _row(reference: Reference) -> dict[str, Any]:
    return row_of(reference) | {"lineage": msgspec.to_builtins(reference.lineage)}
