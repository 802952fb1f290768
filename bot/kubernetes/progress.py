"""How far a rollout is, by what ``kubectl rollout status`` looks at.

https://github.com/kubernetes/kubectl/blob/master/pkg/polymorphichelpers/rollout_status.go
"""

from typing import Any, NamedTuple


class Progress(NamedTuple):
    """``done``, or ``failed`` for good, or still under way."""

    text: str
    done: bool = False
    failed: bool = False


def progress_of(kind: str, thing: dict[str, Any]) -> Progress:
    meta, spec, status = (thing.get(key) or {} for key in ("metadata", "spec", "status"))
    seen = status.get("observedGeneration")
    unsaid = seen is None and kind == _WITHOUT_GENERATION
    if int(seen or 0) < int(meta.get("generation") or 0) and not unsaid:
        return Progress("its controller has not seen the change yet")
    found = _BY_KIND.get(kind)
    return found(spec, status) if found else Progress("nothing to wait for", done=True)


def _deployment(spec: dict[str, Any], status: dict[str, Any]) -> Progress:
    conditions = {one.get("type"): one for one in status.get("conditions") or []}
    if conditions.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded":
        return Progress(f"it makes no progress: {conditions['Progressing'].get('message', '')}", failed=True)
    wanted, updated = _number(spec, "replicas", 1), _number(status, "updatedReplicas")
    there, available = _number(status, "replicas"), _number(status, "availableReplicas")
    if updated < wanted:
        return Progress(f"{updated} of {wanted} replicas are updated")
    if there > updated:
        return Progress(f"{there - updated} old replicas are still to end")
    if available < updated:
        return Progress(f"{available} of {updated} updated replicas are available")
    return Progress(f"{available} of {wanted} replicas are updated and available", done=True)


def _stateful_set(spec: dict[str, Any], status: dict[str, Any]) -> Progress:
    strategy = spec.get("updateStrategy") or {}
    wanted, ready = _number(spec, "replicas", 1), _number(status, "readyReplicas")
    if strategy.get("type") == "OnDelete":
        return Progress("its pods are replaced only when somebody deletes them (OnDelete)", done=True)
    if ready < wanted or _number(status, "replicas") > wanted:
        return Progress(f"{ready} of {wanted} pods are ready")
    partition = _number(strategy.get("rollingUpdate") or {}, "partition")
    updated = _number(status, "updatedReplicas")
    if status.get("updateRevision") != status.get("currentRevision") and updated < wanted - partition:
        return Progress(f"{updated} of {wanted - partition} pods are updated")
    return Progress(f"{ready} of {wanted} pods are ready", done=True)


def _daemon_set(spec: dict[str, Any], status: dict[str, Any]) -> Progress:
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return Progress("its pods are replaced only when somebody deletes them (OnDelete)", done=True)
    wanted, updated = _number(status, "desiredNumberScheduled"), _number(status, "updatedNumberScheduled")
    available = _number(status, "numberAvailable")
    if updated < wanted:
        return Progress(f"{updated} of {wanted} pods are updated")
    if available < wanted:
        return Progress(f"{available} of {wanted} updated pods are available")
    return Progress(f"{available} of {wanted} pods are updated and available", done=True)


def _rollout(spec: dict[str, Any], status: dict[str, Any]) -> Progress:
    phase, message = str(status.get("phase") or "Progressing"), str(status.get("message") or "")
    text = f"{phase}: {message}" if message else phase
    return Progress(text, done=phase in ("Healthy", "Paused"), failed=phase == "Degraded")


def _inference_service(spec: dict[str, Any], status: dict[str, Any]) -> Progress:
    """https://kserve.github.io/archive/0.10/modelserving/v1beta1/rollout/canary"""
    wanted = _number(spec.get("predictor") or {}, "canaryTrafficPercent", 100)
    predictor = (status.get("components") or {}).get("predictor") or {}
    traffic = predictor.get("traffic") or []
    latest = sum(_number(one, "percent") for one in traffic if one.get("latestRevision"))
    conditions = {one.get("type"): one for one in status.get("conditions") or []}
    ready: dict[str, Any] = conditions.get("Ready", {})
    if traffic and latest != wanted:
        return Progress(f"{latest} % of the traffic go to the latest revision, and {wanted} % are to")
    if ready.get("status") != "True":
        return Progress(f"it is not ready: {ready.get('message') or ready.get('reason') or 'nothing is said of it'}")
    return Progress(f"it is ready, and {wanted} % of the traffic go to the latest revision", done=True)


def _number(values: dict[str, Any], key: str, default: int = 0) -> int:
    value = values.get(key)
    return default if value is None else int(value)


_WITHOUT_GENERATION = "InferenceService"
"""Not every release of its controller says which generation it has seen."""
_BY_KIND = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Rollout": _rollout,
    "InferenceService": _inference_service,
}
