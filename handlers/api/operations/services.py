"""Services: what depends on what, who answers for it, and how it is."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.access.scope import Scope
from bot.domain.severity import most_severe
from bot.storage.queries.learnt_edges import dependencies_of, names_after
from bot.storage.queries.listed.incidents import OpenServices, open_services
from handlers.api.named import require_team
from handlers.api.operation import Answer, Call, NoBody, operation
from handlers.api.shapes import ServicePage, ServiceShape

_MOST_OPEN, _PAGE = 2000, 500


class ServiceQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    team: str | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 500
    cursor: Annotated[str | None, Meta(description="`next` of the page before.")] = None


@operation(
    "GET",
    "/api/services",
    Scope.INCIDENTS_READ,
    summary="The services of the topology, also of what was learnt of it, and of open incidents, by name",
    query=ServiceQuery,
    answer=ServicePage,
)
async def list_services(call: Call[ServiceQuery, NoBody]) -> Answer:
    query, teams, described = call.query, call.backend.policy.teams, call.backend.rules.depends_on
    require_team(teams, query.team)
    async with call.database.read() as connection:
        opened = await open_services(connection, call.caller.domains, _MOST_OPEN)
        affected = _by_service(opened)
        own = {*described, *(below for others in described.values() for below in others), *affected}
        names = await _names(connection, call, own)
        shown = names[: query.limit]
        learnt = await dependencies_of(connection, call.now, call.caller.domains, shown)
    following = shown[-1] if len(names) > query.limit else None
    found = [
        ServiceShape(
            name,
            list(dict.fromkeys([*described.get(name, ()), *learnt.get(name, ())])),
            teams.of_service(name),
            most_severe([one.severity for one in affected[name]]) if name in affected else None,
            [one.number for one in affected.get(name, [])],
        )
        for name in shown
    ]
    return Answer(ServicePage(found, following))


async def _names(connection: AsyncConnection, call: Call[ServiceQuery, NoBody], own: Collection[str]) -> list[str]:
    """Of the next page, and one more where there is one: ``own`` names, and what was learnt of the topology."""
    query, teams = call.query, call.backend.policy.teams
    most, after = query.limit + 1, query.cursor or ""

    def wanted(name: str) -> bool:
        return bool(name) and (query.team is None or query.team in teams.of_service(name))

    found = {name for name in own if name > after and wanted(name)}
    learnt: list[str] = []
    while len(learnt) < most:
        some = await names_after(connection, call.now, call.caller.domains, after, max(most, _PAGE))
        learnt += filter(wanted, some)
        if len(some) < max(most, _PAGE):
            break
        after = some[-1]
    return sorted(found.union(learnt[:most]))[:most]


def _by_service(opened: Sequence[OpenServices]) -> dict[str, list[OpenServices]]:
    found: dict[str, list[OpenServices]] = defaultdict(list)
    for incident in opened:
        for service in incident.services:
            found[service].append(incident)
    return dict(found)
