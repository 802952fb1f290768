"""Prometheus Alertmanager, webhook payload version 4.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event, GroupResolved, fingerprint_of
from handlers.http.authentication import bearer
from handlers.sources.clean import clean, clean_labels, clean_link, may_be_unclean
from handlers.sources.registry import decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "alertmanager"
MAX_ALERTS = 10_000

Status = Literal["firing", "resolved"]


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    status: Status
    labels: dict[str, str]
    starts_at: Moment
    ends_at: Moment | None = None
    annotations: dict[str, str] = {}
    generator_url: str = msgspec.field(name="generatorURL", default="")
    fingerprint: str = ""


class _Delivery(msgspec.Struct, frozen=True, rename="camel"):
    version: Literal["4"]
    status: Status
    alerts: Annotated[list[_Alert], msgspec.Meta(max_length=MAX_ALERTS)]
    group_key: str = ""
    truncated_alerts: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    group_labels: dict[str, str] = {}
    common_labels: dict[str, str] = {}


_decode = msgspec.json.Decoder(_Delivery).decode
_STATUS = {"firing": AlertStatus.FIRING, "resolved": AlertStatus.RESOLVED}


@source(NAME, verify=bearer)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    delivery = decoded(_decode, body)
    unclean = may_be_unclean(body)
    group = clean(delivery.group_key) if unclean else delivery.group_key
    truncated = delivery.truncated_alerts or 0
    events: list[Event] = [
        _event(alert, i, group, truncated, received_at, unclean) for i, alert in enumerate(delivery.alerts)
    ]
    # Alertmanager derives this status from the alerts that it lists: those that it left out may fire on, and it
    # tells of them only when they change or at its repeat_interval. It says nothing better of their end.
    if delivery.status == "resolved" and truncated:
        labels = delivery.common_labels or delivery.group_labels
        events.append(GroupResolved(NAME, group, clean_labels(labels) if unclean else labels, received_at))
    return events


def _event(
    alert: _Alert, position: int, group: str, truncated: int, received_at: datetime, unclean: bool
) -> AlertEvent:
    labels = clean_labels(alert.labels) if unclean else alert.labels
    status = _STATUS[alert.status]
    ends_at = None
    if status is AlertStatus.RESOLVED and alert.ends_at is not None:
        ends_at = in_utc(alert.ends_at, f"$.alerts[{position}].endsAt")
    return AlertEvent(
        source=NAME,
        fingerprint=(clean(alert.fingerprint) if unclean else alert.fingerprint) or fingerprint_of(labels),
        status=status,
        labels=labels,
        starts_at=in_utc(alert.starts_at, f"$.alerts[{position}].startsAt") or received_at,
        annotations=clean_labels(alert.annotations) if unclean else alert.annotations,
        ends_at=ends_at,
        group=group,
        truncated=truncated,
        link=clean_link(alert.generator_url),
    )
