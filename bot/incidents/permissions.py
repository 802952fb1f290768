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
from bot.errors import Refused


class Action(StrEnum):
    """What a person does, as the words after "You may not"."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
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
    CHOOSE_REFERENCE = "choose a reference"
    CHECK_MODEL = "check a model"


_RIGHTS = {
    Action.ACKNOWLEDGE: "acknowledge",
    Action.RESOLVE: "resolve",
    Action.MERGE: "merge",
    Action.SPLIT: "split",
    Action.SILENCE: "silence",
    Action.UNSILENCE: "silence",
    Action.DECLARE: "declare",
    Action.RATE: "feedback",
}
_BY_THE_PLAN = {Action.APPROVE, Action.REJECT}


@dataclass(frozen=True)
class Actor:
    """Somebody, and the rules that hold for them. The default rules are for programs that another door let in."""

    person: Person
    policy: Policy = field(default_factory=Policy)

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
    return known.policy.allows(known.person, right, _services_of(about))


def refusal_of(actor: Who, action: Action, about: About = None) -> str:
    """Why it is not allowed, in words for the actor; empty where it is."""
    if may(actor, action, about):
        return ""
    known, right = actor_of(actor), _RIGHTS.get(action)
    where = f" in incident #{about.number}" if isinstance(about, Incident) else ""
    why = known.policy.why_not(known.person, right, _services_of(about)) if right else _why_no_member(known.person)
    return f"You may not {action}{where}: nothing was changed." + (f" {why[0].upper()}{why[1:]}." if why else "")


def require(actor: Who, action: Action, about: About = None) -> None:
    """Raise Refused where it is not allowed."""
    if why := refusal_of(actor, action, about):
        raise Refused(why)


def _services_of(about: About) -> Collection[str]:
    return about.services if isinstance(about, Incident) else about or ()


def _why_no_member(person: Person) -> str:
    return person.doubt if person.member else "guests and people of other workspaces may only look"
