"""Looks a service up in the cluster: its pods, the last lines of a log, events, nodes. Within a budget."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from bot.domain.cause import Observed
from bot.errors import TandemError
from bot.integrations.kubernetes.evidence import judging
from bot.integrations.kubernetes.evidence.redacting import redacted
from bot.integrations.kubernetes.evidence.states import ClusterEvent, Node, Pod
from bot.kubernetes.cluster import Cluster, Request, Verb, decoded
from bot.kubernetes.errors import ClusterRefused
from bot.kubernetes.ownership import SERVICE_LABELS
from bot.kubernetes.pages import Page
from bot.kubernetes.resources import DAEMON_SETS, DEPLOYMENTS, EVENTS, NODES, PODS, STATEFUL_SETS, Where

MOST_CALLS = 25
"""Calls for one incident; beyond, what was found by then is what there is."""
_CALL = 5.0
_PODS, _EVENTS = 100, 200
_NODES = 3
_LINES, _LOG_BYTES, _SHOWN_LINES, _SHOWN = 20, 16 * 1024, 6, 900
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_Shape = TypeVar("_Shape")

Mask = Callable[[str], str]


class BudgetSpent(TandemError):
    """No further call is made for this incident."""


@dataclass(frozen=True)
class Question:
    """What is looked up: services, each with the namespaces that its alerts name, the likeliest cause first."""

    services: tuple[tuple[str, tuple[str, ...]], ...]
    opened_at: datetime


@dataclass
class Looking:
    """One incident's look. What is found is there at once, whatever ends the look."""

    cluster: Cluster
    question: Question
    now: datetime
    mask: Mask
    found: list[Observed] = field(default_factory=list)
    calls: int = 0
    _nodes: set[str] = field(default_factory=set)

    async def look(self) -> None:
        """Raises BudgetSpent, ClusterFailure, ClusterRefused."""
        for service, namespaces in self.question.services:
            for namespace in self._allowed(namespaces):
                pods = await self._pods_of(service, namespace)
                if pods:
                    await self._look_at(service, pods)
                    break

    def _allowed(self, namespaces: Iterable[str]) -> list[str]:
        """Those that alerts name and may be looked at; else all that may be, which no name stands for."""
        known = self.cluster.access.namespaces
        named = [one for one in namespaces if not known or one in known]
        return named or list(known) or [""]

    async def _look_at(self, service: str, pods: list[Pod]) -> None:
        opened_at, now = self.question.opened_at, self.now
        self.found += judging.of_pods(service, pods, opened_at, now)
        for part in (self._node_pressure(service, pods), self._events(service, pods), self._log(service, pods)):
            with suppress(ClusterRefused):  # what the role may not read is left out: the rest is worth having
                await part

    async def _pods_of(self, service: str, namespace: str) -> list[Pod]:
        if not _LABEL.fullmatch(service):
            return []
        for label in SERVICE_LABELS:
            query = {"labelSelector": f"{label}={service}", "limit": str(_PODS)}
            pods = (await self._read("list", Where(PODS, namespace), Page[Pod], query)).items
            if pods:
                return pods
        return await self._pods_of_workload(service, namespace) if namespace else []

    async def _pods_of_workload(self, service: str, namespace: str) -> list[Pod]:
        """By the selector of the workload of that name."""
        for resource in (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS):
            with suppress(ClusterRefused):
                thing = await self._read("get", Where(resource, namespace, service), dict[str, object])
                labels = _selector(thing)
                query = {"labelSelector": labels, "limit": str(_PODS)}
                return (
                    (await self._read("list", Where(PODS, namespace), Page[Pod], query)).items or [] if labels else []
                )
        return []

    async def _node_pressure(self, service: str, pods: list[Pod]) -> None:
        bad_first = sorted(pods, key=lambda pod: (pod.ready, -pod.restarts))
        names = dict.fromkeys(pod.spec.node_name for pod in bad_first if pod.spec.node_name)
        for name in [one for one in names if one not in self._nodes][:_NODES]:
            self._nodes.add(name)
            self.found += judging.of_node(service, await self._read("get", Where(NODES, "", name), Node), self.now)

    async def _events(self, service: str, pods: list[Pod]) -> None:
        namespace = pods[0].metadata.namespace
        query = {"fieldSelector": "type=Warning", "limit": str(_EVENTS)}
        listed = (await self._read("list", Where(EVENTS, namespace), Page[ClusterEvent], query)).items or []
        names = {pod.metadata.name for pod in pods}
        names |= {owner.name for pod in pods for owner in pod.metadata.owner_references or []} | {service}
        mine = [event for event in listed if event.involved_object.name in names]
        self.found += judging.of_events(service, mine, self.question.opened_at, self.now)

    async def _log(self, service: str, pods: list[Pod]) -> None:
        chosen = judging.worst(pods)
        if chosen is None:
            return
        pod, container, previous = chosen
        query = {"container": container, "tailLines": str(_LINES), "limitBytes": str(_LOG_BYTES)}
        where = Where(PODS, pod.metadata.namespace, pod.metadata.name, "log")
        body = await self._call(
            Request("get", where, query | ({"previous": "true"} if previous else {}), timeout=_CALL)
        )
        lines = [line.strip() for line in self.mask(redacted(body.decode(errors="replace"))).splitlines()]
        said = " ↵ ".join([line for line in lines if line][-_SHOWN_LINES:])
        if said:
            whose = f"the container before in {pod.metadata.name}" if previous else pod.metadata.name
            self.found.append(Observed(service, f"Last log lines of {whose}: {said[-_SHOWN:]}", self.now))

    async def _read(self, verb: Verb, where: Where, shape: type[_Shape], query: dict[str, str] | None = None) -> _Shape:
        return await decoded(await self._call(Request(verb, where, query or {}, timeout=_CALL)), shape)

    async def _call(self, request: Request) -> bytes:
        if self.calls >= MOST_CALLS:
            raise BudgetSpent(f"{MOST_CALLS} calls are made for one incident")
        self.calls += 1
        return await self.cluster.call(request)


def _selector(thing: dict[str, object]) -> str:
    spec = thing.get("spec")
    selector = spec.get("selector") if isinstance(spec, dict) else None
    labels = selector.get("matchLabels") if isinstance(selector, dict) else None
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items())) if isinstance(labels, dict) else ""
