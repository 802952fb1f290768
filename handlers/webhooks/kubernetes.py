"""Kubernetes' own events, one a delivery, as kubernetes-event-exporter posts them without a ``layout``.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
https://github.com/resmoio/kubernetes-event-exporter#webhookshttp
"""

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event, GroupResolved, fingerprint_of
from handlers.http.authentication import bearer_or_like
from handlers.sources.clean import clean, clean_labels
from handlers.sources.lenient import lenient
from handlers.sources.registry import Malformed, decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "kubernetes"

_ENDED_BY = {
    "NodeReady": "NodeNotReady",
    "NodeHasSufficientMemory": "NodeHasInsufficientMemory",
    "NodeHasNoDiskPressure": "NodeHasDiskPressure",
    "NodeHasSufficientPID": "NodeHasInsufficientPID",
    "ProvisioningSucceeded": "ProvisioningFailed",
    "EnsuredLoadBalancer": "SyncLoadBalancerFailed",
    "SuccessfulCreate": "FailedCreate",
    "SuccessfulDelete": "FailedDelete",
}
"""What a normal event says is over, of the same object."""

_NORMAL_THAT_MATTERS = {"NodeNotReady", "NodeHasInsufficientMemory", "NodeHasDiskPressure", "NodeHasInsufficientPID"}
"""Troubles that the kubelet tells of as normal events."""

_CONTAINER_OVER = {"Started", "Killing"}
"""A container that starts, or is stopped, ends what was said of it and of its pod before."""

_SERVICE_LABELS = ("app.kubernetes.io/name", "app", "k8s-app")
_WORKLOADS = {
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "Service",
    "HorizontalPodAutoscaler",
    "Rollout",
}
_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_ADDED = {
    "Pod": re.compile(rf"(-{_SAFE}{{6,10}})?-{_SAFE}{{5}}\Z"),
    "ReplicaSet": re.compile(rf"-{_SAFE}{{6,10}}\Z"),
}
"""What workloads add to their own name for what they make. k8s.io/apimachinery/pkg/util/rand has the alphabet."""


class _Object(msgspec.Struct, frozen=True, rename="camel"):
    kind: str
    name: str
    namespace: str = ""
    field_path: str = ""
    labels: dict[str, str] | None = None


class _Series(msgspec.Struct, frozen=True, rename="camel"):
    last_observed_time: Moment | None = None


class _Reporter(msgspec.Struct, frozen=True):
    host: str = ""


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    """Both APIs' words: v1 says involvedObject, message and source, events.k8s.io/v1 says regarding and note."""

    type: str
    reason: str
    involved_object: _Object | None = None
    regarding: _Object | None = None
    message: str = ""
    note: str = ""
    source: _Reporter = _Reporter()
    cluster_name: str = ""
    series: _Series | None = None
    last_timestamp: Moment | None = None
    event_time: Moment | None = None
    first_timestamp: Moment | None = None


_decode = lenient(_Event)


@source(NAME, verify=bearer_or_like)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """A warning fires for its object and reason; a normal event may end some of them; what else happens is no alert."""
    event = decoded(_decode, body)
    about = event.involved_object or event.regarding
    if about is None:
        raise Malformed("Object missing required field `involvedObject` or `regarding`")
    at = _moment_of(event) or received_at
    if event.type == "Warning" or event.reason in _NORMAL_THAT_MATTERS:
        return [_firing(event, about, at)]
    labels = _labels_of(event, about)
    return [GroupResolved(NAME, _group(event, *ended), labels, at) for ended in _ended_by(event.reason, about)]


def _firing(event: _Event, about: _Object, at: datetime) -> AlertEvent:
    labels = _labels_of(event, about) | {"alertname": clean(event.reason), "severity": "warning"}
    sentence, group = clean(event.message or event.note), _group(event, about, event.reason)
    return AlertEvent(
        source=NAME,
        fingerprint=fingerprint_of({"group": group, "reason": clean(event.reason)}),
        status=AlertStatus.FIRING,
        labels=labels,
        starts_at=at,
        annotations={"summary": sentence} if sentence else {},
        group=group,
    )


def _ended_by(reason: str, about: _Object) -> list[tuple[_Object, str]]:
    """The objects and reasons of which a normal event says that they are over."""
    if about.kind == "Pod" and reason in _CONTAINER_OVER:
        parts = dict.fromkeys((about.field_path, ""))
        return [(msgspec.structs.replace(about, field_path=part), reason) for part in parts]
    return [(about, ended)] if (ended := _ENDED_BY.get(reason)) else []


def _group(event: _Event, about: _Object, reason: str) -> str:
    """What ends together: everything about one container, or about a pod as such; else one trouble of one object."""
    part = about.field_path if about.kind == "Pod" else reason
    return clean("/".join((event.cluster_name, about.kind, about.namespace, about.name, part)))


def _moment_of(event: _Event) -> datetime | None:
    """When it was seen last: an event that is seen again keeps its first moment for as long as it is kept."""
    moments = {
        "series.lastObservedTime": event.series.last_observed_time if event.series else None,
        "lastTimestamp": event.last_timestamp,
        "eventTime": event.event_time,
        "firstTimestamp": event.first_timestamp,
    }
    known = (in_utc(moment, f"$.{where}") for where, moment in moments.items() if moment)
    return next((moment for moment in known if moment), None)


def _labels_of(event: _Event, about: _Object) -> dict[str, str]:
    labels = {"cluster": event.cluster_name, "namespace": about.namespace, "node": event.source.host}
    labels["service"] = _service_of(about)
    itself = {about.kind.lower(): about.name} if about.kind else {}
    return clean_labels(itself | {name: value for name, value in labels.items() if value})


def _service_of(about: _Object) -> str:
    """By the labels that the exporter adds, else by the names that workloads give to what they make."""
    labels = about.labels or {}
    named = next((labels[label] for label in _SERVICE_LABELS if labels.get(label)), "")
    if named or about.kind in _WORKLOADS:
        return named or about.name
    added = _ADDED.get(about.kind)
    return added.sub("", about.name) if added else ""
