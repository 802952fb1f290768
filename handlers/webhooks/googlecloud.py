"""Google Cloud Monitoring's webhook channel, schema version 1.2: its incidents as alerts.

https://cloud.google.com/monitoring/support/notification-options#webhooks
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event
from handlers.http.authentication import bearer_or_like
from handlers.sources.clean import clean, clean_link
from handlers.sources.labels import with_values
from handlers.sources.lenient import lenient
from handlers.sources.registry import Malformed, decoded, source
from handlers.sources.timestamps import since_1970

NAME = "googlecloud"
_TEST = "test"
_NO_SEVERITY = "No severity"
_SERVICE_LABELS = ("service", "service_name", "app", "container_name", "function_name", "job_name", "module_id")
"""Those that name a service, the best first; without any of them the resource's own name does."""

_Labels = dict[str, str | None] | None


class _Described(msgspec.Struct, frozen=True, rename="camel"):
    """A resource or a metric."""

    type: str = ""
    display_name: str = ""
    labels: _Labels = None


class _Metadata(msgspec.Struct, frozen=True):
    user_labels: _Labels = None


class _Incident(msgspec.Struct, frozen=True):
    incident_id: str
    state: str
    policy_name: str | None = None
    condition_name: str | None = None
    summary: str | None = None
    url: str | None = None
    severity: str | None = None
    scoping_project_id: str | None = None
    started_at: int | float | None = None
    ended_at: int | float | None = None
    resource: _Described | None = None
    metric: _Described | None = None
    metadata: _Metadata | None = None
    resource_name: str | None = None
    resource_display_name: str | None = None
    policy_user_labels: _Labels = None
    documentation: Any = None


class _Delivery(msgspec.Struct, frozen=True):
    incident: _Incident
    version: str = ""


_decode = lenient(_Delivery)


@source(NAME, verify=bearer_or_like, token_in_address=True)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """An incident: closed it is resolved, else it fires. What the button "Test connection" sends means nothing."""
    delivery = decoded(_decode, body)
    payload = delivery.incident
    if delivery.version == _TEST:
        return []
    if not payload.incident_id:
        raise Malformed("$.incident.incident_id is empty")
    resolved = payload.state.lower() == "closed"
    annotations = {"summary": payload.summary, "description": _written(payload.documentation)}
    return [
        AlertEvent(
            source=NAME,
            fingerprint=clean(payload.incident_id),
            status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
            labels=_labels_of(payload),
            starts_at=since_1970(payload.started_at, "$.incident.started_at") or received_at,
            annotations=with_values(annotations),
            ends_at=(since_1970(payload.ended_at, "$.incident.ended_at") or received_at) if resolved else None,
            group=clean(payload.policy_name or ""),
            link=clean_link(payload.url or ""),
        )
    ]


def _labels_of(payload: _Incident) -> dict[str, str]:
    """Those of the metric, the resource, its owner and the policy, of which the last say most."""
    resource, metric = payload.resource or _Described(), payload.metric or _Described()
    users = payload.metadata.user_labels if payload.metadata else None
    labels = _text(metric.labels) | _text(resource.labels) | _text(users) | _text(payload.policy_user_labels)
    named = next((labels[name] for name in _SERVICE_LABELS if labels.get(name)), "")
    own = {
        "alertname": payload.policy_name or payload.condition_name or f"Google Cloud incident {payload.incident_id}",
        "service": named or payload.resource_display_name or payload.resource_name,
        "condition": payload.condition_name,
        "metric": metric.type,
        "resource_type": resource.type,
        "project": payload.scoping_project_id,
    }
    severity = None if payload.severity == _NO_SEVERITY else payload.severity
    return with_values(labels | own | ({"severity": severity} if severity else {}))


def _text(labels: _Labels) -> dict[str, str]:
    return {name: value for name, value in (labels or {}).items() if value}


def _written(documentation: Any) -> str:
    """Text, or since version 1.2 an object that holds it."""
    payload = documentation.get("content") if isinstance(documentation, dict) else documentation
    return payload if isinstance(payload, str) else ""
