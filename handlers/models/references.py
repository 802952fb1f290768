"""The endpoints for reference data: put a version, list, compare, pin, end it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from bot.config.nearest import nearest
from bot.domain.duration import parse_duration
from bot.domain.watched.monitor import Declared, WatchedModel
from bot.model_store import references
from bot.model_store.columns import FEATURE, REFERENCE
from bot.model_store.features import profiles
from bot.model_store.frames import Frames
from bot.model_store.production import Span, rows_of
from bot.model_store.references import Lineage, Reference, Stored
from bot.storage.database import Database
from handlers.models.access import Access, Refusal, query_of, version_of
from handlers.models.importance import importance_in
from handlers.models.uploads import Uploads

_LINEAGE = tuple(name for name in Lineage.__struct_fields__ if name != "importance")
_SPAN = ("since", "until")
_PARAMETERS = (*_LINEAGE, "expires_in", "replace", *_SPAN)
_AT = "/models/{model}/references"
_CLOSE = {"Connection": "close"}


class ReferenceEndpoint:
    """``models`` is what tandem.yaml says of each: which features of numbers are categories."""

    def __init__(
        self,
        database: Database,
        frames: Frames,
        uploads: Uploads,
        clock: Callable[[], datetime],
        models: Mapping[str, WatchedModel],
    ) -> None:
        self._database = database
        self._frames = frames
        self._uploads = uploads
        self._clock = clock
        self._models = models

    def add_routes(self, app: web.Application, access: Access) -> None:
        app.router.add_get(_AT, access.guarded(self.list), allow_head=False)
        app.router.add_put(_AT + "/{version}", access.guarded(self.put))
        app.router.add_get(_AT + "/{version}", access.guarded(self.get), allow_head=False)
        app.router.add_delete(_AT + "/{version}", access.guarded(self.end))
        app.router.add_put(_AT + "/{version}/importance", access.guarded(self.set_importance))
        app.router.add_post(_AT + "/{version}/pin", access.guarded(self.pin))
        app.router.add_delete(_AT + "/{version}/pin", access.guarded(self.unpin))
        app.router.add_get(_AT + "/{version}/diff/{other}", access.guarded(self.compare), allow_head=False)

    async def put(self, request: web.Request) -> web.Response:
        """201 for a new version, 200 where it has this content already, 409 where it has another."""
        model, version = request.match_info["model"], version_of(request)
        query = query_of(request, _PARAMETERS)
        replace, now = _replace_of(query), self._clock()
        expires_at = _expires_at(query, now)
        lineage = msgspec.convert({name: query[name] for name in _LINEAGE if name in query}, Lineage)
        span = _span_of(query)
        if span is None:
            stored, notes = await self._store(request, model)
        else:
            stored, notes = await self._from_production(request, model, span), {}
        async with self._database.write() as connection:
            reference, new = await references.save(
                connection, model, version, stored, lineage, now, expires_at, replace
            )
        return _json(_described(reference) | ({"notes": notes} if notes else {}), 201 if new else 200)

    async def _store(self, request: web.Request, model: str) -> tuple[Stored, Mapping[str, str]]:
        async with self._uploads.table(request, REFERENCE) as given:
            return await profiles.store(self._frames, given.table, *self._declared(model)), given.notes

    async def _from_production(self, request: web.Request, model: str, span: Span) -> Stored:
        if request.body_exists and await request.content.read(1):
            raise Refusal(400, "With since and until the rows are those that are kept: send no body.", _CLOSE)
        table = await rows_of(self._database, self._frames, model, span)
        return await profiles.store(self._frames, table, *self._declared(model))

    def _declared(self, model: str) -> Declared:
        return Declared.of(self._models[model].features)

    async def list(self, request: web.Request) -> web.Response:
        model = request.match_info["model"]
        async with self._database.read() as connection:
            found = await references.versions(connection, model)
            current = await references.current(connection, model, self._clock())
        query = [_described(reference) for reference in found]
        return _json({"references": query, "current": current.version if current else None})

    async def get(self, request: web.Request) -> web.Response:
        return _json(_described(await self._known(request)))

    async def compare(self, request: web.Request) -> web.Response:
        """What changed from the first version named to the second."""
        from bot.model_store.reference_diff import difference  # brings SciPy

        before, after = await self._known(request), await self._known(request, "other")
        one, other = [await profiles.profile_of(self._frames, known) for known in (before, after)]
        found = await asyncio.to_thread(difference, one, other)
        named = {"from": before.version, "to": after.version, "same_content": before.digest == after.digest}
        return _json(named | msgspec.to_builtins(found))

    async def set_importance(self, request: web.Request) -> web.Response:
        """How much the model goes by each feature, on any scale."""
        given = await importance_in(request)
        reference = await self._known(request)
        if strange := sorted(name for name in given if FEATURE + name not in reference.columns):
            features = [name.removeprefix(FEATURE) for name in reference.columns if name.startswith(FEATURE)]
            near = nearest(strange[0], features)
            raise Refusal(400, f"{reference.version!r} has no feature {strange[0][:60]!r}{near}")
        async with self._database.write() as connection:
            found = await references.set_importance(connection, reference.model, reference.version, given)
        if found is None:
            raise Refusal(404, f"{reference.model} has no reference {reference.version!r}.")
        return _json(_described(found))

    async def pin(self, request: web.Request) -> web.Response:
        reference = await self._known(request)
        async with self._database.write() as connection:
            await references.pin(connection, reference.model, reference.version)
        return _json(_described(msgspec.structs.replace(reference, pinned=True)))

    async def unpin(self, request: web.Request) -> web.Response:
        reference = await self._known(request)
        async with self._database.write() as connection:
            await references.unpin(connection, reference.model)
        return _json(_described(msgspec.structs.replace(reference, pinned=False)))

    async def end(self, request: web.Request) -> web.Response:
        """The version is removed with the next tidying; a check that reads its data is not disturbed."""
        reference, now = await self._known(request), self._clock()
        if reference.pinned:
            raise Refusal(409, f"{reference.version!r} is pinned: DELETE its …/pin first, or pin another version.")
        async with self._database.write() as connection:
            await references.expire(connection, reference.model, reference.version, now)
        return _json(_described(msgspec.structs.replace(reference, expires_at=now)))

    async def _known(self, request: web.Request, part: str = "version") -> Reference:
        model, version = request.match_info["model"], version_of(request, part)
        async with self._database.read() as connection:
            found = await references.get(connection, model, version)
            known = [] if found else [one.version for one in await references.versions(connection, model)]
        if found is None:
            raise Refusal(404, f"{model} has no reference {version!r}{nearest(version, known)}")
        return found


def _replace_of(query: Mapping[str, str]) -> bool:
    if query.get("replace", "false") not in ("true", "false"):
        raise Refusal(400, "replace is true or false.", {"Connection": "close"})
    return query.get("replace") == "true"


def _span_of(query: Mapping[str, str]) -> Span | None:
    """Of which time the kept predictions are to be the reference; None where the rows are in the body."""
    if not any(name in query for name in _SPAN):
        return None
    try:
        since, until = (datetime.fromisoformat(query[name]) for name in _SPAN)
    except (KeyError, ValueError) as error:
        raise Refusal(400, "since and until are moments in RFC 3339; give both.", _CLOSE) from error
    if since.tzinfo is None or until.tzinfo is None or since >= until:
        raise Refusal(400, "since and until have a zone, as in 2026-11-01T00:00:00Z, and since is earlier.", _CLOSE)
    return Span(since.astimezone(UTC), until.astimezone(UTC), query.get("model_version"))


def _expires_at(query: Mapping[str, str], now: datetime) -> datetime | None:
    if "expires_in" not in query:
        return None
    try:
        return now + parse_duration(query["expires_in"])
    except (ValueError, OverflowError) as error:
        raise Refusal(400, f"expires_in: {error}", {"Connection": "close"}) from error


def _described(reference: Reference) -> dict[str, Any]:
    """A reference as the endpoints show it; columns by the names that its sender gave them."""
    fields: dict[str, Any] = msgspec.to_builtins(reference)
    fields["columns"] = {name.removeprefix(FEATURE): kind for name, kind in reference.columns.items()}
    del fields["profile"]
    return fields


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
