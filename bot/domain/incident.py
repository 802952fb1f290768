"""An incident: alerts that belong together, with a status, a severity, a cause and a timeline."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from bot.domain.cause import MOST_OBSERVED, Cause, Observed
from bot.domain.inhibition import Folded, folded_by_kind
from bot.domain.memory import PastIncident
from bot.domain.severity import Severity, most_severe


class IncidentStatus(StrEnum):
    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """``groups`` are the senders' groups that lead here, each with how many alerts its sender left out.

    ``inhibited`` is what of its alerts a host that is down explains; they are counted with the others, and not shown.
    ``opened_at`` is when its first alert began by its sender's word, ``created_at`` when we learnt of it.
    ``healthy_seconds`` is for how long it was resolved before it reopened, ``reopened_at`` when that was last.
    ``part_of`` is the id of the incident that it became part of. ``version`` grows with every change that a person
    could see. ``team`` and ``escalation`` are those of its route.
    ``observed`` is what was looked up where its services run; None where nobody looked.

    ``acknowledged_at`` is when it was acknowledged for the first time, and stays.
    ``owner`` is who takes care of it, who may be another than who acknowledged it. A severity that ``severity_by`` set
    holds whatever its alerts say, which is ``alerts_severity``. One that ``kept_open_by`` opened or reopened by hand
    ends when a person says so, not when no alert fires. ``declared_as`` is the title that it was declared with.
    ``lead`` and ``scribe`` are the people who have these roles in it. A ``drill`` is made up, to rehearse a runbook.
    ``next_update_at`` is for when ``next_update_by`` promised the next update; None once that came, or was reminded of.
    """

    id: str
    number: int
    domain: str
    partition: int
    status: IncidentStatus
    severity: Severity
    title: str = ""
    summary: str = ""
    services: list[str] = []
    groups: dict[str, int] = {}
    causes: list[Cause] = []
    past: list[PastIncident] = []
    inhibited: list[Folded] = []
    opened_at: datetime
    active_at: datetime
    changed_at: datetime
    resolved_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    resolved_by: str | None = None
    created_at: datetime | None = None
    healthy_seconds: float = 0.0
    reopened_at: datetime | None = None
    part_of: str | None = None
    owner: str | None = None
    severity_by: str | None = None
    alerts_severity: Severity | None = None
    kept_open_by: str | None = None
    declared_as: str | None = None
    version: int = 1
    team: str | None = None
    escalation: str | None = None
    lead: str | None = None
    scribe: str | None = None
    next_update_at: datetime | None = None
    next_update_by: str | None = None
    observed: list[Observed] | None = None
    drill: bool = False

    @property
    def open(self) -> bool:
        return self.status is not IncidentStatus.RESOLVED

    @property
    def looked_after_by(self) -> str | None:
        """Who owns it, else who acknowledged it."""
        return self.owner or self.acknowledged_by

    @property
    def learnt_at(self) -> datetime:
        """When we learnt of it; incidents of old have no other moment than their beginning."""
        return self.created_at or self.opened_at

    @property
    def troubled_since(self) -> datetime:
        """The beginning of the trouble that it is open for: when it reopened last, or when we learnt of it."""
        return self.reopened_at or self.learnt_at

    def lasted(self, now: datetime) -> timedelta:
        """For how long something was wrong, up to now or its end, without the time in which nothing was."""
        whole = (self.resolved_at or now) - self.opened_at
        return max(whole - timedelta(seconds=self.healthy_seconds), timedelta(0))

    @property
    def truncated(self) -> int:
        return sum(self.groups.values())


def with_services_of(joined: Incident, left: Incident, services: Sequence[str]) -> tuple[Incident, Incident]:
    """Both incidents after the alerts of these services went from ``left`` to ``joined``."""
    staying = [service for service in left.services if service not in services]
    return (
        msgspec.structs.replace(joined, services=list(dict.fromkeys([*joined.services, *services]))),
        msgspec.structs.replace(left, services=staying),
    )


def with_all_of(kept: Incident, gone: Incident) -> Incident:
    """An incident after another became part of it: it has the services and groups of both, and began with the first."""
    return msgspec.structs.replace(
        kept,
        services=list(dict.fromkeys([*kept.services, *gone.services])),
        groups={**gone.groups, **kept.groups},
        opened_at=min(kept.opened_at, gone.opened_at),
        active_at=max(kept.active_at, gone.active_at),
        lead=kept.lead or gone.lead,
        scribe=kept.scribe or gone.scribe,
        next_update_at=kept.next_update_at or gone.next_update_at,
        next_update_by=kept.next_update_by if kept.next_update_at else gone.next_update_by,
        observed=_both(kept.observed, gone.observed),
    )


def _both(one: list[Observed] | None, other: list[Observed] | None) -> list[Observed] | None:
    return one if other is None else [*(one or []), *other][:MOST_OBSERVED]


class Tally(NamedTuple):
    """Alerts of one incident that are alike: same service, name, severity and state, counted.

    ``last_at``: when something was received of one of them last. By ``tolerance`` seconds they may have begun later.
    """

    incident_id: str
    service: str
    name: str
    severity: Severity
    active: bool
    flapping: bool
    alerts: int
    first_at: datetime
    last_at: datetime | None = None
    tolerance: float = 0.0


def visible(tallies: Sequence[Tally], inhibited: Sequence[Folded]) -> list[Tally]:
    """The tallies without what is folded; all of them where nothing would be left."""
    hidden = folded_by_kind(inhibited)
    if not hidden:
        return [tally for tally in tallies if tally.alerts > 0] or list(tallies)
    left = [
        tally._replace(alerts=tally.alerts - hidden[tally.service, tally.name, tally.severity, tally.flapping])
        if tally.active
        else tally
        for tally in tallies
    ]
    return [tally for tally in left if tally.alerts > 0] or list(tallies)


class TimelineKind(StrEnum):
    OPENED = "opened"
    ALERTS = "alerts"
    STATUS = "status"
    CAUSE = "cause"
    RUN = "run"
    NOTE = "note"


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """``worse``: it got worse by this, so people are to be reached anew, once; to edit a message reaches nobody.

    ``broadcast``: the channel is to show it beside the thread. ``person`` is whom it is about; the text ends with ``@``
    and that id. ``posted``: the thread has it already, by a message of its own.
    """

    incident_id: str
    at: datetime
    kind: TimelineKind
    text: str
    actor: str | None = None
    worse: bool = False
    broadcast: bool = False
    person: str | None = None
    posted: bool = False


def severity_from(tallies: Sequence[Tally]) -> Severity:
    """The worst of what is active; when nothing is, the worst there was."""
    active = [tally.severity for tally in tallies if tally.active]
    return most_severe(active or [tally.severity for tally in tallies])


def judged(incident: Incident, tallies: Sequence[Tally]) -> Incident:
    """The incident with the severity that follows from its alerts, unless a person has set another.

    One that holds no alerts keeps the severity that it has.
    """
    if not tallies:
        return incident
    said = severity_from(tallies)
    severity = incident.severity if incident.severity_by else said
    return msgspec.structs.replace(incident, severity=severity, alerts_severity=said)


def most_important(tallies: Sequence[Tally]) -> list[Tally]:
    """Active before quiet, severe before mild, many before few, early before late."""
    return sorted(tallies, key=lambda t: (not t.active, t.severity.rank, -t.alerts, t.first_at, t.service, t.name))
