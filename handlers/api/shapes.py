"""What the API answers, as types: they are encoded as they are, and described by ``/openapi.json``."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bot.domain.cause import Cause
from bot.domain.event import AlertStatus
from bot.domain.guards.hold import Glass, Guard
from bot.domain.incident import IncidentStatus, TimelineKind
from bot.domain.memory import PastIncident
from bot.domain.run import Announcement, Decision, Phase, RunStatus, StepStatus
from bot.domain.runs.parameter import Value
from bot.domain.severity import Severity

Domain = Annotated[str, Meta(description="The values of the labels `correlation.partition_by`, joined by `/`.")]


class AlertShape(msgspec.Struct, frozen=True):
    fingerprint: str
    status: AlertStatus
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: datetime
    ends_at: datetime | None
    source: str
    severity: Severity
    service: str
    flapping: bool
    repeats: int
    link: str


class TimelineShape(msgspec.Struct, frozen=True):
    at: datetime
    kind: TimelineKind
    text: str
    actor: Annotated[str | None, Meta(description="A Slack user's id, a token's name or a tool; null is Tandem.")]


class StepShape(msgspec.Struct, frozen=True):
    phase: Phase
    position: int
    status: StepStatus
    output: str


class PreviousShape(msgspec.Struct, frozen=True):
    at: datetime
    status: RunStatus
    relapsed_after_seconds: float | None


class GateShape(msgspec.Struct, frozen=True):
    at: datetime
    passes: bool | None
    said: str


class HoldShape(msgspec.Struct, frozen=True):
    """What forbids a run now."""

    guard: Guard
    name: str
    why: str
    until: datetime | None
    break_glass: list[str]


class BlastRadiusShape(msgspec.Struct, frozen=True):
    dependants: int
    critical: int
    named: list[str]


class StepPreviewShape(msgspec.Struct, frozen=True):
    position: int
    possible: Annotated[bool, Meta(description="Whether its executor can say what the step would change.")]
    ok: Annotated[bool, Meta(description="Whether the preview says that it would work.")]
    output: str


class PreviewShape(msgspec.Struct, frozen=True):
    at: datetime
    hash: Annotated[str, Meta(description="The same for previews that show the same; decisions name it.")]
    ok: bool
    steps: list[StepPreviewShape]


class RunShape(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    runbook: str
    status: RunStatus
    title: str
    plan_hash: str
    plan: list[str]
    rollback: list[str]
    approvers: list[str]
    required: int
    decisions: list[Decision]
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    outcome: str
    targets: list[str]
    watched: list[str]
    previous: PreviousShape | None
    gate: GateShape | None
    drill: Annotated[bool, Meta(description="Whether it is a drill, of which nothing is performed.")]
    preview: Annotated[PreviewShape | None, Meta(description="What its steps would change, before the approval.")]
    proposed_by: Annotated[str | None, Meta(description="Who proposed it by hand; null: it fitted.")]
    parameters: dict[str, Value]
    cause: Annotated[str | None, Meta(description="The kind of cause that it was started for.")]
    announced: Annotated[Announcement | None, Meta(description="That Tandem runs it by itself, from when on.")]
    alone: Annotated[bool, Meta(description="Whether Tandem approved it by itself.")]
    stopped_by: Annotated[str | None, Meta(description="Who stopped what Tandem announced or ran by itself.")]
    started_at: datetime | None
    guards: list[HoldShape]
    glass: Glass | None
    blast_radius: BlastRadiusShape | None
    steps: list[StepShape]
    incident_id: str | UnsetType = UNSET
    also: (
        Annotated[list["RunShape"], Meta(description="Proposed with it: one for each value of the labels it takes.")]
        | UnsetType
    ) = UNSET


class TicketShape(msgspec.Struct, frozen=True):
    """Its ticket in a tracker; without an address it is not open yet, or ``reason`` says why there is none."""

    tracker: str
    key: str
    url: str
    reason: str


class IncidentShape(msgspec.Struct, frozen=True, kw_only=True):
    """``alerts`` is left out of answers to changes and of lists with ``alerts=false``, ``timeline`` of all lists."""

    id: str
    number: int
    title: str
    status: IncidentStatus
    severity: Severity
    summary: str
    services: list[str]
    team: Annotated[str | None, Meta(description="The team that its route names, or its alerts and services do.")]
    teams: Annotated[list[str], Meta(description="That team, and those that answer for its services.")]
    channels: Annotated[list[str], Meta(description="The channels that it is shown in; the first has the thread.")]
    ticket: TicketShape | None
    own_channel: Annotated[str | None, Meta(description="The id of the channel that it has for itself.")]
    domain: Domain
    opened_at: datetime
    resolved_at: datetime | None
    owner: str | None
    acknowledged_by: str | None
    lead: Annotated[str | None, Meta(description="Who leads: a Slack user's id.")]
    scribe: Annotated[str | None, Meta(description="Who writes down what happens: a Slack user's id.")]
    next_update_at: Annotated[datetime | None, Meta(description="For when an update promised the next one.")]
    resolved_by: str | None
    severity_by: Annotated[str | None, Meta(description="Who set the severity; null: it follows the alerts.")]
    alerts_severity: Annotated[Severity | None, Meta(description="What the alerts say.")]
    kept_open_by: Annotated[str | None, Meta(description="Who opened it by hand: it ends when somebody resolves it.")]
    part_of: Annotated[str | None, Meta(description="The id of the incident that it became part of.")]
    truncated: int
    drill: Annotated[bool, Meta(description="Whether it is made up, for a runbook to go its way.")]
    version: Annotated[int, Meta(description="Grows with every change; the ETag of this incident.")]
    alerts: list[AlertShape] | UnsetType = UNSET
    causes: list[Cause]
    past: list[PastIncident]
    runs: list[RunShape]
    timeline: list[TimelineShape] | UnsetType = UNSET


class IncidentPage(msgspec.Struct, frozen=True):
    incidents: list[IncidentShape]
    next: Annotated[str | None, Meta(description="The cursor of the next page; a page may be short and have one.")]


class RunPage(msgspec.Struct, frozen=True):
    runs: list[RunShape]
    next: str | None


class SilenceShape(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    matchers: list[str]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    origin: Annotated[str, Meta(description="The tool in which it was made, or empty.")]
    matches: Annotated[str, Meta(description="What it matches of the last 24 hours, in words.")] | UnsetType = UNSET


class SilencePage(msgspec.Struct, frozen=True):
    silences: list[SilenceShape]
    next: str | None


class AuditShape(msgspec.Struct, frozen=True):
    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    hash: str


class AuditPage(msgspec.Struct, frozen=True):
    entries: list[AuditShape]
    next: str | None


class ServiceShape(msgspec.Struct, frozen=True):
    name: str
    depends_on: list[str]
    teams: list[str]
    severity: Annotated[Severity | None, Meta(description="The worst of its open incidents; null: there is none.")]
    incidents: Annotated[list[int], Meta(description="The numbers of its open incidents.")]


class ServicePage(msgspec.Struct, frozen=True):
    services: list[ServiceShape]
    next: str | None


class EventShape(msgspec.Struct, frozen=True):
    """The data of an event: a line of a timeline, with the incident as it was when the event was sent."""

    at: datetime
    kind: TimelineKind
    text: str
    actor: str | None
    incident_id: str
    number: int
    title: str
    status: IncidentStatus
    severity: Severity
    version: int
    domain: Domain


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457: what is wrong, and what to do."""

    type: str
    title: str
    status: int
    detail: str
