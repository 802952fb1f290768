"""Who may do what: the one place that every surface passes, be it a button, a command, a form or the API.

The functions that change something call :func:`refusal_of`, not the surfaces. Who may approve a run is in its plan, and
:mod:`bot.remediation.approval` holds that beside this.
"""

from enum import StrEnum

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
    RATE = "change how sensitive a watch is"
    APPROVE = "approve"
    REJECT = "reject"
    CHOOSE_REFERENCE = "choose a reference"


def may(actor: str, action: Action, incident: Incident | None) -> bool:
    """Whether ``actor`` may do this, to ``incident`` where it is about one. Everybody may."""
    return True


def refusal_of(actor: str, action: Action, incident: Incident | None = None) -> str:
    """Why it is not allowed, in words for the actor; empty where it is."""
    if may(actor, action, incident):
        return ""
    where = f" in incident #{incident.number}" if incident else ""
    return f"You may not {action}{where}: nothing was changed."


def require(actor: str, action: Action, incident: Incident | None = None) -> None:
    """Raise Refused where it is not allowed."""
    if why := refusal_of(actor, action, incident):
        raise Refused(why)
