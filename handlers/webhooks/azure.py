"""Azure Monitor's action groups, with the common alert schema.

https://learn.microsoft.com/en-us/azure/azure-monitor/alerts/alerts-common-schema
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from urllib.parse import quote

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event
from handlers.http.authentication import bearer_or_like
from handlers.sources.clean import clean, clean_link
from handlers.sources.labels import with_values
from handlers.sources.lenient import lenient
from handlers.sources.registry import Malformed, decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "azure"
_SEVERITIES = {"sev0": "critical", "sev1": "high", "sev2": "warning", "sev3": "info", "sev4": "info"}
"""Critical, error, warning, informational, verbose: not the levels that others mean by these words."""

_PORTAL = "https://portal.azure.com/#blade/Microsoft_Azure_Monitoring/AlertDetailsTemplateBlade/alertId/"


class _Essentials(msgspec.Struct, frozen=True, rename="camel"):
    alert_id: str
    monitor_condition: Literal["Fired", "Resolved"]
    alert_rule: str = ""
    severity: str = ""
    signal_type: str | None = None
    monitoring_service: str | None = None
    alert_target_ids: list[str] | None = msgspec.field(name="alertTargetIDs", default=None)
    configuration_items: list[str] | None = None
    fired_date_time: Moment | None = None
    resolved_date_time: Moment | None = None
    description: str | None = None
    investigation_link: str | None = None


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    essentials: _Essentials
    custom_properties: dict[str, str | None] | None = None


class _Delivery(msgspec.Struct, frozen=True, rename="camel"):
    schema_id: Literal["azureMonitorCommonAlertSchema"]
    data: _Data


_decode = lenient(_Delivery)


@source(NAME, verify=bearer_or_like, token_in_address=True)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    data = decoded(_decode, body).data
    about = data.essentials
    if not about.alert_id:
        raise Malformed("$.data.essentials.alertId is empty")
    resolved = about.monitor_condition == "Resolved"
    began = in_utc(about.fired_date_time, "$.data.essentials.firedDateTime") if about.fired_date_time else None
    ended = in_utc(about.resolved_date_time, "$.data.essentials.resolvedDateTime") if about.resolved_date_time else None
    return [
        AlertEvent(
            source=NAME,
            fingerprint=clean(about.alert_id),
            status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
            labels=_labels_of(data),
            starts_at=began or received_at,
            annotations=with_values({"summary": about.description}),
            ends_at=ended if resolved else None,
            group=clean(about.alert_rule),
            link=clean_link(about.investigation_link or "") or _PORTAL + quote(clean(about.alert_id), safe=""),
        )
    ]


def _labels_of(data: _Data) -> dict[str, str]:
    """The custom properties of the rule, one of which may be the service; else that is the resource's own name."""
    about = data.essentials
    target = next(iter(about.alert_target_ids or []), "")
    resource = next(iter(about.configuration_items or []), "") or target.rpartition("/")[2]
    return with_values(
        {"service": resource, "severity": _SEVERITIES.get(about.severity.lower(), about.severity)}
        | (data.custom_properties or {})
        | {
            "alertname": about.alert_rule or "Azure Monitor alert",
            "resource": resource,
            "resource_group": _part(target, "resourcegroups"),
            "subscription": _part(target, "subscriptions"),
            "signal": about.signal_type,
            "monitoring_service": about.monitoring_service,
        }
    )


def _part(resource_id: str, name: str) -> str:
    """What follows a name in ``/subscriptions/…/resourceGroups/…/providers/…``, in whatever case Azure wrote it."""
    parts = resource_id.split("/")
    lower = [part.lower() for part in parts]
    at = lower.index(name) + 1 if name in lower else len(parts)
    return parts[at] if at < len(parts) else ""
