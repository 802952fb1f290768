"""Objects as a cluster of 1.34 has them, cut to the fields that are read or changed.

Shapes follow the Deployment, StatefulSet, Pod and Node of https://kubernetes.io/docs/reference/kubernetes-api/;
tests/integration/kubernetes/test_shapes.py reads them by the models that are generated from Kubernetes' OpenAPI.
"""

from typing import Any

from tests.integration.kubernetes.api_server import Thing

HASH = "7d9f8b6c5"


def deployment(
    name: str = "checkout", namespace: str = "shop", image: str = "shop/checkout:1.4.1", **spec: Any
) -> Thing:
    labels = {"app.kubernetes.io/name": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(labels),
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "generation": 1,
            "creationTimestamp": "2026-03-01T11:00:00Z",
        },
        "spec": {"replicas": 3, "selector": {"matchLabels": dict(labels)}, "template": template, **spec},
        "status": ready(3),
    }


def ready(replicas: int, generation: int = 1) -> Thing:
    return {
        "observedGeneration": generation,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
    }


def stateful_set(name: str = "redis", namespace: str = "shop", replicas: int = 2) -> Thing:
    thing = deployment(name, namespace, "redis:7.2", replicas=replicas, serviceName=name)
    status = {"updateRevision": "redis-1", "currentRevision": "redis-1"} | ready(replicas)
    del status["conditions"]
    return thing | {"kind": "StatefulSet", "status": status}


def replica_set(owner: Thing, revision: int, image: str) -> Thing:
    meta = owner["metadata"]
    name = f"{meta['name']}-{HASH}{revision}"
    labels = dict(owner["spec"]["template"]["metadata"]["labels"]) | {"pod-template-hash": f"{HASH}{revision}"}
    spec = owner["spec"]["template"]["spec"] | {"containers": [{"name": "app", "image": image}]}
    return {
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": [owned_by(owner)],
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def owned_by(owner: Thing) -> Thing:
    meta = owner["metadata"]
    names = {"kind": owner["kind"], "name": meta["name"], "uid": meta.get("uid", "uid-1")}
    return {"apiVersion": "apps/v1", "controller": True, **names}


def pod(
    name: str = f"checkout-{HASH}-x2x1z",
    namespace: str = "shop",
    service: str = "checkout",
    node: str = "worker-1",
    owner: Thing | None = None,
    **status: Any,
) -> Thing:
    kind = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{service}-{HASH}", "uid": "u", "controller": True}
    labels = {"app.kubernetes.io/name": service, "pod-template-hash": HASH}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": [owner or kind]},
        "spec": {"nodeName": node, "containers": [{"name": "app", "image": "shop/checkout:1.4.1"}]},
        "status": {"phase": "Running", **status},
    }


def node(name: str = "worker-1", **conditions: str) -> Thing:
    wanted = {"Ready": "True", "MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False"} | conditions
    listed = [{"type": kind, "status": value} for kind, value in wanted.items()]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {},
        "status": {"conditions": listed},
    }


def autoscaler(name: str, target: str, least: int, most: int, namespace: str = "shop") -> Thing:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    spec = {"scaleTargetRef": reference, "minReplicas": least, "maxReplicas": most}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec, "status": {"desiredReplicas": least}}


def rolls_out(thing: Thing) -> None:
    """A controller that is done at once."""
    if thing.get("kind") in ("Deployment", "StatefulSet"):
        replicas, generation = thing["spec"].get("replicas", 1), thing["metadata"]["generation"]
        if thing["status"].get("observedGeneration") != generation:
            thing["status"] = {**thing["status"], **ready(replicas, generation)}
            if thing["kind"] == "StatefulSet":
                thing["status"]["currentRevision"] = thing["status"].get("updateRevision")
