"""What a person does to an incident, as a rule: the incident afterwards and what its timeline says, or why not.

Who may do it is decided in :mod:`bot.incidents.permissions`, and it is carried out in :mod:`bot.incidents.change`.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from bot.domain.access.person import is_user
from bot.domain.incident import Incident, IncidentStatus, TimelineKind
from bot.domain.severity import Severity


class Role(StrEnum):
    """What somebody does in an incident beside owning it: ``lead`` decides, ``scribe`` writes down what happens."""

    LEAD = "lead"
    SCRIBE = "scribe"


MOST_NOTE = 2000
MOST_TITLE = 150
_WORDS = {"a": 1.0, "an": 1.0, "one": 1.0, "half an": 0.5, "half a": 0.5, "two": 2.0, "three": 3.0}
_SECONDS = {"m": 60, "h": 3600, "d": 86_400}
_SOONEST, _LATEST = 60, 604_800
_COUNT = r"(\d{1,4}(?:\.\d)?|(?:half an?|an?|one|two|three)(?=\s))"
_UNIT = r"(minutes?|mins?|m|hours?|hrs?|h|days?|d)"
_SPAN = re.compile(rf"{_COUNT}\s*{_UNIT}(?![a-z])", re.IGNORECASE)
_BETWEEN = r"(?:\s*[:\u2013-]|\s+(?:is|will be|comes?|follows?|due|expected|again|to|you|everybody)\b)*"
_SPANS = rf"\s*(?:about\s|around\s|~|approx\.?\s)?\s*((?:{_COUNT}\s*{_UNIT}(?![a-z])\s*(?:and\s+)?)+)(?!ago\b)"
_PROMISE = re.compile(
    rf"(?:\b(?:next|further|another)\s+updates?{_BETWEEN}\s*(?:\b(?:in|within)\b)?"
    rf"|\bupdates?{_BETWEEN}\s+(?:in|within)\b){_SPANS}",
    re.IGNORECASE,
)
"""As in "next update in 30 min", "will update you again in an hour", "Next update: 1h30m"."""


class Done(NamedTuple):
    """``text`` is for the timeline; it ends with ``@`` and the id of ``person`` where it is about one.

    ``posted``: it stands in the thread already, as somebody wrote it there.
    """

    incident: Incident
    text: str
    kind: TimelineKind = TimelineKind.STATUS
    person: str | None = None
    worse: bool = False
    broadcast: bool = False
    posted: bool = False


class NotPossible(NamedTuple):
    """``why`` is for whoever wanted it."""

    why: str


Outcome = Done | NotPossible
Rule = Callable[[Incident, str, datetime], Outcome]
"""What becomes of an incident, given who does it and when."""


def acknowledge(incident: Incident, user: str, now: datetime) -> Outcome:
    """Somebody looks after it, and owns it unless another does."""
    if not incident.open:
        return _is_resolved(incident)
    if incident.status is IncidentStatus.ACKNOWLEDGED:
        return NotPossible(f"Incident #{incident.number} is already acknowledged{_by(incident.acknowledged_by)}.")
    return Done(_acknowledged(incident, user, now, owner=incident.owner or user), "Acknowledged")


def take(incident: Incident, user: str, now: datetime) -> Outcome:
    """Acknowledge and own it. Of two who take it in the same moment the second is told who was first."""
    if not incident.open:
        return _is_resolved(incident)
    holder = incident.looked_after_by
    if holder == user and incident.status is IncidentStatus.ACKNOWLEDGED:
        return NotPossible(f"Incident #{incident.number} is yours already.")
    if holder not in (None, user):
        how = f"`/incident assign {incident.number} @name` hands it over"
        return NotPossible(f"Incident #{incident.number} is taken{_by(holder)}: nothing was changed; {how}.")
    if incident.status is IncidentStatus.ACKNOWLEDGED:
        return Done(msgspec.structs.replace(incident, owner=user), "Taken")
    return Done(_acknowledged(incident, user, now, owner=user), "Acknowledged and taken")


def assigning(to: str) -> Rule:
    """Give it to somebody. While they have not acknowledged it, it goes on calling."""

    def assign(incident: Incident, user: str, now: datetime) -> Outcome:
        if not incident.open:
            return _is_resolved(incident)
        if incident.looked_after_by == to:
            return NotPossible(f"Incident #{incident.number} is assigned to @{to} already.")
        return Done(msgspec.structs.replace(incident, owner=to), f"Assigned to @{to}", person=to)

    return assign


def giving_role(role: Role, to: str | None) -> Rule:
    """Let somebody have a role, or nobody any more. It says nothing about who owns the incident."""

    def give(incident: Incident, user: str, now: datetime) -> Outcome:
        if not incident.open:
            return _is_resolved(incident)
        holder = incident.lead if role is Role.LEAD else incident.scribe
        if holder == to:
            has_it = f"is @{to}" if to else "is nobody"
            return NotPossible(f"{role.title()} of incident #{incident.number} {has_it} already.")
        changed = msgspec.structs.replace(incident, **{role.value: to})
        if to is None:
            return Done(changed, f"Nobody is {role} any more")
        return Done(changed, f"{role.title()} is @{to}", person=to)

    return give


def unacknowledge(incident: Incident, user: str, now: datetime) -> Outcome:
    """Nobody looks after it any more: it calls again."""
    if not incident.open:
        return _is_resolved(incident)
    if incident.status is IncidentStatus.TRIGGERED and incident.owner is None:
        return NotPossible(f"Incident #{incident.number} is not acknowledged: nothing was changed.")
    freed = msgspec.structs.replace(incident, status=IncidentStatus.TRIGGERED, acknowledged_by=None, owner=None)
    return Done(freed, "Not acknowledged any more: nobody looks after it")


def resolve(incident: Incident, user: str, now: datetime) -> Outcome:
    if not incident.open:
        return _is_resolved(incident)
    resolved = msgspec.structs.replace(
        incident, status=IncidentStatus.RESOLVED, resolved_at=now, resolved_by=user, kept_open_by=None
    )
    return Done(resolved, "Resolved")


def reopening(*, firing: bool) -> Rule:
    """Open it again, with nobody looking after it. What does not fire stays open until a person resolves it."""

    def reopen(incident: Incident, user: str, now: datetime) -> Outcome:
        if incident.open:
            return NotPossible(f"Incident #{incident.number} is open already: nothing was changed.")
        if incident.part_of:
            return NotPossible(f"Incident #{incident.number} became part of another one: reopen that.")
        healthy = max((now - (incident.resolved_at or now)).total_seconds(), 0.0)
        reopened = msgspec.structs.replace(
            incident,
            status=IncidentStatus.TRIGGERED,
            resolved_at=None,
            resolved_by=None,
            acknowledged_by=None,
            owner=None,
            healthy_seconds=incident.healthy_seconds + healthy,
            active_at=now,
            reopened_at=now,
            kept_open_by=None if firing else user,
        )
        text = "Reopened" if firing else "Reopened: it stays open until somebody resolves it"
        return Done(reopened, text, worse=True)

    return reopen


def judging(severity: Severity | None, said: Severity | None) -> Rule:
    """Set the severity, which then holds whatever the alerts say; None lets it follow these again.

    ``said`` is what the alerts say now, None where there are none.
    """

    def judge(incident: Incident, user: str, now: datetime) -> Outcome:
        if not incident.open:
            return _is_resolved(incident)
        if severity is None:
            return _following(incident, said)
        if severity is incident.severity and incident.severity_by:
            return NotPossible(f"Incident #{incident.number} is {severity} already{_by(incident.severity_by)}.")
        changed = msgspec.structs.replace(incident, severity=severity, severity_by=user, alerts_severity=said)
        was = "" if severity is incident.severity else f" (was {incident.severity})"
        text = f"Severity set to {severity}{was}{_unlike(severity, said)}"
        return Done(changed, text, worse=severity.rank < incident.severity.rank)

    return judge


def _following(incident: Incident, said: Severity | None) -> Outcome:
    if incident.severity_by is None:
        return NotPossible(f"The severity of incident #{incident.number} follows its alerts already.")
    if said is None:
        return NotPossible(f"Incident #{incident.number} has no alerts that its severity could follow.")
    changed = msgspec.structs.replace(incident, severity=said, severity_by=None, alerts_severity=said)
    text = f"Severity follows the alerts again: {said} (was {incident.severity})"
    return Done(changed, text, worse=said.rank < incident.severity.rank)


def _unlike(severity: Severity, said: Severity | None) -> str:
    return f"; the alerts say {said}" if said not in (None, severity) else ""


def noting(text: str) -> Rule:
    """A line of a person's own in the timeline, of an incident that is over, too."""

    def note(incident: Incident, user: str, now: datetime) -> Outcome:
        return NotPossible(why) if (why := _why_no_text(text)) else Done(incident, text, TimelineKind.NOTE)

    return note


def noting_message(text: str, author: str, *, posted: bool) -> Rule:
    """The same for what somebody wrote in a thread; a note of another than who wrote it names both."""

    def note(incident: Incident, user: str, now: datetime) -> Outcome:
        if why := _why_no_text(text):
            return NotPossible(why)
        if author in ("", user):
            return Done(incident, text, TimelineKind.NOTE, posted=posted)
        return Done(incident, f"{text} — @{author}", TimelineKind.NOTE, person=author, posted=posted)

    return note


def updating(text: str) -> Rule:
    """A note that the channel shows beside the thread, once."""

    def update(incident: Incident, user: str, now: datetime) -> Outcome:
        if why := _why_no_text(text):
            return NotPossible(why)
        span = promised_in(text) if incident.open else None
        promised = {"next_update_at": now + span if span else None, "next_update_by": user if span else None}
        changed = msgspec.structs.replace(incident, **promised)
        return Done(changed, f"Update: {text}", TimelineKind.NOTE, broadcast=True)

    return update


def remind_of_update(incident: Incident, user: str, now: datetime) -> Outcome:
    """The update that was promised is due, and has not come: whoever communicates is reminded of it, once."""
    at = incident.next_update_at
    over = incident.reopened_at is not None and at is not None and incident.reopened_at >= at
    if at is None or at > now or not incident.open or over:
        return NotPossible("No update is due.")
    done = msgspec.structs.replace(incident, next_update_at=None, next_update_by=None)
    named = (incident.scribe, incident.lead, incident.owner, incident.acknowledged_by, incident.next_update_by)
    person = next((one for one in named if one and is_user(one)), None)
    text = f"The update that was promised for {at:%H:%M} UTC is due"
    return Done(done, f"{text}: @{person}" if person else text, TimelineKind.NOTE, person=person)


def promised_in(text: str) -> timedelta | None:
    """In how long a text says that the next update comes; None where it does not, or in more than a week.

    >>> [promised_in(one) for one in ("Carts work. Next update in 30 min.", "next update: 1h30m", "update in an hour")]
    [datetime.timedelta(seconds=1800), datetime.timedelta(seconds=5400), datetime.timedelta(seconds=3600)]
    >>> {promised_in(one) for one in ("the update in 2024 broke it", "updated 30 min ago", "update: 5 minutes down")}
    {None}
    """
    found = _PROMISE.search(text)
    if found is None:
        return None
    parts = [(_WORDS.get(number.lower()) or float(number), unit[0].lower()) for number, unit in _SPAN.findall(found[1])]
    seconds = sum(count * _SECONDS[unit] for count, unit in parts)
    return timedelta(seconds=seconds) if _SOONEST <= seconds <= _LATEST else None


def _why_no_text(text: str) -> str:
    if not text.strip():
        return "There is nothing written: nothing was noted."
    if len(text) > MOST_NOTE:
        return f"This has {len(text)} characters, and a note has up to {MOST_NOTE}: nothing was noted."
    return ""


def _acknowledged(incident: Incident, user: str, now: datetime, *, owner: str) -> Incident:
    return msgspec.structs.replace(
        incident,
        status=IncidentStatus.ACKNOWLEDGED,
        acknowledged_by=user,
        acknowledged_at=incident.acknowledged_at or now,
        owner=owner,
    )


def _is_resolved(incident: Incident) -> NotPossible:
    return NotPossible(f"Incident #{incident.number} is already resolved: nothing was changed.")


def _by(user: str | None) -> str:
    """People by their ids, which become mentions; programs and tools by their names."""
    if not user:
        return ""
    return f" by @{user}" if user.isalnum() and user.isupper() else f" by {user}"
