"""Pods, events and nodes, as far as they say why something does not work."""

from datetime import datetime

import msgspec

from bot.kubernetes.objects import Meta


class Terminated(msgspec.Struct, frozen=True, rename="camel"):
    reason: str = ""
    exit_code: int = 0
    message: str = ""
    finished_at: datetime | None = None


class Waiting(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""


class ContainerState(msgspec.Struct, frozen=True):
    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()

    @property
    def ended(self) -> Terminated | None:
        """How it ended last."""
        return self.state.terminated or self.last_state.terminated


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class Limits(msgspec.Struct, frozen=True):
    memory: str | int | float = ""


class Resources(msgspec.Struct, frozen=True):
    limits: Limits | None = None


class Container(msgspec.Struct, frozen=True):
    name: str = ""
    resources: Resources | None = None


class PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    node_name: str = ""
    containers: list[Container] | None = None


class Pod(msgspec.Struct, frozen=True):
    metadata: Meta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def containers(self) -> list[ContainerStatus]:
        return [*(self.status.init_container_statuses or []), *(self.status.container_statuses or [])]

    @property
    def ready(self) -> bool:
        return any(one.type == "Ready" and one.status == "True" for one in self.status.conditions or [])

    @property
    def restarts(self) -> int:
        return sum(one.restart_count for one in self.containers)

    def limit_of(self, container: str) -> str:
        found = next((one for one in self.spec.containers or [] if one.name == container), None)
        limits = found.resources.limits if found and found.resources else None
        return str(limits.memory) if limits else ""


class NodeStatus(msgspec.Struct, frozen=True):
    conditions: list[Condition] | None = None


class Node(msgspec.Struct, frozen=True):
    metadata: Meta
    status: NodeStatus = NodeStatus()


class Involved(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class ClusterEvent(msgspec.Struct, frozen=True, rename="camel"):
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int | None = None
    involved_object: Involved = Involved()
    last_timestamp: datetime | None = None
    event_time: datetime | None = None

    @property
    def at(self) -> datetime | None:
        return self.last_timestamp or self.event_time
