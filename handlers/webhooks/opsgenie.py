"""Opsgenie's and Jira Service Management's outgoing webhook: what happens to an alert there.

https://support.atlassian.com/opsgenie/docs/integrate-opsgenie-with-webhook/
https://support.atlassian.com/opsgenie/docs/opsgenie-edge-connector-alert-action-data/
"""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event
from handlers.http.authentication import bearer_or_like
from handlers.sources.clean import clean
from handlers.sources.labels import from_tags, with_values
from handlers.sources.lenient import lenient
from handlers.sources.registry import Malformed, decoded, source
from handlers.sources.timestamps import since_1970

NAME = "opsgenie"
_STATUS = {
    "Create": AlertStatus.FIRING,
    "Acknowledge": AlertStatus.FIRING,
    "UnAcknowledge": AlertStatus.FIRING,
    "UpdatePriority": AlertStatus.FIRING,
    "UpdateMessage": AlertStatus.FIRING,
    "Close": AlertStatus.RESOLVED,
    "Delete": AlertStatus.RESOLVED,
}
"""Of all other actions, such as AddNote, nobody can tell whether the alert is still open."""
_LONGEST_NAME = 100


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    alert_id: str
    message: str = ""
    alias: str | None = None
    tiny_id: str | None = None
    entity: str | None = None
    description: str | None = None
    priority: str | None = None
    team: str | None = None
    username: str | None = None
    source: str | None = None
    tags: list[str] | None = None
    details: dict[str, str] | None = None
    created_at: int | float | str | None = None
    updated_at: int | float | str | None = None


class _Delivery(msgspec.Struct, frozen=True):
    action: str
    alert: _Alert


class _Action(msgspec.Struct, frozen=True):
    action: str


_decode = lenient(_Delivery)
_decode_action = lenient(_Action)


@source(NAME, verify=bearer_or_like)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    action = decoded(_decode_action, body).action
    status = _STATUS.get(action)
    if status is None:
        return []
    alert = decoded(_decode, body).alert
    id_ = clean(alert.alert_id)
    if not id_:
        raise Malformed("$.alert.alertId is empty")
    who = clean(alert.username or "somebody")
    changed = since_1970(alert.updated_at, "$.alert.updatedAt")
    return [
        AlertEvent(
            source=NAME,
            fingerprint=id_,
            status=status,
            labels=_labels_of(alert),
            starts_at=since_1970(alert.created_at, "$.alert.createdAt") or received_at,
            annotations=with_values({"description": alert.description}),
            ends_at=(changed or received_at) if status is AlertStatus.RESOLVED else None,
            group=clean(alert.alias or ""),
            link=f"https://app.opsgenie.com/alert/detail/{quote(id_, safe='')}/details",
            acknowledged_by=f"Opsgenie: {who}"[:_LONGEST_NAME] if action == "Acknowledge" else "",
        )
    ]


def _labels_of(alert: _Alert) -> dict[str, str]:
    named = (alert.details or {}) | from_tags(alert.tags or [])
    own = {"alertname": alert.message or f"Opsgenie alert {alert.tiny_id or alert.alert_id}", "team": alert.team}
    own |= {"priority": alert.priority, "entity": alert.entity}
    severity = alert.priority or named.get("severity")
    valueless = [tag for tag in alert.tags or [] if not from_tags([tag])]
    return with_values({"service": alert.entity} | named | own | {"severity": severity, "tags": ", ".join(valueless)})
