"""An alert over its life: what a new event means for the one we know."""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from bot.domain.duration import Duration
from bot.domain.event import AlertEvent, AlertStatus, Chart
from bot.domain.severity import Severity

MAX_CHANGES = 32


class Flapping(BaseModel):
    """An alert that changed ``changes`` times ``within`` a span flaps, until it was ``quiet`` for long enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    changes: int = Field(default=6, ge=2, le=MAX_CHANGES)
    within: Duration = timedelta(minutes=10)
    quiet: Duration = timedelta(minutes=5)


class AlertRules(BaseModel):
    """How alerts are told apart in time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reopen_within: Duration = timedelta(minutes=10)
    reorder_within: Duration = timedelta(seconds=30)
    flapping: Flapping = Flapping()


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of one alert: from the first firing to the last resolution before a new one began.

    ``identity`` names the alert for ever, ``episode`` counts its lives. A flapping alert counts as
    active whatever it says at the moment. ``host`` is where its labels place it, or empty.
    """

    identity: str
    episode: int
    current: bool = True
    domain: str
    partition: int
    source: str
    fingerprint: str
    name: str
    service: str
    severity: Severity
    status: AlertStatus
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: datetime
    ends_at: datetime | None = None
    received_at: datetime
    repeats: int = 0
    changes: list[datetime] = []
    flapping: bool = False
    group: str = ""
    truncated: int = 0
    link: str = ""
    incident_id: str | None = None
    silence_id: str | None = None
    chart: Chart | None = None
    host: str = ""

    @property
    def firing(self) -> bool:
        return self.status is AlertStatus.FIRING

    @property
    def active(self) -> bool:
        return self.firing or self.flapping


class Change(StrEnum):
    """What an event did to its alert."""

    NEW = "new"
    REFIRED = "refired"
    RESOLVED = "resolved"
    REPEATED = "repeated"
    STALE = "stale"


def identity_of(domain: str, event: AlertEvent) -> str:
    """The alert's name for ever: who said it, about what, in which correlation domain."""
    joined = f"{domain}\0{event.source}\0{event.fingerprint}"
    return hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()


def change_made_by(event: AlertEvent, known: Alert, now: datetime, rules: AlertRules) -> Change:
    """What ``event`` means for the alert as we know it.

    A delivery that was overtaken is stale: a resolution of an earlier life, or a firing that began no
    later than the life that was resolved a moment ago. The moment is ``reorder_within``; after it the
    sender is believed, because an alert missed is worse than an alert too many.
    """
    if event.status is AlertStatus.RESOLVED:
        if not known.firing:
            return Change.REPEATED
        overtaken = event.ends_at is not None and event.ends_at < known.starts_at
        return Change.STALE if overtaken else Change.RESOLVED
    if known.firing:
        return Change.REPEATED
    if event.starts_at <= known.starts_at and now - known.received_at < rules.reorder_within:
        return Change.STALE
    return Change.REFIRED if now - known.received_at <= rules.reopen_within else Change.NEW


def apply(event: AlertEvent, known: Alert, change: Change, now: datetime, rules: AlertRules) -> Alert:
    """The alert after ``event``, where ``change`` is what :func:`change_made_by` said of it (not STALE)."""
    replace = msgspec.structs.replace
    if change is Change.REPEATED:
        return replace(
            known,
            repeats=known.repeats + 1,
            received_at=now if known.firing else known.received_at,
            annotations=event.annotations or known.annotations,
            truncated=event.truncated,
        )
    if change is Change.RESOLVED:
        changed = replace(known, status=AlertStatus.RESOLVED, ends_at=event.ends_at or now, received_at=now)
    else:
        changed = replace(
            known,
            status=AlertStatus.FIRING,
            starts_at=event.starts_at,
            ends_at=None,
            received_at=now,
            annotations=event.annotations,
            group=event.group,
            truncated=event.truncated,
            chart=event.chart or known.chart,
        )
    return note_change(changed, now, rules.flapping)


def note_change(alert: Alert, now: datetime, flapping: Flapping) -> Alert:
    """Remember a change of status and say whether the alert flaps by now."""
    recent = [at for at in alert.changes if now - at < flapping.within]
    changes = [*recent[-MAX_CHANGES + 1 :], now]
    return msgspec.structs.replace(alert, changes=changes, flapping=alert.flapping or len(changes) >= flapping.changes)
