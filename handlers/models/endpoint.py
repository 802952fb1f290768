"""``POST /models/{model}/predictions`` and ``/labels``: 202 when the rows are on disk and the inbox knows of them."""

from collections.abc import Callable
from datetime import datetime

import msgspec
import pyarrow as pa
from aiohttp import web

from bot.domain.event import NOT_INLINE, RowsEvent, RowsKind
from bot.domain.rules import Rules
from bot.inbox.intake import Intake, entries_for
from bot.model_store.columns import digest_of, span_of
from bot.model_store.frames import Frames
from bot.model_store.json_rows import inline_of
from bot.model_store.layout import labels_apart
from bot.observability.metrics import EVENTS_ACCEPTED
from bot.storage.database import Database
from handlers.models.access import Access, query_of
from handlers.models.references import ReferenceEndpoint
from handlers.models.uploads import Uploads

MOST_INLINE = 200
"""Rows that need no file of their own: who sends them one by one shall not fill the store with files of one row."""
_SOURCE = "models"


class RowsEndpoint:
    def __init__(
        self, intake: Intake, frames: Frames, uploads: Uploads, clock: Callable[[], datetime], rules: Rules
    ) -> None:
        self._intake = intake
        self._frames = frames
        self._uploads = uploads
        self._clock = clock
        self._partition_by = rules.correlation.partition_by
        self._partitions = rules.partitions

    async def predictions(self, request: web.Request) -> web.Response:
        return await self._take(request, RowsKind.PREDICTIONS)

    async def labels(self, request: web.Request) -> web.Response:
        return await self._take(request, RowsKind.LABELS)

    async def _take(self, request: web.Request, holds: RowsKind) -> web.Response:
        labels = query_of(request, self._partition_by)
        async with self._uploads.table(request, holds) as given:
            received_at, came = self._clock(), [(holds, given.table)]
            notes = dict(given.notes)
            if holds is RowsKind.PREDICTIONS and (apart := labels_apart(given.table))[1] is not None:
                came = [(holds, apart[0]), (RowsKind.LABELS, apart[1])]
                notes["label"] = f"{apart[1].num_rows} labels were taken along"
            if given.table.num_rows:
                model = request.match_info["model"]
                events = [await self._event(model, *one, labels, received_at) for one in came]
                entries = entries_for(events, _SOURCE, received_at, self._partition_by, self._partitions)
                await self._intake.append(entries)
        EVENTS_ACCEPTED.labels(_SOURCE).inc(bool(given.table.num_rows))
        answer = {"accepted": given.table.num_rows} | ({"notes": notes} if notes else {})
        return web.Response(body=msgspec.json.encode(answer), status=202, content_type="application/json")

    async def _event(
        self, model: str, holds: RowsKind, table: pa.Table, labels: dict[str, str], received_at: datetime
    ) -> RowsEvent:
        """The rows are on disk, or in the event."""
        inline = inline_of(table, holds) if table.num_rows <= MOST_INLINE else None
        digest = digest_of(table) if inline else await self._frames.put(table)
        return _event(model, holds, digest, inline, table, labels, received_at)


def _event(
    model: str,
    holds: RowsKind,
    digest: str,
    inline: bytes | None,
    table: pa.Table,
    labels: dict[str, str],
    received_at: datetime,
) -> RowsEvent:
    first, last = span_of(table, received_at)
    return RowsEvent(
        source=_SOURCE,
        model=model,
        holds=holds,
        digest=digest,
        rows=table.num_rows,
        labels=labels,
        version=_version_of(table),
        first_at=first,
        last_at=last,
        inline=msgspec.Raw(inline) if inline else NOT_INLINE,
    )


def _version_of(table: pa.Table) -> str:
    """The model version, if all rows are of one."""
    versions = table["version"].unique().to_pylist() if "version" in table.column_names else []
    return str(versions[0] or "") if len(versions) == 1 else ""


def add_model_routes(
    app: web.Application,
    intake: Intake,
    database: Database,
    frames: Frames,
    token: str | None,
    clock: Callable[[], datetime],
    rules: Rules,
) -> None:
    """The endpoints of the models that tandem.yaml names. ``token`` is the bearer token that senders show."""
    access, uploads = Access(token, rules.models.keys()), Uploads()
    rows = RowsEndpoint(intake, frames, uploads, clock, rules)
    app.router.add_post("/models/{model}/predictions", access.guarded(rows.predictions))
    app.router.add_post("/models/{model}/labels", access.guarded(rows.labels))
    ReferenceEndpoint(database, frames, uploads, clock, rules.models).add_routes(app, access)
