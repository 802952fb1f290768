"""A team: the services that it answers for, and who is in it."""

import re
from collections.abc import Collection, Iterator, Mapping
from fnmatch import translate
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.access.person import SlackId

_WILD = "*?["


class Team(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    services: Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=1000)] = []
    """The services it answers for; `*` stands for any characters."""
    members: Annotated[list[SlackId], Field(max_length=1000)] = []
    """Who is in it: Slack user ids (`U…`) and user group ids (`S…`)."""


class Teams:
    """Which teams answer for a service: those whose patterns fit it, else the one that a catalog names as its owner.

    A pattern is found by what stands before its first wildcard, so a look-up does not depend on how many there are.
    """

    def __init__(self, teams: Mapping[str, Team], owners: Mapping[str, str] | None = None) -> None:
        self.by_name = teams
        self.owners = owners or {}
        self._order = {name: place for place, name in enumerate(teams)}
        self._exact: dict[str, list[str]] = {}
        self._patterns: dict[str, list[tuple[re.Pattern[str], str]]] = {}
        for name, pattern in ((name, pattern) for name, team in teams.items() for pattern in team.services):
            before = pattern[: next((i for i, character in enumerate(pattern) if character in _WILD), len(pattern))]
            if before == pattern:
                self._exact.setdefault(pattern, []).append(name)
            else:
                self._patterns.setdefault(before, []).append((re.compile(translate(pattern)), name))
        self._lengths = sorted({len(before) for before in self._patterns})

    def __contains__(self, name: str) -> bool:
        """Whether tandem.yaml describes a team of this name, or a catalog names it as an owner."""
        return name in self.by_name or name in self.owners.values()

    def of_service(self, service: str) -> list[str]:
        """Names, in the order of tandem.yaml."""
        found = dict.fromkeys([*self._exact.get(service, ()), *self._by_pattern(service)])
        if not found and service in self.owners:
            return [self.owners[service]]
        return sorted(found, key=self._order.__getitem__) if len(found) > 1 else list(found)

    def _by_pattern(self, service: str) -> Iterator[str]:
        for length in self._lengths:
            if length > len(service):
                return
            for pattern, name in self._patterns.get(service[:length], ()):
                if pattern.match(service):
                    yield name

    def of_services(self, services: Collection[str]) -> list[str]:
        """The teams that answer for any of these services, those of the first service first."""
        return list(dict.fromkeys(name for service in services for name in self.of_service(service)))

    def of_incident(self, team: str | None, services: Collection[str]) -> list[str]:
        """The team of an incident's route first, then those that answer for its services."""
        return list(dict.fromkeys([*([team] if team else []), *self.of_services(services)]))

    def members_of(self, names: Collection[str]) -> list[str]:
        """Who is in any of these teams; a name that tandem.yaml does not describe has nobody in it."""
        teams = (self.by_name[name] for name in names if name in self.by_name)
        return list(dict.fromkeys(member for team in teams for member in team.members))
