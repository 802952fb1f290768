"""The audit log, read: who did what, when."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import RowMapping

from bot.domain.access.scope import Scope
from bot.storage.queries.listed.audit import AuditFilter, listed
from handlers.api.operation import Answer, Call, NoBody, Position, operation
from handlers.api.shapes import AuditPage, AuditShape


class AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    actor: str | None = None
    action: Annotated[str | None, Meta(description="As in `incident.acknowledged`.")] = None
    subject: Annotated[str | None, Meta(description="As in `incident ID`.")] = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Annotated[Position | None, Meta(description="`next` of the page before.")] = None


@operation(
    "GET",
    "/api/audit",
    Scope.INCIDENTS_READ,
    summary="The audit log, the newest first; a token of some domains sees what is about their incidents",
    query=AuditQuery,
    answer=AuditPage,
)
async def read_audit(call: Call[AuditQuery, NoBody]) -> Answer:
    query = call.query
    wanted = AuditFilter(query.actor, query.action, query.subject, query.since, call.caller.domains)
    async with call.database.read() as connection:
        rows = await listed(connection, wanted, query.cursor, query.limit + 1)
    shown = rows[: query.limit]
    following = str(shown[-1]["seq"]) if len(rows) > query.limit else None
    return Answer(AuditPage([_shape(row) for row in shown], following))


def _shape(row: RowMapping) -> AuditShape:
    details: dict[str, Any] = msgspec.json.decode(row["details"])
    at = datetime.fromisoformat(row["at"])
    return AuditShape(row["seq"], at, row["actor"], row["action"], row["subject"], details, row["hash"])
