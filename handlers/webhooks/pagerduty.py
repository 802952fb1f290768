"""PagerDuty's webhooks, version 3: its incidents as alerts.

https://developer.pagerduty.com/docs/webhooks-overview
https://developer.pagerduty.com/docs/verifying-webhook-signatures
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event
from handlers.sources.clean import clean, clean_labels, clean_link
from handlers.sources.lenient import lenient
from handlers.sources.registry import decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "pagerduty"
SIGNATURE = "x-pagerduty-signature"
_LONGEST_NAME = 100
_SEVERITY_OF_URGENCY = {"high": "high", "low": "warning"}


class _Named(msgspec.Struct, frozen=True):
    summary: str = ""


class _Agent(msgspec.Struct, frozen=True):
    summary: str | None = None


class _Incident(msgspec.Struct, frozen=True):
    id: str
    status: str
    title: str = ""
    html_url: str = ""
    incident_key: str | None = None
    created_at: Moment | None = None
    urgency: str = ""
    priority: _Named | None = None
    service: _Named | None = None
    teams: list[_Named] = []


class _Happening(msgspec.Struct, frozen=True):
    event_type: str
    resource_type: str = ""
    occurred_at: Moment | None = None
    agent: _Agent | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Delivery(msgspec.Struct, frozen=True):
    event: _Happening


_decode = lenient(_Delivery)
_decode_kind = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_decode_incident = lenient(_Incident)


def signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """One of ``v1=<HMAC with SHA-256, hexadecimal>``; several while the secret is being changed."""
    expected = "v1=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    given = headers.get(SIGNATURE, "").split(",")
    return any(hmac.compare_digest(one.strip().encode(errors="replace"), expected.encode()) for one in given)


@source(NAME, signature=signed)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """An incident's event; those of services, notes and responders mean nothing here."""
    event = decoded(_decode, body).event
    if not event.event_type.startswith("incident.") or not _is_incident(event.data):
        return []
    incident = decoded(_decode_incident, bytes(event.data))
    alert = _alert(incident, event.occurred_at, received_at)
    if event.event_type == "incident.acknowledged" and incident.status == "acknowledged":
        who = clean((event.agent and event.agent.summary) or "somebody")
        alert = msgspec.structs.replace(alert, acknowledged_by=f"PagerDuty: {who}"[:_LONGEST_NAME])
    return [alert]


def _is_incident(data: msgspec.Raw) -> bool:
    fields = decoded(_decode_kind, bytes(data))
    return fields is not None and bytes(fields.get("type", msgspec.Raw())) == b'"incident"'


def _alert(incident: _Incident, occurred_at: datetime | None, received_at: datetime) -> AlertEvent:
    resolved = incident.status == "resolved"
    priority = incident.priority.summary if incident.priority else ""
    labels = {
        "alertname": incident.title or f"PagerDuty incident {incident.id}",
        "service": incident.service.summary if incident.service else "",
        "severity": priority or _SEVERITY_OF_URGENCY.get(incident.urgency, incident.urgency),
        "urgency": incident.urgency,
        "priority": priority,
        "team": ", ".join(sorted(team.summary for team in incident.teams)),
    }
    began = in_utc(incident.created_at, "$.event.data.created_at") if incident.created_at else None
    changed = in_utc(occurred_at, "$.event.occurred_at") if occurred_at else None
    return AlertEvent(
        source=NAME,
        fingerprint=clean(incident.id),
        status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
        labels=clean_labels({name: value for name, value in labels.items() if value}),
        starts_at=began or received_at,
        ends_at=changed if resolved else None,
        group=clean(incident.incident_key or ""),
        link=clean_link(incident.html_url),
    )
