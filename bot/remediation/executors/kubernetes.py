"""``kubernetes``: does one thing to one object of the cluster that ``kubernetes`` of tandem.yaml describes.

The server's dry run comes first and says what would change. The object has to be the service's own, and carries the
step's name afterwards: repeated after a crash, a step does nothing twice.
"""

import asyncio
import difflib
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from bot.domain.duration import Duration
from bot.kubernetes.actions import Order, Unfit, actions, kinds_of
from bot.kubernetes.actions import perform as perform_order
from bot.kubernetes.actions import preview as preview_order
from bot.kubernetes.actions.workloads import check_fields
from bot.kubernetes.errors import ClusterFailure, ClusterRefused
from bot.kubernetes.resources import Resource, Where, changeable, names
from bot.remediation.executors.registry import executor, previews
from bot.remediation.executors.step import Foreseen, Outcome, StepContext, StepParameters, presentable

_RUNBOOK = "runbook "
_SLACK = 1.0
"""So much later a step is broken off that should have said by itself how far it came."""
_PLACEHOLDER = r"\$\{[\w.]+\}"
_OBJECT = re.compile(rf"[A-Za-z]+/(?:[A-Za-z0-9.-]|{_PLACEHOLDER})+")
_Name = Annotated[str, StringConstraints(pattern=rf"^(?:[a-z0-9.-]|{_PLACEHOLDER})+$", max_length=253)]
_Replicas = Annotated[int, Field(ge=0, le=10_000)] | Annotated[str, StringConstraints(pattern=rf"^{_PLACEHOLDER}$")]
_Revision = Annotated[str, StringConstraints(pattern=rf"^(?:[\w./-]+|{_PLACEHOLDER})$", max_length=200)]
_NEEDED = {"scale": "replicas", "patch": "set"}
_ONLY = {
    "replicas": ("scale", "pause"),
    "to_revision": ("undo", "rollback", "sync"),
    "set": ("patch",),
    "full": ("promote",),
    "delete_emptydir": ("drain",),
}


def _near(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def _check_action(text: str) -> str:
    if text not in actions():
        raise ValueError(f"{text!r} is no action{_near(text, actions())}")
    return text


def _check_object(text: str) -> str:
    if not _OBJECT.fullmatch(text):
        raise ValueError("write the kind and the name, as in deployment/checkout")
    kind = text.partition("/")[0]
    if changeable(kind) is None:
        raise ValueError(f"{kind!r} is no kind that is changed{_near(kind, names())}")
    return text


def _check_set(fields: dict[str, Any]) -> dict[str, Any]:
    check_fields(fields)
    return fields


class KubernetesParameters(StepParameters):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    timeout: Duration = timedelta(minutes=5)
    """How long it may take until its effect is there."""
    repeatable: bool = True
    """A step that is repeated after a crash finds its own name on the object and does nothing twice."""
    action: Annotated[str, AfterValidator(_check_action)]
    """What is done: `restart`, `undo`, `scale`, `patch`, `delete_pod`, `cordon`, `uncordon`, `drain`, `pause`,
    `resume`, `promote`, `abort`, `sync` or `rollback`."""
    object: Annotated[str, AfterValidator(_check_object)]
    """The kind and the name, as in `deployment/checkout`."""
    namespace: _Name | None = None
    """Its namespace; a node has none."""
    service: _Name | None = None
    """The service that it must belong to; default: the one that the runbook acts on."""
    replicas: _Replicas | None = None
    """How many, for `scale`."""
    to_revision: _Revision | None = None
    """The revision to go back to, for `undo`; default: the one before. For `rollback` Argo CD's id of a deployment."""
    set: Annotated[dict[str, JsonValue], Field(max_length=20), AfterValidator(_check_set)] = Field(default={})
    """For `patch`: fields by their path, as in `spec.template.spec.containers[app].resources.limits.memory: 1Gi`."""
    full: bool = False
    """For `promote`: skip all steps that are left."""
    delete_emptydir: bool = False
    """For `drain`: whether pods may lose what is in their emptyDir."""
    wait: bool = True
    """Whether it waits for the rollout."""

    @model_validator(mode="after")
    def _fits_together(self) -> "KubernetesParameters":
        kind = self.resource.name
        if kind not in kinds_of(self.action):
            raise ValueError(f"{self.action} is for {', '.join(kinds_of(self.action))}, and {self.object} is none")
        if self.resource.namespaced and self.namespace is None:
            raise ValueError(f"say in which namespace {self.object} is")
        needed = _NEEDED.get(self.action)
        if needed and not getattr(self, needed) and getattr(self, needed) != 0:
            raise ValueError(f"{self.action} needs {needed}")
        for name, wanted in _ONLY.items():
            given = getattr(self, name) != type(self).model_fields[name].default
            if given and self.action not in wanted:  # a plan that is read again names every parameter
                raise ValueError(f"{name} is for {' and '.join(wanted)}")
        return self

    @property
    def resource(self) -> Resource:
        found = changeable(self.object.partition("/")[0])
        assert found is not None  # as its validator saw to
        return found

    @property
    def where(self) -> Where:
        return Where(self.resource, self.namespace or "", self.object.partition("/")[2])


def describe(parameters: KubernetesParameters) -> str:
    what = {
        "replicas": f"to {parameters.replicas} replicas",
        "to_revision": f"to revision {parameters.to_revision}",
        "full": "in full",
        "delete_emptydir": "also pods with data in an emptyDir",
    }
    said = [text for name, text in what.items() if getattr(parameters, name) not in (None, False)]
    fields = [f"  {path}: {value}" for path, value in parameters.set.items()]
    line = " ".join([f"kubernetes: {parameters.action.replace('_', ' ')} {parameters.where.text}", *said])
    owner = [f"  (only if it belongs to {parameters.service})"] if parameters.service else []
    return "\n".join([line, *fields, *owner])


@executor("kubernetes", KubernetesParameters, describe)
async def run(parameters: KubernetesParameters, context: StepContext) -> Outcome:
    return await _answered(parameters, context, dry=False)


@previews("kubernetes")
async def preview(parameters: KubernetesParameters, context: StepContext) -> Foreseen:
    """What it would change, by the server's dry run; nothing is changed."""
    seen = await _answered(parameters, context, dry=True)
    return Foreseen(seen.ok, seen.output)


async def _answered(parameters: KubernetesParameters, context: StepContext, *, dry: bool) -> Outcome:
    cluster = context.protection.cluster
    if cluster is None:
        return Outcome(False, "nothing was done: tandem.yaml has no section `kubernetes`")
    allowed = cluster.access.namespaces
    if parameters.namespace and allowed and parameters.namespace not in allowed:
        return Outcome(False, f"nothing was done: {parameters.namespace} is none of kubernetes.namespaces")
    order = _order(parameters, context)
    try:
        async with asyncio.timeout_at(order.deadline + _SLACK):
            done = await (preview_order if dry else perform_order)(cluster, order)
        return Outcome(True, presentable(done.encode(), 0, context.hidden))
    except TimeoutError:
        return Outcome(False, f"the API server did not answer within {order.timeout:g} s")
    except (Unfit, ClusterFailure, ClusterRefused) as error:
        return Outcome(False, presentable(str(error).encode(), 0, context.hidden))


def _order(parameters: KubernetesParameters, context: StepContext) -> Order:
    targets = tuple(one for one in context.targets if not one.startswith(_RUNBOOK))
    return Order(
        action=parameters.action,
        where=parameters.where,
        key=f"{context.run_id}/{context.step}",
        services=(parameters.service,) if parameters.service else targets,
        replicas=None if parameters.replicas is None else int(parameters.replicas),
        revision=parameters.to_revision,
        fields=parameters.set,
        full=parameters.full,
        wait=parameters.wait,
        delete_emptydir=parameters.delete_emptydir,
        timeout=parameters.timeout.total_seconds(),
    )
