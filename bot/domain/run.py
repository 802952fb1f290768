"""A run: one execution of a runbook, from proposal to a verified end."""

import hashlib
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from typing import Any, Literal

import msgspec

from bot.domain.verification import Progress, WatchedAlert

GATE = "gate"


class RunStatus(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    RUNNING = "running"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        return self in _ENDED


_ENDED = {RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.ROLLED_BACK, RunStatus.REJECTED, RunStatus.EXPIRED}


class PlannedStep(msgspec.Struct, frozen=True):
    """A step as it will be executed: every placeholder filled in. ``text`` is how people see it.

    ``repeatable`` steps may be executed again after a crash; others are settled by their ``check``,
    a command or request that only looks.
    """

    kind: str
    parameters: dict[str, Any]
    text: str = ""
    repeatable: bool = False
    check: "PlannedStep | None" = None


class Plan(msgspec.Struct, frozen=True):
    """Exactly what an approval is for. ``definition`` is the hash of the runbook as it was written."""

    runbook: str
    definition: str
    title: str
    steps: list[PlannedStep]
    rollback: list[PlannedStep]
    verify_within: float
    alerts_resolved: bool


def plan_hash(plan: Plan) -> str:
    """SHA-256 over the plan's canonical JSON; an approval holds for this hash and nothing else."""
    return hashlib.sha256(msgspec.json.encode(plan, order="deterministic")).hexdigest()


def first_gates(plan: Plan) -> list[PlannedStep]:
    """The gates that a plan begins with and that may be asked at any time: no step has changed what they compare."""
    return list(takewhile(lambda step: step.kind == GATE and step.repeatable, plan.steps))


class GatePreview(msgspec.Struct, frozen=True):
    """What the first gates of an offer said before anybody approved: whether they would let it pass, and why."""

    at: datetime
    passes: bool
    said: str


class Decision(msgspec.Struct, frozen=True):
    user: str
    verdict: Literal["approve", "reject"]
    at: datetime


class PreviousRun(msgspec.Struct, frozen=True):
    """How the same runbook ended before on the same target: what fired then fires again, ``relapsed_after`` seconds."""

    at: datetime
    status: RunStatus
    relapsed_after: float | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """``watched`` are the alerts that fired when it was approved: they are what its verification looks at."""

    id: str
    incident_id: str
    partition: int
    runbook: str
    plan: Plan
    plan_hash: str
    status: RunStatus = RunStatus.PROPOSED
    approvers: list[str]
    required: int
    decisions: list[Decision] = []
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    outcome: str = ""
    gate: GatePreview | None = None
    watched: list[WatchedAlert] = []
    verification: Progress | None = None
    previous: "PreviousRun | None" = None

    @property
    def approvals(self) -> list[str]:
        return [decision.user for decision in self.decisions if decision.verdict == "approve"]


def withdraw(run: Run, reason: str, now: datetime) -> Run:
    """The run as it is when nobody may approve it any more."""
    return msgspec.structs.replace(run, status=RunStatus.EXPIRED, outcome=reason, ended_at=now)


class Phase(StrEnum):
    STEP = "step"
    ROLLBACK = "rollback"


class StepStatus(StrEnum):
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IN_DOUBT = "in doubt"


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one step of a run; written as STARTED before its effect, so that a crash shows."""

    run_id: str
    phase: Phase
    position: int
    status: StepStatus
    started_at: datetime
    ended_at: datetime | None = None
    output: str = ""
