"""Incidents, read: the list with its filters, and one with its timeline."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.access.scope import Scope
from bot.domain.incident import Incident
from bot.domain.severity import Severity
from bot.storage.queries.listed.incidents import IncidentFilter, matching
from handlers.api.descriptions import describe, timeline_of
from handlers.api.found import incident_in
from handlers.api.named import require_service, require_team
from handlers.api.operation import Answer, Call, NoBody, NoQuery, Position, operation
from handlers.api.shapes import IncidentPage, IncidentShape

Status = Literal["triggered", "acknowledged", "resolved", "open"]
_PAGE, _MOST_READ = 200, 4000
"""Rows that are read at once, and for one answer: a filter that few match ends in a short page with a cursor."""


class ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: Annotated[Status | None, Meta(description="`open` is triggered or acknowledged.")] = None
    severity: Severity | None = None
    service: Annotated[str | None, Meta(description="One of its services.")] = None
    team: Annotated[str | None, Meta(description="Its team, or one that answers for one of its services.")] = None
    since: Annotated[Annotated[datetime, Meta(tz=True)] | None, Meta(description="Opened then or later.")] = None
    q: Annotated[str | None, Meta(description="In its title, summary or services, or its number.")] = None
    alerts: Annotated[bool, Meta(description="`false` leaves the alerts out.")] = True
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Annotated[Position | None, Meta(description="`next` of the page before.")] = None


@operation(
    "GET",
    "/api/incidents",
    Scope.INCIDENTS_READ,
    summary="List incidents, the newest first",
    query=ListQuery,
    answer=IncidentPage,
)
async def list_incidents(call: Call[ListQuery, NoBody]) -> Answer:
    query, teams = call.query, call.backend.policy.teams
    async with call.database.read() as connection:
        found, following = await _page(connection, call)
        if not found and following is None and query.cursor is None:
            require_team(teams, query.team)
            await require_service(connection, call, query.service)
        described = await describe(connection, found, teams, with_alerts=query.alerts)
    return Answer(IncidentPage(described, following))


async def _page(connection: AsyncConnection, call: Call[ListQuery, NoBody]) -> tuple[list[Incident], str | None]:
    """As many as are wanted, and the cursor behind them."""
    query = call.query
    wanted = IncidentFilter(query.status, query.severity, query.service, query.since, query.q, call.caller.domains)
    found: list[Incident] = []
    below, read = query.cursor, 0
    while read < _MOST_READ:
        size = min(_PAGE, query.limit + 1) if query.team is None else _PAGE
        rows = await matching(connection, wanted, below, size)
        for incident in _of_team(rows, call):
            if len(found) == query.limit:
                return found, str(found[-1].number)
            found.append(incident)
        if len(rows) < size:
            return found, None
        below, read = rows[-1].number, read + len(rows)
    return found, str(below)


def _of_team(rows: list[Incident], call: Call[ListQuery, NoBody]) -> Iterator[Incident]:
    teams = call.backend.policy.teams
    wanted = call.query.team
    return (one for one in rows if wanted is None or wanted in teams.of_incident(one.team, one.services))


@operation(
    "GET",
    "/api/incidents/{id}",
    Scope.INCIDENTS_READ,
    summary="One incident with its alerts and timeline, by id or number",
    answer=IncidentShape,
)
async def show_incident(call: Call[NoQuery, NoBody]) -> Answer:
    async with call.database.read() as connection:
        incident = await incident_in(connection, call, call.path["id"])
        [described] = await describe(connection, [incident], call.backend.policy.teams)
        timeline = await timeline_of(connection, incident.id)
    return Answer(msgspec.structs.replace(described, timeline=timeline), incident.version)
