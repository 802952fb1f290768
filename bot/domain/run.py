"""A run: one execution of a runbook, from proposal to a verified end."""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Any, Literal

import msgspec

from bot.domain.duration import format_duration
from bot.domain.guards.hold import BlastRadius, Glass, Hold
from bot.domain.runs.autonomy import TANDEM
from bot.domain.runs.parameter import Value
from bot.domain.runs.preview import Preview
from bot.domain.runs.query import PlannedQuery
from bot.domain.runs.verification import Progress, WatchedAlert, default_stable_for

GATE = "gate"
PROMOTION = "mlflow"
PREVIEWED_BY_THEMSELVES = (PROMOTION, "kubernetes")
"""The kinds of steps whose executors find out what they would change without being given how."""
_LONGEST_NAME = 200


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
    STOPPED = "stopped"
    """A person took charge before it was verified: nothing more is done, and nothing undone."""

    @property
    def ended(self) -> bool:
        return self not in _UNDER_WAY

    @property
    def ran(self) -> bool:
        """Whether it ended after it had begun."""
        return self.ended and self not in _NEVER_RAN


_UNDER_WAY = {RunStatus.PROPOSED, RunStatus.APPROVED, RunStatus.RUNNING, RunStatus.VERIFYING}
_NEVER_RAN = {RunStatus.REJECTED, RunStatus.EXPIRED}
NOT_APPROVED = {RunStatus.PROPOSED, RunStatus.REJECTED, RunStatus.EXPIRED}


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

    @property
    def previewable(self) -> bool:
        """Whether it can be found out what it would change."""
        return bool(self.parameters.get("preview")) or self.kind in PREVIEWED_BY_THEMSELVES

    @property
    def name(self) -> str:
        """What it does in one line, cut to size."""
        return "the gate" if self.kind == GATE else self.text.partition("\n")[0][:_LONGEST_NAME]


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """Exactly what an approval is for. ``definition`` is the hash of the runbook as it was written.

    ``targets`` are the services that it acts on: of two plans with one in common, one runs at a time. What has a
    default is left out of the hash where it has it, so that plans of before keep theirs.
    """

    runbook: str
    definition: str
    title: str
    steps: list[PlannedStep]
    rollback: list[PlannedStep]
    verify_within: float
    alerts_resolved: bool
    stable_for: float | None = None
    monitor: str = ""
    targets: list[str] = []
    parameters: dict[str, Value] = {}
    queries: list[PlannedQuery] = []
    probes: list[PlannedStep] = []

    @property
    def asks(self) -> bool:
        """Whether others than the senders of alerts are asked for evidence."""
        return bool(self.monitor or self.queries or self.probes)

    def evidence(self, *, met: bool = False) -> list[str]:
        """What others are asked, in words: what must be so, or, once that is ``met``, what is."""
        be, succeed = ("is", "succeeds") if met else ("must be", "must succeed")
        said = [f"{query.name} {be} {query.wanted}" for query in self.queries]
        return said + [f"{step.name} {succeed}" for step in self.probes]

    @property
    def quiet_for(self) -> float:
        """How many seconds what ended has to stay so."""
        return default_stable_for(self.verify_within) if self.stable_for is None else self.stable_for

    @property
    def promotes(self) -> bool:
        """Whether it changes which version of a model is served."""
        return any(step.kind == PROMOTION for step in self.steps)

    @property
    def registered(self) -> list[str]:
        """The models and prompts that it sets a version of. A registry knows no correlation domains."""
        steps = [step.parameters for step in (*self.steps, *self.rollback) if step.kind == PROMOTION]
        return sorted({f"the registered model {step.get('model') or step.get('prompt')}" for step in steps})


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
    reason: str = ""
    outside: bool = False
    """Whether they were in no team that answers for what the run acts on."""
    preview: str = ""
    """The hash of the preview that they had before them."""


class Announcement(msgspec.Struct, frozen=True):
    """That Tandem will run it by itself: since when, from when on, and by which runs it has earned that."""

    at: datetime
    until: datetime
    runs: list[str]
    bound: float


class PreviousRun(msgspec.Struct, frozen=True):
    """How the same runbook ended before on the same target: what fired then fires again, ``relapsed_after`` seconds."""

    at: datetime
    status: RunStatus
    relapsed_after: float | None = None

    def in_words(self, at: str) -> str:
        """``ran at 04:10: verified, relapsed after 12m``."""
        ended = "verified" if self.status is RunStatus.SUCCEEDED else str(self.status)
        relapsed = "" if self.relapsed_after is None else f", relapsed after {_rounded(self.relapsed_after)}"
        return f"ran at {at}: {ended}{relapsed}"


def _rounded(seconds: float) -> str:
    return format_duration(timedelta(seconds=seconds))


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """``watched`` are the alerts that fired when it was approved: they are what its verification looks at.

    ``proposed_by`` did so by hand, ``filled`` is what placeholders stand for, where its plan may be edited.
    ``cause`` is the kind of cause that it was started for, ``earned`` whether its success shows that the runbook
    works, ``announced`` that Tandem will run it by itself, ``stopped_by`` who stopped that. ``preview`` is what its
    steps would change. Of a ``drill`` nothing is performed.
    ``holds`` are the guards that forbid it, as of the last look, ``reach`` is what depends on what it acts on.
    """

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
    seal: str = ""
    started_at: datetime | None = None
    holds: list[Hold] = []
    glass: Glass | None = None
    reach: BlastRadius | None = None
    proposed_by: str = ""
    filled: dict[str, str] | None = None
    cause: str = ""
    earned: bool | None = None
    announced: Announcement | None = None
    stopped_by: str = ""
    preview: Preview | None = None
    drill: bool = False
    end_seal: str = ""

    @property
    def alone(self) -> bool:
        """Whether Tandem approved it, as it has earned that."""
        return self.announced is not None and TANDEM in self.approvals

    @property
    def broken(self) -> list[str]:
        """The freeze windows whose glass is broken for it."""
        return self.glass.windows if self.glass else []

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
