"""Services: what depends on what, who answers for it, and how it is."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.domain.access.scope import Scope
from bot.domain.incident import Incident
from bot.domain.severity import most_severe
from bot.storage.queries.learnt_edges import LearntEdge, all_edges
from bot.storage.queries.listed.incidents import IncidentFilter, matching
from handlers.api.operation import Answer, Call, NoBody, operation
from handlers.api.shapes import ServicePage, ServiceShape

_MOST_OPEN = 2000


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
    query, teams = call.query, call.backend.policy.teams
    async with call.database.read() as connection:
        opened = await matching(connection, IncidentFilter("open", domains=call.caller.domains), None, _MOST_OPEN)
        learnt = await all_edges(connection, call.now, call.caller.domains)
    affected = _by_service(opened)
    depends_on = _together(call.backend.rules.depends_on, (edge for edge, _ in learnt))
    known = {*depends_on, *(below for others in depends_on.values() for below in others), *affected}
    names = sorted(one for one in known if query.team is None or query.team in teams.of_service(one))
    left = [name for name in names if query.cursor is None or name > query.cursor]
    shown = left[: query.limit]
    following = shown[-1] if len(left) > query.limit else None
    found = [
        ServiceShape(
            name,
            list(depends_on.get(name, [])),
            teams.of_service(name),
            most_severe([one.severity for one in affected[name]]) if name in affected else None,
            [one.number for one in affected.get(name, [])],
        )
        for name in shown
    ]
    return Answer(ServicePage(found, following))


def _together(described: Mapping[str, Sequence[str]], learnt: Iterable[LearntEdge]) -> dict[str, list[str]]:
    found = {service: dict.fromkeys(others) for service, others in described.items()}
    for edge in learnt:
        found.setdefault(edge.service, {})[edge.depends_on] = None
    return {service: list(others) for service, others in found.items()}


def _by_service(opened: list[Incident]) -> dict[str, list[Incident]]:
    found: dict[str, list[Incident]] = defaultdict(list)
    for incident in opened:
        for service in incident.services:
            found[service].append(incident)
    return dict(found)
