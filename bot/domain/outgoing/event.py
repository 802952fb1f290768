"""Outgoing events: what others are sent of incidents and runs, when it is tried again, and when it is given up."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

from bot.domain.incident import TimelineKind

GIVES_UP_AFTER = timedelta(days=1)
_FIRST_WAIT, _LONGEST_WAIT = 2.0, 900.0


def name_of(kind: str) -> str:
    """How an entry of a timeline is named as an event."""
    return "run.changed" if kind == TimelineKind.RUN else f"incident.{kind}"


NAMES = tuple(sorted(map(name_of, TimelineKind)))


def matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class EventState(StrEnum):
    WAITING = "waiting"
    DEAD = "dead"


class OutgoingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event for one receiver, with its body as it is sent each time. Those of an incident go in order of position.

    ``began_at``: since when it is tried; ``reason``: why the last attempt failed.
    """

    receiver: str
    position: int
    incident_id: str
    name: str
    body: str
    began_at: datetime
    next_at: datetime
    id: int = 0
    state: EventState = EventState.WAITING
    attempts: int = 0
    reason: str = ""


def message_id(incident_id: str, position: int) -> str:
    """The event's id, the same at each attempt: by it a receiver knows what it has already."""
    return f"evt_{incident_id}_{position}"


def after_failure(event: OutgoingEvent, now: datetime, reason: str, retry_after: float | None) -> OutgoingEvent:
    """The event after an attempt that failed: waiting for the next one, or given up."""
    over = now - event.began_at >= GIVES_UP_AFTER
    wait = min(_FIRST_WAIT * 2.0 ** min(event.attempts, 20), _LONGEST_WAIT)
    wait = max(wait, min(retry_after or 0.0, _LONGEST_WAIT))
    return msgspec.structs.replace(
        event,
        state=EventState.DEAD if over else EventState.WAITING,
        attempts=event.attempts + 1,
        next_at=now + timedelta(seconds=wait),
        reason=reason,
    )
