"""Objects of a cluster, as far as they are looked at; what is not named here is passed over while it is read."""

from datetime import datetime
from typing import Any

import msgspec

from bot.kubernetes.ownership import NAME_LABEL, SERVICE

_Labels = dict[str, str]


class Owner(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""
    controller: bool = False


class Managed(msgspec.Struct, frozen=True):
    """Who changed the object, and when."""

    manager: str = ""
    subresource: str = ""
    time: datetime | None = None


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    labels: _Labels | None = None
    annotations: _Labels | None = None
    owner_references: list[Owner] | None = None
    managed_fields: list[Managed] | None = None

    @property
    def service(self) -> str:
        """What people call it: by its annotation or its label, else by its name."""
        return (self.annotations or {}).get(SERVICE) or (self.labels or {}).get(NAME_LABEL) or self.name


class Container(msgspec.Struct, frozen=True):
    name: str = ""
    image: str = ""
    env: Any = None
    args: Any = None
    command: Any = None
    resources: Any = None

    @property
    def rest(self) -> Any:
        """What a change of it is told of, beside the image."""
        return self.env, self.args, self.command, self.resources


class PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    containers: list[Container] | None = None
    node_name: str = ""
    volumes: Any = None
    node_selector: Any = None

    @property
    def rest(self) -> Any:
        return self.volumes, self.node_selector


class Template(msgspec.Struct, frozen=True):
    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()


class WorkloadSpec(msgspec.Struct, frozen=True, rename="camel"):
    replicas: int | None = None
    template: Template = Template()
    restart_at: str = ""


class Workload(msgspec.Struct, frozen=True):
    metadata: Meta
    spec: WorkloadSpec = WorkloadSpec()


class ServiceSpec(msgspec.Struct, frozen=True):
    selector: _Labels | None = None


class Service(msgspec.Struct, frozen=True):
    metadata: Meta
    spec: ServiceSpec = ServiceSpec()


class ServiceName(msgspec.Struct, frozen=True):
    name: str = ""


class Backend(msgspec.Struct, frozen=True):
    service: ServiceName | None = None


class HttpPath(msgspec.Struct, frozen=True):
    backend: Backend = Backend()


class Http(msgspec.Struct, frozen=True):
    paths: list[HttpPath] | None = None


class Rule(msgspec.Struct, frozen=True):
    http: Http | None = None


class IngressSpec(msgspec.Struct, frozen=True, rename="camel"):
    default_backend: Backend | None = None
    rules: list[Rule] | None = None


class Ingress(msgspec.Struct, frozen=True):
    metadata: Meta
    spec: IngressSpec = IngressSpec()


class Target(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""


class AutoscalerSpec(msgspec.Struct, frozen=True, rename="camel"):
    scale_target_ref: Target = Target()
    min_replicas: int | None = None
    max_replicas: int = 0


class Autoscaler(msgspec.Struct, frozen=True):
    metadata: Meta
    spec: AutoscalerSpec = AutoscalerSpec()


class NodeSpec(msgspec.Struct, frozen=True):
    unschedulable: bool = False


class Node(msgspec.Struct, frozen=True):
    metadata: Meta
    spec: NodeSpec = NodeSpec()


class Pod(msgspec.Struct, frozen=True):
    """Where a pod runs, and for which workload."""

    metadata: Meta
    spec: PodSpec = PodSpec()
