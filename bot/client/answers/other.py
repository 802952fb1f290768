"""What the API answers, made of ``/openapi.json`` by ``python -m tests.unit.docs.client``.

Words such as a status are plain strings, and what a server does not know yet has an empty value: a client of this
version works with those before and after.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from bot.client.answers.incident import Incident, Run


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    answer: str = ""
    asked: str | None = None
    evidence: list[Evidence] = []
    chart: AnswerChart | None = None
    suggestions: list[Suggestion] = []
    model: ByModel | None = None


class AnswerChart(msgspec.Struct, frozen=True, kw_only=True):
    title: str = ""
    unit: str = ""
    x: list[int] = []
    lines: dict[str, list[float | None]] = {}


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    seq: int = 0
    at: datetime
    actor: str = ""
    action: str = ""
    subject: str = ""
    details: dict[str, Any] = {}
    hash: str = ""


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    entries: list[AuditEntry] = []
    next: str | None = None


class ByModel(msgspec.Struct, frozen=True, kw_only=True):
    sentences: list[Sentence] = []
    sources: dict[str, str] = {}
    left_out: int = 0
    problem: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    service: str = ""
    kind: str = ""
    title: str = ""
    version: str = ""
    actor: str = ""
    source: str = ""
    link: str = ""
    domain: str = ""


class ChangesPage(msgspec.Struct, frozen=True, kw_only=True):
    changes: list[Change] = []


class Check(msgspec.Struct, frozen=True, kw_only=True):
    monitor: str = ""
    domain: str = ""
    at: datetime
    state: str = ""
    rows: int = 0
    reference: str = ""
    summary: str = ""
    model_version: str = ""
    metric: str = ""
    value: float | None = None
    limit: float | None = None
    psi: dict[str, float] = {}
    missing: dict[str, float] = {}


class ColumnLook(msgspec.Struct, frozen=True, kw_only=True):
    column: str = ""
    psi: float | None = None
    missing_reference: float = 0.0
    missing_now: float = 0.0
    bins: list[str] = []
    reference: list[float] = []
    now: list[float] = []


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    monitor: str = ""
    alertname: str = ""
    severity: str = ""
    began_at: datetime
    ended_at: datetime | None = None
    domain: str = ""
    summary: str = ""
    incident_id: str | None = None
    model_version: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    kind: str = ""
    text: str = ""
    actor: str | None = None
    incident_id: str = ""
    number: int = 0
    title: str = ""
    status: str = ""
    severity: str = ""
    version: int = 0
    domain: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    text: str = ""
    at: datetime | None = None
    people: list[str] = []
    url: str = ""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    incidents: int = 0
    mtta: float | None = None
    mttr: float | None = None
    reopened: int = 0
    verified: int = 0
    noise: int = 0
    nights: int = 0


class HistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    history: list[Check] = []
    episodes: list[Episode] = []
    next: str | None = None


class IncidentPage(msgspec.Struct, frozen=True, kw_only=True):
    incidents: list[Incident] = []
    next: str | None = None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    monitor: str = ""
    domain: str = ""
    at: datetime
    rows: int = 0
    reference: str = ""
    columns: list[ColumnLook] = []
    model_version: str = ""


class LooksPage(msgspec.Struct, frozen=True, kw_only=True):
    looks: list[Look] = []


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    service: str = ""
    group: str | None = None
    episodes: int = 0
    woke: int = 0
    led_on: int = 0
    dismissed: int = 0
    silenced: int = 0
    not_useful: int = 0
    flaps: int = 0
    half_lasted: float = 0.0
    proposal: Proposal | None = None


class NoisePage(msgspec.Struct, frozen=True, kw_only=True):
    noise: list[Noise] = []


class OnCall(msgspec.Struct, frozen=True, kw_only=True):
    schedule: str = ""
    teams: list[str] = []
    people: list[OnCallPerson] = []
    until: datetime | None = None
    next: list[str] = []
    notes: list[str] = []


class OnCallPage(msgspec.Struct, frozen=True, kw_only=True):
    on_call: list[OnCall] = []


class OnCallPerson(msgspec.Struct, frozen=True, kw_only=True):
    user: str | None = None
    name: str = ""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    setting: str = ""
    text: str = ""
    saved: int = 0
    of: int = 0
    hidden: int = 0
    replayed: bool = False
    more: float | None = None
    file: str | None = None
    patch: str | None = None
    how: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    summary: str = ""
    impact: str = ""
    lessons: str = ""
    edited_by: str | None = None
    edited_at: datetime | None = None


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    runs: list[Run] = []
    next: str | None = None


class Runbook(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    title: str = ""


class RunbooksPage(msgspec.Struct, frozen=True, kw_only=True):
    runbooks: list[Runbook] = []


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    text: str = ""
    cites: list[str] = []


class Service(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    depends_on: list[str] = []
    teams: list[str] = []
    severity: str | None = None
    incidents: list[int] = []


class ServicePage(msgspec.Struct, frozen=True, kw_only=True):
    services: list[Service] = []
    next: str | None = None


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    id: str = ""
    matchers: list[str] = []
    starts_at: datetime
    ends_at: datetime
    created_by: str = ""
    comment: str = ""
    origin: str = ""
    matches: str = ""


class SilencePage(msgspec.Struct, frozen=True, kw_only=True):
    silences: list[Silence] = []
    next: str | None = None


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    since: datetime
    all: Figures
    by: dict[str, Figures] = {}


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    question: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool | None = None
    confidence: float = 0.0
    reasons: list[str] = []
