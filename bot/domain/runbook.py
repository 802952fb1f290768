"""A runbook: a remediation described in YAML. When it fits, what it does, who may approve, how it is verified."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from bot.domain.access.person import groups_in, read_name
from bot.domain.cause import CauseKind
from bot.domain.duration import Duration
from bot.domain.guards.limits import Limits
from bot.domain.incident import Incident, Tally
from bot.domain.matcher import Matcher, matches, parse_matcher
from bot.domain.runs.autonomy import Autonomy
from bot.domain.runs.drill import DrillSchedule
from bot.domain.runs.parameter import Parameter
from bot.domain.runs.query import Query
from bot.domain.severity import Severity


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class When(_Section):
    """All that is given must hold of the incident. An empty ``when`` fits nothing by itself."""

    service: str | None = Field(default=None, min_length=1)
    """The service of the likely cause (with `cause`), or any service of the incident."""
    cause: CauseKind | None = None
    """The kind of the likely cause."""
    alertname: str | None = Field(default=None, min_length=1)
    """The name of an alert of the incident."""
    severity: Severity | None = None
    """This severity or worse."""
    model: str | None = Field(default=None, min_length=1)
    """The model whose monitor fires; beside a cause in its data, too."""
    labels: list[str] = Field(default=[], max_length=20)
    """Matchers in Alertmanager's notation: each must hold of every value that firing alerts give the label."""

    @field_validator("labels")
    @classmethod
    def _are_matchers(cls, labels: list[str]) -> list[str]:
        for one in labels:
            parse_matcher(one)
        return labels

    @model_validator(mode="after")
    def _says_something(self) -> "When":
        if not any((self.service, self.cause, self.alertname, self.severity, self.model, self.labels)):
            raise ValueError("say when the runbook fits: service, cause, alertname, severity, model or labels")
        return self

    @property
    def matchers(self) -> list[Matcher]:
        return [parse_matcher(one) for one in self.labels]


class Step(_Section):
    """One step: the kind names the executor, the parameters are the executor's own."""

    kind: str
    parameters: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def _from_single_key(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) == 1:
            kind, parameters = next(iter(value.items()))
            if isinstance(parameters, dict):
                return {"kind": kind, "parameters": parameters}
        raise ValueError("a step is one executor's name with its parameters, as in `command: {argv: [...]}`")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


class Verify(_Section):
    alerts_resolved: bool = True
    """Whether the alerts that fire when it is approved must resolve."""
    within: Duration = timedelta(minutes=5)
    """How long that may take."""
    stable_for: Duration | None = None
    """For how long they must then stay resolved; by default 1m, and a fifth of `within` where that is less."""
    monitor: str | None = Field(default=None, pattern=r"^[^/]+/[^/]+$")
    """A monitor, as `MODEL/MONITOR`, whose next check on rows that came after the last step must find nothing."""
    query: Annotated[list[Query], BeforeValidator(_as_list), Field(max_length=10)] = []
    """A Prometheus query, or a list of them, and what its value must be."""
    http: dict[str, Any] | None = None
    """A request that must be answered as expected: parameters as for the executor `http`, method GET or HEAD."""
    gate: dict[str, Any] | None = None
    """A gate that must pass: parameters as for the executor `gate`."""

    @field_validator("http")
    @classmethod
    def _only_looks(cls, http: dict[str, Any] | None) -> dict[str, Any] | None:
        if http is not None and http.get("method", "GET") not in ("GET", "HEAD"):
            raise ValueError("a verification only looks: its method is GET or HEAD")
        return http

    @property
    def probes(self) -> list["Step"]:
        """The steps by which others are asked, each only looking."""
        found = [] if self.http is None else [Step.model_validate({"http": {"method": "GET", **self.http}})]
        return found + ([] if self.gate is None else [Step.model_validate({"gate": self.gate})])


class Approval(_Section):
    approvers: list[Annotated[str, BeforeValidator(read_name)]] = Field(min_length=1)
    """Slack user ids (`U…`) of those who may approve, user groups (`S…`), of whom each member may, and
    `{schedule: NAME}`: whoever is on call there."""
    required: int = Field(default=1, ge=1)
    """How many different people must approve."""
    expires: Duration = timedelta(hours=1)
    """When the offer lapses."""
    other_team: bool = False
    """Whether one who approves must be in no team that answers for what the run acts on."""
    proposer_may_approve: bool = False
    """Whether who proposed it by hand may be one of those who approve it."""
    reason: bool = False
    """Whether who approves must say why."""

    @model_validator(mode="after")
    def _enough_approvers(self) -> "Approval":
        if self.required > len(set(self.approvers)) and not groups_in(self.approvers):
            raise ValueError(f"{self.required} approvals are required but only {len(set(self.approvers))} may approve")
        return self


class Impact(StrEnum):
    """How much a runbook changes."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        return list(Impact).index(self)


class Runbook(_Section):
    title: str = Field(min_length=1, max_length=150)
    """What people read."""
    when: When
    """When it is offered; all that is given must hold."""
    steps: list[Step] = Field(min_length=1, max_length=50)
    """What is done, in order: one executor's name each, with its parameters."""
    rollback: list[Step] = Field(default=[], max_length=50)
    """What undoes it, if a step or the verification fails."""
    verify: Verify = Verify()
    approval: Approval
    placeholders: dict[str, str] = {}
    """Which values may be filled in: for a placeholder, the regular expression that the whole value has to match."""
    limits: Limits | None = None
    """How often it may run, and while how much is wrong or depends on it."""
    parameters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")], Parameter] = {}
    """What may be changed about its plan before it is approved, by name; steps take it as `${parameters.NAME}`."""
    autonomy: Autonomy | None = None
    """When it may run without a click, once it has earned that; default: never. See autonomy.md."""
    drill: DrillSchedule | None = None
    """When it goes through a drill by itself; where that fails, its owner hears of it. See drills.md."""
    impact: Impact = Impact.MEDIUM
    """How much it changes: of several runbooks that fit, those that change less are offered first."""


def definition_hash(runbook: Runbook) -> str:
    """Changes when anything in the runbook does but ``autonomy`` and ``drill``, which nobody approves.

    A key that came later and is not given changes nothing.
    """
    evidence = ("stable_for", "monitor", "query", "http", "gate")
    later: dict[str, Any] = {"verify": {name for name in evidence if not getattr(runbook.verify, name)}}
    later["autonomy"] = later["drill"] = True
    later |= {name: True for name in ("placeholders", "limits", "parameters") if not getattr(runbook, name)}
    approval = {
        name for name in ("other_team", "proposer_may_approve", "reason") if not getattr(runbook.approval, name)
    }
    later |= {"approval": approval} if approval else {}
    when = {name for name in ("model", "labels") if not getattr(runbook.when, name)}
    later |= {"when": when} if when else {}
    if runbook.impact is Impact.MEDIUM:
        later["impact"] = True
    return hashlib.sha256(runbook.model_dump_json(exclude=later).encode()).hexdigest()[:16]


def fits(when: When, incident: Incident, tallies: list[Tally]) -> bool:
    """Whether a runbook may be offered, but for its ``labels``: see :func:`labels_fit`.

    With ``cause`` given, ``service`` means the cause's service.
    """
    cause = incident.causes[0] if incident.causes else None
    if when.cause and (cause is None or not cause.kind.is_a(when.cause)):
        return False
    if when.service:
        affected = [cause.service] if when.cause and cause else incident.services
        if when.service not in affected:
            return False
    if when.model and not any(tally.active and tally.service == when.model for tally in tallies):
        return False
    if when.alertname and not any(tally.active and tally.name == when.alertname for tally in tallies):
        return False
    return when.severity is None or incident.severity.rank <= when.severity.rank


def labels_fit(when: When, values: Mapping[str, Collection[str]]) -> bool:
    """Whether the labels of the firing alerts are as ``when`` wants them: no alert contradicts a matcher.

    ``values`` are those that each label has in alerts that fire. An alert without the label says nothing about it: a
    node's alert beside those of a service with ``env="prod"`` does not keep a runbook for ``env="prod"`` away. Where no
    alert has it, it is empty, as in Alertmanager.

    >>> when = When(labels=['env="prod"'])
    >>> labels_fit(when, {"env": ["prod"]}), labels_fit(when, {"env": ["prod", "dev"]}), labels_fit(when, {"env": []})
    (True, False, False)
    """
    return all(
        matches(matcher, {matcher.label: value})
        for matcher in when.matchers
        for value in values.get(matcher.label) or ("",)
    )
