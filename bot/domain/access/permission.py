"""``permissions`` of tandem.yaml: who may do what. Decided for every surface in :mod:`bot.incidents.permissions`."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bot.domain.access.person import Person, check_slack_id, groups_in, in_words, read_name, schedule_of
from bot.domain.access.team import Teams

EVERYONE, TEAM = "everyone", "team"


def _as_list(value: Any) -> Any:
    """One name may stand without brackets."""
    return [value] if isinstance(value, str | dict) else value


def _check_name(name: str) -> str:
    if name in (EVERYONE, TEAM) or schedule_of(name) is not None:
        return name
    try:
        return check_slack_id(name)
    except ValueError as error:
        raise ValueError(f"write everyone, team, or an id: {error}") from error


Allowed = Annotated[
    list[Annotated[str, BeforeValidator(read_name), AfterValidator(_check_name)]],
    BeforeValidator(_as_list),
    Field(min_length=1, max_length=100),
]


class Permissions(BaseModel):
    """Who may do what in Slack: `everyone` (all but guests and people of other workspaces), or a list of `team` (the
    incident's team and those that answer for a service of it), user ids, user group ids and `{schedule: NAME}`
    (whoever is on call there). Guests must be named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    acknowledge: Allowed = [EVERYONE]
    """Acknowledge or take an incident, and take that back."""
    assign: Allowed = [EVERYONE]
    """Give an incident, a role in it, or a channel of its own."""
    severity: Allowed = [EVERYONE]
    """Set the severity of an incident."""
    note: Allowed = [EVERYONE]
    """Write notes, updates and the report, and open a ticket."""
    resolve: Allowed = [EVERYONE]
    """Resolve or reopen an incident."""
    silence: Allowed = [EVERYONE]
    """Make and end silences; `team` answers for a service that the silence is about."""
    merge: Allowed = [EVERYONE]
    """Make one incident part of another; it must be allowed for both."""
    split: Allowed = [EVERYONE]
    """Give some alerts of an incident one of their own."""
    declare: Allowed = [EVERYONE]
    """Open an incident by hand."""
    feedback: Allowed = [EVERYONE]
    """Say that an alert was not useful, and take that back."""
    ask: Allowed = [EVERYONE]
    """Ask about an incident by mentioning the bot, and show how it is under a link to its report."""

    def named(self, right: str) -> list[str]:
        """As it is written for a right."""
        return list(getattr(self, right))

    def all_named(self) -> Iterator[str]:
        return (name for right in type(self).model_fields for name in self.named(right))


@dataclass(frozen=True)
class Policy:
    """Permissions and teams. ``strict``: what cannot be found out about somebody is held against them."""

    permissions: Permissions = field(default_factory=Permissions)
    teams: Teams = field(default_factory=lambda: Teams({}))
    strict: bool = False

    @property
    def groups(self) -> set[str]:
        """The user groups and schedules that it names."""
        members = self.teams.members_of(self.teams.by_name)
        return groups_in([*self.permissions.all_named(), *members])

    def names(self, right: str, services: Collection[str], team: str | None = None) -> list[str]:
        """Who has a right over these services of a team: ``everyone``, user ids and group ids, with teams as their
        members."""
        members = self.teams.members_of(self.teams.of_incident(team, services))
        named = (members if name == TEAM else [name] for name in self.permissions.named(right))
        return list(dict.fromkeys(name for names in named for name in names))

    def allows(self, person: Person, right: str, services: Collection[str], team: str | None = None) -> bool:
        names = self.names(right, services, team)
        if person.is_one_of(names):
            return True
        return EVERYONE in names and person.member and not (self.strict and person.doubt)

    def why_not(self, person: Person, right: str, services: Collection[str], team: str | None = None) -> str:
        """For whom has no right: what is missing, and who has it."""
        names = self.names(right, services, team)
        if why := person.why_unknown(names):
            return why
        if EVERYONE in names:
            return (
                person.doubt if person.member else "guests and people of other workspaces may not unless they are named"
            )
        if not names:
            named = ", ".join(services) or "what this is about"
            return f"no team of tandem.yaml answers for {named}"
        return f"{', '.join(map(in_words, names[:10]))} may"
