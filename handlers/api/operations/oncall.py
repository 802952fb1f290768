"""Who is on call now."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.domain.access.person import schedule_of
from bot.domain.access.scope import Scope
from bot.domain.access.team import Teams
from bot.routing.schedules.roster import NowOnCall, Roster, notes_of
from handlers.api.named import require_service, require_team
from handlers.api.operation import Answer, Call, NoBody, operation

Name = Annotated[str, Meta(max_length=200)]


class OnCallQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    service: Annotated[Name | None, Meta(description="Of the teams that answer for it.")] = None
    team: Annotated[Name | None, Meta(description="A team of tandem.yaml.")] = None


class OnCallPerson(msgspec.Struct, frozen=True):
    """``user`` is the id in Slack, null for somebody who is not found there."""

    user: str | None
    name: str


class OnCallShape(msgspec.Struct, frozen=True):
    schedule: str
    teams: Annotated[
        list[str], Meta(description="The teams whose schedule it is: among their members, or of their name.")
    ]
    people: list[OnCallPerson]
    until: datetime | None
    next: Annotated[list[str], Meta(description="Who follows then.")]
    notes: Annotated[list[str], Meta(description="What is to be doubted about that; none where all is sure.")]


class OnCallPage(msgspec.Struct, frozen=True):
    on_call: list[OnCallShape]


@operation(
    "GET",
    "/api/oncall",
    Scope.INCIDENTS_READ,
    summary="Who is on call now, of every schedule, or of those of a service or a team",
    query=OnCallQuery,
    answer=OnCallPage,
)
async def who_is_on_call(call: Call[OnCallQuery, NoBody]) -> Answer:
    """A schedule is of no correlation domain."""
    teams, roster = call.backend.policy.teams, call.backend.known.roster
    require_team(teams, call.query.team)
    async with call.database.read() as connection:
        await require_service(connection, call, call.query.service)
    if roster is None:
        return Answer(OnCallPage([]))
    found = await roster.now()
    of_teams = {name: [team for team in teams.by_name if _has(teams, team, name)] for name in found}
    wanted = [one for name, one in found.items() if _is_asked_for(call.query, teams, of_teams[name])]
    return Answer(OnCallPage([_shape(roster, one, of_teams[one.schedule]) for one in wanted]))


def _has(teams: Teams, team: str, schedule: str) -> bool:
    """Whether a schedule is a team's: it is among its members, or has its name."""
    return team == schedule or schedule in {schedule_of(member) for member in teams.members_of([team])}


def _is_asked_for(query: OnCallQuery, teams: Teams, of_teams: Sequence[str]) -> bool:
    if query.team is not None and query.team not in of_teams:
        return False
    return query.service is None or not set(teams.of_service(query.service)).isdisjoint(of_teams)


def _shape(roster: Roster, one: NowOnCall, teams: list[str]) -> OnCallShape:
    people = [OnCallPerson(user, roster.name_of(user)) for user in one.people]
    people += [OnCallPerson(None, name) for name in one.unknown]
    following = [roster.name_of(user) for user in one.turn.then]
    return OnCallShape(one.schedule, teams, people, one.turn.until, following, list(notes_of(one)))
