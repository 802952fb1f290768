"""``POST /models/{model}/predictions`` and ``/labels``: 202 when the rows are on disk and the inbox knows of them."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from aiohttp import web

from bot.domain.event import RowsKind
from bot.domain.rules import Rules
from bot.inbox.intake import Intake
from bot.integrations.rows import SOURCE, RowsIntake
from bot.model_store.frames import Frames
from bot.observability.metrics import EVENTS_ACCEPTED
from bot.storage.database import Database
from handlers.models.access import Access, key_of, query_of
from handlers.models.references import ReferenceEndpoint
from handlers.models.uploads import Uploads


class RowsEndpoint:
    def __init__(self, intake: RowsIntake, uploads: Uploads, partition_by: Sequence[str]) -> None:
        self._intake, self._uploads, self._partition_by = intake, uploads, partition_by

    async def predictions(self, request: web.Request) -> web.Response:
        return await self._take(request, RowsKind.PREDICTIONS)

    async def labels(self, request: web.Request) -> web.Response:
        return await self._take(request, RowsKind.LABELS)

    async def _take(self, request: web.Request, holds: RowsKind) -> web.Response:
        labels, key = query_of(request, self._partition_by), key_of(request)
        async with self._uploads.table(request, holds) as given:
            notes = await self._intake.take(request.match_info["model"], holds, given, labels, key)
        EVENTS_ACCEPTED.labels(SOURCE).inc(bool(given.table.num_rows))
        answer = {"accepted": given.table.num_rows} | ({"notes": notes} if notes else {})
        return web.Response(body=msgspec.json.encode(answer), status=202, content_type="application/json")


def add_routes(
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
    rows = RowsEndpoint(RowsIntake(intake.append, frames, clock, rules), uploads, rules.correlation.partition_by)
    app.router.add_post("/models/{model}/predictions", access.guarded(rows.predictions))
    app.router.add_post("/models/{model}/labels", access.guarded(rows.labels))
    ReferenceEndpoint(database, frames, uploads, clock, rules.models).add_routes(app, access)
