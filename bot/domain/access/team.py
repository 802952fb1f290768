"""A team: the services that it answers for, and who is in it."""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.access.person import SlackId


class Team(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    services: Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=1000)] = []
    """The services it answers for; `*` stands for any characters."""
    members: Annotated[list[SlackId], Field(max_length=1000)] = []
    """Who is in it: Slack user ids (`U…`) and user group ids (`S…`)."""

    def answers_for(self, service: str) -> bool:
        return any(fnmatchcase(service, pattern) for pattern in self.services)


def teams_of(services: Collection[str], teams: Mapping[str, Team]) -> dict[str, Team]:
    """The teams that answer for any of these services, by name."""
    return {name: team for name, team in teams.items() if any(map(team.answers_for, services))}
