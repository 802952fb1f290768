"""Who may do what: the one place that every surface passes, be it a button, a command, a form or the API.

The functions that change something call :func:`refusal_of`, not the surfaces. Who may approve a run is in its plan, and
:mod:`bot.remediation.approval` holds that beside this.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.access.permission import Policy
from bot.domain.access.person import Person
from bot.domain.incident import Incident
from bot.errors import Forbidden, Outdated


class Action(StrEnum):
    """What a person does, as the words after "You may not"."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "take back an acknowledgement"
    ASSIGN = "assign somebody"
    APPOINT = "give somebody a role"
    CHANNEL = "make a channel of its own"
    TICKET = "open a ticket"
    JUDGE = "set the severity"
    NOTE = "write a note"
    UPDATE = "write an update"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    MERGE = "merge"
    SPLIT = "split"
    SILENCE = "silence"
    UNSILENCE = "end a silence"
    DECLARE = "open an incident"
    RATE = "change how sensitive a watch is"
    APPROVE = "approve"
    REJECT = "reject"
    PROPOSE = "propose a run"
    EDIT = "edit a plan"
    STOP = "stop a run"
    CHOOSE_REFERENCE = "choose a reference"
    CHECK_MODEL = "check a model"
    LOOK = "look into it"
    OVERRIDE = "change who is on call"
    ASK = "ask"


_RIGHTS = {
    Action.ACKNOWLEDGE: "acknowledge",
    Action.UNACKNOWLEDGE: "acknowledge",
    Action.ASSIGN: "assign",
    Action.APPOINT: "assign",
    Action.CHANNEL: "assign",
    Action.TICKET: "note",
    Action.JUDGE: "severity",
    Action.NOTE: "note",
    Action.UPDATE: "note",
    Action.RESOLVE: "resolve",
    Action.REOPEN: "resolve",
    Action.MERGE: "merge",
    Action.SPLIT: "split",
    Action.SILENCE: "silence",
    Action.UNSILENCE: "silence",
    Action.DECLARE: "declare",
    Action.RATE: "feedback",
    Action.ASK: "ask",
}
_BY_THE_PLAN = {Action.APPROVE, Action.REJECT}


@dataclass(frozen=True)
class Actor:
    """Somebody, and the rules that hold for them. The default rules are for programs that another door let in.

    ``domains`` are the correlation domains that they know of, None where it is all of them. ``seen`` are the versions
    of which an incident has to have one still for them to change it, None where any will do.
    """

    person: Person
    policy: Policy = field(default_factory=Policy)
    domains: Collection[str] | None = None
    seen: Collection[int] | None = None

    @property
    def id(self) -> str:
        return self.person.id


Who = Actor | str
"""An actor; an id alone is one whom no rules of tandem.yaml restrict."""
About = Incident | Collection[str] | None
"""What is done something to: an incident, or services by name."""


def actor_of(who: Who) -> Actor:
    return who if isinstance(who, Actor) else Actor(Person(who))


def may(actor: Who, action: Action, about: About) -> bool:
    """Whether ``actor`` may do this, to what it is about."""
    known = actor_of(actor)
    if action in _BY_THE_PLAN:
        return True
    right = _RIGHTS.get(action)
    if right is None:
        return known.person.member and not (known.policy.strict and known.person.doubt)
    return known.policy.allows(known.person, right, _services_of(about), _team_of(about))


def refusal_of(actor: Who, action: Action, about: About = None) -> str:
    """Why it is not allowed, in words for the actor; empty where it is."""
    if may(actor, action, about):
        return ""
    known, right = actor_of(actor), _RIGHTS.get(action)
    where = f" in incident #{about.number}" if isinstance(about, Incident) else ""
    services, team = _services_of(about), _team_of(about)
    why = known.policy.why_not(known.person, right, services, team) if right else _why_no_member(known.person)
    return f"You may not {action}{where}: nothing was changed." + (f" {why[0].upper()}{why[1:]}." if why else "")


def require(actor: Who, action: Action, about: About = None) -> None:
    """Raise Forbidden where it is not allowed."""
    if why := refusal_of(actor, action, about):
        raise Forbidden(why)


def knows(actor: Who, incident: Incident) -> bool:
    """Whether the incident is of a domain that they know of."""
    domains = actor_of(actor).domains
    return domains is None or incident.domain in domains


def require_seen(actor: Who, incident: Incident) -> None:
    """Raise Outdated where the incident has changed since they looked at it."""
    seen = actor_of(actor).seen
    if seen is not None and incident.version not in seen:
        raise Outdated(f"Incident #{incident.number} has changed since: nothing was changed. Look at it again.")


def _services_of(about: About) -> Collection[str]:
    return about.services if isinstance(about, Incident) else about or ()


def _team_of(about: About) -> str | None:
    return about.team if isinstance(about, Incident) else None


def _why_no_member(person: Person) -> str:
    return person.doubt if person.member else "guests and people of other workspaces may only look"
