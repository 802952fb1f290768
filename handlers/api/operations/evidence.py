"""What an investigation reads around an incident: what was changed, and which runbooks are for it."""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.domain.access.scope import Scope
from bot.incidents.offers import fitting
from bot.storage.queries import alerts, changes
from handlers.api.found import incident_in
from handlers.api.named import require_service
from handlers.api.operation import Answer, Call, NoBody, NoQuery, operation

_HOURS = timedelta(hours=24)
Moment = Annotated[datetime, Meta(tz=True)]


class ChangeShape(msgspec.Struct, frozen=True):
    at: datetime
    service: str
    kind: str
    title: str
    version: str
    actor: str
    source: str
    link: str
    domain: str


class ChangesPage(msgspec.Struct, frozen=True):
    changes: list[ChangeShape]


class ChangesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    service: Annotated[str, Meta(max_length=200, description="What was changed.")]
    since: Annotated[Moment | None, Meta(description="Default: a day ago.")] = None
    until: Annotated[Moment | None, Meta(description="Default: now.")] = None


class RunbookShape(msgspec.Struct, frozen=True):
    name: str
    title: str


class RunbooksPage(msgspec.Struct, frozen=True):
    runbooks: list[RunbookShape]


@operation(
    "GET",
    "/api/changes",
    Scope.INCIDENTS_READ,
    summary="Deploys and other changes of a service, the latest first, at most a hundred",
    query=ChangesQuery,
    answer=ChangesPage,
)
async def list_changes(call: Call[ChangesQuery, NoBody]) -> Answer:
    query, until = call.query, call.query.until or call.now
    async with call.database.read() as connection:
        domains = call.caller.domains or await changes.domains_of(connection, query.service)
        found = await changes.between(connection, domains, [query.service], query.since or until - _HOURS, until)
        if not found:
            await require_service(connection, call, query.service)
    shapes = [
        ChangeShape(
            one.at, one.service, one.change, one.title, one.version, one.actor, one.source, one.link, one.domain
        )
        for one in found
    ]
    return Answer(ChangesPage(shapes))


@operation(
    "GET",
    "/api/incidents/{id}/runbooks",
    Scope.INCIDENTS_READ,
    Scope.RUNS_PROPOSE,
    summary="The runbooks that fit it and may be proposed",
    answer=RunbooksPage,
)
async def fitting_runbooks(call: Call[NoQuery, NoBody]) -> Answer:
    async with call.database.read() as connection:
        incident = await incident_in(connection, call, call.path["id"])
        tallies = (await alerts.tallies_of(connection, [incident.id])).get(incident.id, [])
        books = call.backend.rules.runbooks
        fit = await fitting(connection, books, incident, tallies)
    return Answer(RunbooksPage([RunbookShape(name, books[name].title) for name in fit]))
