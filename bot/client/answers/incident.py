"""What the API answers, made of ``/openapi.json`` by ``python -m tests.unit.docs.client``.

Words such as a status are plain strings, and what a server does not know yet has an empty value: a client of this
version works with those before and after.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    fingerprint: str = ""
    status: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    starts_at: datetime
    ends_at: datetime | None = None
    source: str = ""
    severity: str = ""
    service: str = ""
    flapping: bool = False
    repeats: int = 0
    link: str = ""


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    until: datetime
    runs: list[str] = []
    bound: float = 0.0


class BlastRadius(msgspec.Struct, frozen=True, kw_only=True):
    dependants: int = 0
    critical: int = 0
    named: list[str] = []


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    service: str = ""
    kind: str = ""
    score: float = 0.0
    evidence: list[str] = []


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    user: str = ""
    verdict: str = ""
    at: datetime
    reason: str = ""
    outside: bool = False
    preview: str = ""


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    passes: bool | None = None
    said: str = ""


class Glass(msgspec.Struct, frozen=True, kw_only=True):
    user: str = ""
    reason: str = ""
    at: datetime
    windows: list[str] = []


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    guard: str = ""
    name: str = ""
    why: str = ""
    until: datetime | None = None
    break_glass: list[str] = []


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    id: str = ""
    number: int = 0
    title: str = ""
    status: str = ""
    severity: str = ""
    summary: str = ""
    services: list[str] = []
    team: str | None = None
    teams: list[str] = []
    channels: list[str] = []
    ticket: Ticket | None = None
    own_channel: str | None = None
    domain: str = ""
    opened_at: datetime
    resolved_at: datetime | None = None
    owner: str | None = None
    acknowledged_by: str | None = None
    lead: str | None = None
    scribe: str | None = None
    next_update_at: datetime | None = None
    resolved_by: str | None = None
    severity_by: str | None = None
    alerts_severity: str | None = None
    kept_open_by: str | None = None
    part_of: str | None = None
    truncated: int = 0
    drill: bool = False
    version: int = 0
    alerts: list[Alert] = []
    causes: list[Cause] = []
    past: list[PastIncident] = []
    runs: list[Run] = []
    timeline: list[TimelineEntry] = []


class PastIncident(msgspec.Struct, frozen=True, kw_only=True):
    number: int = 0
    likeness: float = 0.0
    opened_at: datetime
    resolved_at: datetime
    helped: list[str] = []
    helped_titles: list[str] = []


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    hash: str = ""
    ok: bool = False
    steps: list[StepPreview] = []


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    status: str = ""
    relapsed_after_seconds: float | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    id: str = ""
    runbook: str = ""
    status: str = ""
    title: str = ""
    plan_hash: str = ""
    plan: list[str] = []
    rollback: list[str] = []
    approvers: list[str] = []
    required: int = 0
    decisions: list[Decision] = []
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    outcome: str = ""
    targets: list[str] = []
    watched: list[str] = []
    previous: Previous | None = None
    gate: Gate | None = None
    drill: bool = False
    preview: Preview | None = None
    proposed_by: str | None = None
    parameters: dict[str, int | float | str] = {}
    cause: str | None = None
    announced: Announcement | None = None
    alone: bool = False
    stopped_by: str | None = None
    started_at: datetime | None = None
    guards: list[Hold] = []
    glass: Glass | None = None
    blast_radius: BlastRadius | None = None
    steps: list[Step] = []
    incident_id: str = ""
    also: list[Run] = []


class Step(msgspec.Struct, frozen=True, kw_only=True):
    phase: str = ""
    position: int = 0
    status: str = ""
    output: str = ""


class StepPreview(msgspec.Struct, frozen=True, kw_only=True):
    position: int = 0
    possible: bool = False
    ok: bool = False
    output: str = ""


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    tracker: str = ""
    key: str = ""
    url: str = ""
    reason: str = ""


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    kind: str = ""
    text: str = ""
    actor: str | None = None
