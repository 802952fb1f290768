"""Grafana Alerting's webhook contact point: Alertmanager's payload in all but its version, with links to dashboards.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event, GroupResolved, fingerprint_of
from handlers.http.authentication import bearer_or_like
from handlers.sources.clean import clean, clean_labels, clean_link
from handlers.sources.lenient import each_alone, lenient
from handlers.sources.registry import Refusal, decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "grafana"
MOST_NAME = 200
SIGNATURE, TIMESTAMP = "x-grafana-alerting-signature", "x-grafana-alerting-timestamp"

Status = Literal["firing", "resolved"]


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    status: Status
    labels: dict[str, str]
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    annotations: dict[str, str] = {}
    generator_url: str = msgspec.field(name="generatorURL", default="")
    panel_url: str = msgspec.field(name="panelURL", default="")
    dashboard_url: str = msgspec.field(name="dashboardURL", default="")
    value_string: str = ""
    fingerprint: str = ""


class _Delivery(msgspec.Struct, frozen=True, rename="camel"):
    alerts: list[msgspec.Raw]
    status: Status = "firing"
    group_key: str = ""
    receiver: str = ""
    truncated_alerts: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    common_labels: dict[str, str] = {}


_decode = lenient(_Delivery)
_decode_alert = lenient(_Alert)


def signed(headers: Mapping[str, str], body: bytes, secret: bytes) -> bool:
    """The body's HMAC with SHA-256 in hexadecimal digits; with a timestamp header, that of ``timestamp:body``.

    Both headers by the names of this module: the first is Grafana's default, the second is to be set so.
    """
    timestamp = headers.get(TIMESTAMP, "")
    what = f"{timestamp}:".encode(errors="replace") + body if timestamp else body
    expected = hmac.new(secret, what, hashlib.sha256).hexdigest()
    return hmac.compare_digest(headers.get(SIGNATURE, "").encode(errors="replace"), expected.encode())


@source(NAME, verify=bearer_or_like, signature=signed)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> Iterator[Event | Refusal]:
    return _events(decoded(_decode, body), received_at)


def _events(delivery: _Delivery, received_at: datetime) -> Iterator[Event | Refusal]:
    group, truncated = clean(delivery.group_key), delivery.truncated_alerts or 0
    receiver = clean(delivery.receiver)[:MOST_NAME]

    def event_of(alert: _Alert, where: str) -> AlertEvent:
        event = _event(alert, where, group, truncated, received_at)
        return msgspec.structs.replace(event, receiver=receiver) if receiver else event

    yield from each_alone(delivery.alerts, _decode_alert, event_of, "$.alerts")
    if delivery.status == "resolved" and truncated:
        yield GroupResolved(NAME, group, clean_labels(delivery.common_labels), received_at)


def _event(alert: _Alert, where: str, group: str, truncated: int, received_at: datetime) -> AlertEvent:
    labels = clean_labels(alert.labels)
    resolved = alert.status == "resolved"
    annotations = clean_labels(alert.annotations)
    if alert.value_string:
        annotations["values"] = clean(alert.value_string)
    return AlertEvent(
        source=NAME,
        fingerprint=clean(alert.fingerprint) or fingerprint_of(labels),
        status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
        labels=labels,
        starts_at=(in_utc(alert.starts_at, f"{where}.startsAt") if alert.starts_at else None) or received_at,
        annotations=annotations,
        ends_at=in_utc(alert.ends_at, f"{where}.endsAt") if resolved and alert.ends_at else None,
        group=group,
        truncated=truncated,
        link=clean_link(alert.panel_url) or clean_link(alert.dashboard_url) or clean_link(alert.generator_url),
    )
