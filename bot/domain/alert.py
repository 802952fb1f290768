"""An alert over its life: what a new event means for the one we know."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from bot.domain.duration import Duration
from bot.domain.enrichment.step import STALE
from bot.domain.event import AlertEvent, AlertStatus, Chart, EndedBy
from bot.domain.severity import Severity, severity_of

MAX_CHANGES = 32
_CLOCK_JUMP = timedelta(hours=1)
_LONGEST_AGO = timedelta(days=366)


class Flapping(BaseModel):
    """An alert that changed ``changes`` times ``within`` a span flaps, until it was ``quiet`` for long enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    changes: int = Field(default=6, ge=2, le=MAX_CHANGES)
    """So many changes of an alert count as flapping; 2 to 32."""
    within: Duration = timedelta(minutes=10)
    """The time in which these changes happen."""
    quiet: Duration = timedelta(minutes=5)
    """How long it must then be quiet."""


class AlertRules(BaseModel):
    """How alerts are told apart in time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reopen_within: Duration = timedelta(minutes=10)
    """An alert that fires again so soon reopens its incident; later, it opens a new one."""
    resolve_holds: Duration = timedelta(minutes=10)
    """For how long an incident that a person resolved stays so while its alerts fire on; after that they call again."""
    reorder_within: Duration = timedelta(seconds=5)
    """By how much deliveries may overtake each other."""
    flapping: Flapping = Flapping()
    expire_after: Annotated[Duration | None, Field(ge=timedelta(minutes=1))] = None
    """A firing alert whose source has not repeated it for so long counts as ended; default: never."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One episode of one alert: from the first firing to the last resolution before a new one began.

    ``identity`` names the alert for ever, ``episode`` counts its lives. A flapping alert counts as
    active whatever it says at the moment. ``host`` is where its labels place it, or empty. ``pending`` is a status
    that arrived at ``pending_since`` as if overtaken by the one before: it is taken over when nothing else follows.
    ``ended_by`` is what its end rests on (None of old ones: their sender's word). A detector's alert that fires on,
    to be sure, while its data is good again, is ``good_since`` then. By ``tolerance`` seconds it may have begun later
    than ``starts_at``.
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
    pending: AlertStatus | None = None
    pending_since: datetime | None = None
    ended_by: EndedBy | None = None
    receiver: str = ""
    good_since: datetime | None = None
    tolerance: float = 0.0

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
    UPDATED = "updated"
    REPEATED = "repeated"
    STALE = "stale"


def identity_of(domain: str, event: AlertEvent) -> str:
    """The alert's name for ever: who said it, about what, in which correlation domain."""
    return named(domain, event.source, event.fingerprint)


def named(domain: str, source: str, fingerprint: str) -> str:
    """:func:`identity_of` an event with this source and fingerprint."""
    joined = f"{domain}\0{source}\0{fingerprint}"
    return hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()


def credible(event: AlertEvent, received_at: datetime) -> AlertEvent:
    """The event with a beginning that can be so: not after its receipt, and not in a year in which nobody watched."""
    begins = event.starts_at
    if begins <= received_at and received_at - begins <= _LONGEST_AGO:
        return event
    return msgspec.structs.replace(event, starts_at=received_at)


def resolution_of(alert: Alert, ends_at: datetime, ended_by: EndedBy = EndedBy.SENDER) -> AlertEvent:
    """The end of an alert as an event of its source, where somebody else than the source says so."""
    return AlertEvent(
        source=alert.source,
        fingerprint=alert.fingerprint,
        status=AlertStatus.RESOLVED,
        labels=alert.labels,
        starts_at=alert.starts_at,
        ends_at=ends_at,
        group=alert.group,
        truncated=alert.truncated,
        ended_by=ended_by,
    )


def change_made_by(event: AlertEvent, known: Alert, now: datetime, rules: AlertRules) -> Change:
    """What ``event`` means for the alert as we know it.

    A delivery that was overtaken is stale: a resolution of an earlier life, or a firing that began no later than the
    life that was resolved a moment ago. The moment is ``reorder_within``: a firing that nothing follows within it is
    taken over after all (``Alert.pending``), so that the state becomes what the sender said last.
    """
    if event.status is known.status:
        return Change.UPDATED if known.firing and _differs(event, known) else Change.REPEATED
    if event.status is AlertStatus.RESOLVED:
        return Change.STALE if _of_an_earlier_life(event, known) else Change.RESOLVED
    if event.starts_at <= known.starts_at and now - known.received_at < rules.reorder_within:
        return Change.STALE
    return Change.REFIRED if now - known.received_at <= rules.reopen_within else Change.NEW


def _of_an_earlier_life(resolution: AlertEvent, known: Alert) -> bool:
    """Longer ago than an hour it is rather the sender's clock that has jumped, and the sender is believed."""
    if resolution.ends_at is None or resolution.starts_at >= known.starts_at:
        return False
    return timedelta(0) < known.starts_at - resolution.ends_at < _CLOCK_JUMP


def _differs(event: AlertEvent, known: Alert) -> bool:
    """Whether a repetition tells people something new."""
    pairs = ((event.labels, known.labels), (event.annotations, known.annotations), (event.link, known.link))
    return any(new and new != old for new, old in pairs) or (event.chart is not None and event.chart != known.chart)


def apply(
    event: AlertEvent,
    known: Alert,
    change: Change,
    now: datetime,
    rules: AlertRules,
    severities: Mapping[str, Severity] | None = None,
) -> Alert:
    """The alert after ``event``, where ``change`` is what :func:`change_made_by` said of it."""
    replace = msgspec.structs.replace
    if change is Change.STALE:
        firing = event.status is AlertStatus.FIRING
        return replace(known, pending=event.status, pending_since=now) if firing else known
    if change is Change.RESOLVED:
        ended = replace(
            known,
            status=AlertStatus.RESOLVED,
            ends_at=_end(event, known, now),
            received_at=now,
            ended_by=event.ended_by,
            good_since=None,
        )
        return note_change(_without_pending(ended), now, rules.flapping)
    known = _without_pending(known)
    if change in (Change.REPEATED, Change.UPDATED):
        repeated = replace(known, repeats=known.repeats + 1, truncated=event.truncated, good_since=event.good_since)
        return _described(replace(repeated, received_at=now), event, severities) if known.firing else repeated
    fired = replace(
        known,
        status=AlertStatus.FIRING,
        starts_at=event.starts_at,
        ends_at=None,
        received_at=now,
        group=event.group,
        truncated=event.truncated,
        ended_by=None,
        good_since=event.good_since,
        receiver=event.receiver or known.receiver,
        tolerance=event.tolerance,
    )
    return note_change(_described(fired, event, severities), now, rules.flapping)


def _without_pending(alert: Alert) -> Alert:
    return msgspec.structs.replace(alert, pending=None, pending_since=None) if alert.pending else alert


def _end(event: AlertEvent, known: Alert, now: datetime) -> datetime:
    """The sender's word for it, within the alert's life."""
    return min(max(event.ends_at or now, known.starts_at), max(now, known.starts_at))


def _described(alert: Alert, event: AlertEvent, severities: Mapping[str, Severity] | None) -> Alert:
    """What the alert says of itself, as its newest event has it; what that leaves out stays."""
    word = event.labels.get("severity")
    return msgspec.structs.replace(
        alert,
        severity=severity_of(word, severities) if word else alert.severity,
        labels=event.labels or alert.labels,
        annotations=_annotations(event, alert),
        link=event.link or alert.link,
        chart=event.chart or alert.chart,
    )


def _annotations(event: AlertEvent, alert: Alert) -> dict[str, str]:
    """The sender's newest ones; that labels are of an earlier time is said as long as they are."""
    stale = {STALE: event.annotations[STALE]} if STALE in event.annotations else {}
    if event.annotations and event.annotations.keys() != stale.keys():
        return event.annotations
    return {name: text for name, text in alert.annotations.items() if name != STALE} | stale


def note_change(alert: Alert, now: datetime, flapping: Flapping) -> Alert:
    """Remember a change of status and say whether the alert flaps by now."""
    recent = [at for at in alert.changes if now - at < flapping.within]
    changes = [*recent[-MAX_CHANGES + 1 :], now]
    return msgspec.structs.replace(alert, changes=changes, flapping=alert.flapping or len(changes) >= flapping.changes)
