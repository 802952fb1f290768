"""The resources of Kubernetes that are read or changed, and where an object of one is.

https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from typing import NamedTuple
from urllib.parse import quote


class Resource(NamedTuple):
    """``name`` is how people write one object of it: ``deployment`` in ``deployment/checkout``."""

    group: str
    version: str
    plural: str
    kind: str
    name: str
    namespaced: bool = True

    @property
    def full_name(self) -> str:
        """As roles and people name it: ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class Where(NamedTuple):
    """A collection (of one namespace, or of all), an object, or a part of it."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    part: str = ""

    @property
    def path(self) -> str:
        resource = self.resource
        begin = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
        space = f"/namespaces/{quote(self.namespace, safe='')}" if resource.namespaced and self.namespace else ""
        parts = [quote(part, safe="") for part in (self.name, self.part) if part]
        return "/".join([f"{begin}{space}/{resource.plural}", *parts])

    @property
    def text(self) -> str:
        """For people: ``deployment/checkout in shop``."""
        what = f"{self.resource.name}/{self.name}" if self.name else self.resource.plural
        return f"{what} in {self.namespace}" if self.namespace and self.resource.namespaced else what

    @property
    def governed(self) -> str:
        """As a role names it: ``deployments/scale.apps``."""
        resource = self.resource
        part = f"/{self.part}" if self.part else ""
        return f"{resource.plural}{part}{'.' if resource.group else ''}{resource.group}"


DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", "deployment")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet", "statefulset")
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet", "daemonset")
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet", "replicaset")
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision", "controllerrevision")
PODS = Resource("", "v1", "pods", "Pod", "pod")
NODES = Resource("", "v1", "nodes", "Node", "node", namespaced=False)
SERVICES = Resource("", "v1", "services", "Service", "service")
EVENTS = Resource("", "v1", "events", "Event", "event")
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress", "ingress")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa")
ROLLOUTS = Resource("argoproj.io", "v1alpha1", "rollouts", "Rollout", "rollout")
APPLICATIONS = Resource("argoproj.io", "v1alpha1", "applications", "Application", "application")
SCALED_OBJECTS = Resource("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject", "scaledobject")
INFERENCE_SERVICES = Resource(
    "serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService", "inferenceservice"
)
ACCESS_REVIEWS = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", "review", namespaced=False
)

CHANGEABLE = (
    DEPLOYMENTS,
    STATEFUL_SETS,
    DAEMON_SETS,
    PODS,
    NODES,
    AUTOSCALERS,
    ROLLOUTS,
    APPLICATIONS,
    SCALED_OBJECTS,
    INFERENCE_SERVICES,
)
_SHORT = {
    "deploy": "deployment",
    "sts": "statefulset",
    "ds": "daemonset",
    "horizontalpodautoscaler": "hpa",
    "isvc": "inferenceservice",
}


def names() -> list[str]:
    """What may stand before the slash in a step's ``object``."""
    return [one.name for one in CHANGEABLE]


def changeable(name: str) -> Resource | None:
    """What people mean by a kind: ``deployment``, ``Deployment``, ``deployments`` or ``deploy``."""
    low = name.lower()
    wanted = _SHORT.get(low, low)
    return next((one for one in CHANGEABLE if wanted in (one.name, one.plural, one.kind.lower())), None)
