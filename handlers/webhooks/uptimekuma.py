"""Uptime Kuma's notification of type webhook: a monitor that goes down, and comes up again.

https://github.com/louislam/uptime-kuma/blob/master/server/notification-providers/webhook.js
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event, fingerprint_of
from handlers.http.authentication import bearer
from handlers.sources.clean import clean, clean_labels, clean_link
from handlers.sources.lenient import lenient
from handlers.sources.registry import decoded, source
from handlers.sources.timestamps import in_utc

NAME = "uptimekuma"
_STATUS = {0: AlertStatus.FIRING, 1: AlertStatus.RESOLVED}
"""2 is pending, 3 is maintenance: neither says that anything began or ended."""

_NO_ADDRESS = ("http://", "https://")
"""What stands in the form of a monitor that has no address."""

_EXPIRES = re.compile(
    r"\[(?P<name>.{1,500})\]\[(?P<url>\S{0,2000})\] (?P<what>.* will expire in \d+ days)\Z", re.DOTALL
)


class _Tag(msgspec.Struct, frozen=True):
    name: str
    value: str | None = None


class _Monitor(msgspec.Struct, frozen=True):
    id: int
    name: str
    type: str = ""
    url: str | None = None
    hostname: str | None = None
    tags: list[_Tag] = []


class _Heartbeat(msgspec.Struct, frozen=True):
    status: int
    time: datetime
    msg: str | None = None


class _Delivery(msgspec.Struct, frozen=True):
    heartbeat: _Heartbeat | None = None
    monitor: _Monitor | None = None
    msg: str | None = None


_decode = lenient(_Delivery)


@source(NAME, verify=bearer, token_in_address=True)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """A monitor's heartbeat, or the notice of a certificate that ends; a test message means nothing."""
    delivery = decoded(_decode, body)
    if delivery.monitor is None or delivery.heartbeat is None:
        return _expiring(delivery.msg or "", received_at)
    status = _STATUS.get(delivery.heartbeat.status)
    return [_heartbeat(delivery.monitor, delivery.heartbeat, status, received_at)] if status else []


def _heartbeat(monitor: _Monitor, heartbeat: _Heartbeat, status: AlertStatus, received_at: datetime) -> AlertEvent:
    time = heartbeat.time if heartbeat.time.tzinfo else heartbeat.time.replace(tzinfo=UTC)  # it is UTC, without saying
    at = in_utc(time, "$.heartbeat.time") or received_at
    note = clean(heartbeat.msg or "")
    return AlertEvent(
        source=NAME,
        fingerprint=fingerprint_of({"monitor": str(monitor.id), "name": clean(monitor.name)}),
        status=status,
        labels=_labels_of(monitor),
        starts_at=at,
        annotations={"summary": note} if note else {},
        ends_at=at if status is AlertStatus.RESOLVED else None,
        link=_address_of(monitor),
    )


def _labels_of(monitor: _Monitor) -> dict[str, str]:
    tags = {tag.name: tag.value for tag in monitor.tags if tag.value}
    labels = {"service": monitor.name, "severity": "high"} | tags
    labels |= {"alertname": "MonitorDown", "monitor": monitor.name, "type": monitor.type}
    labels |= {"address": _address_of(monitor), "host": monitor.hostname or ""}
    return clean_labels({name: value for name, value in labels.items() if value})


def _address_of(monitor: _Monitor) -> str:
    address = monitor.url or ""
    return "" if address in _NO_ADDRESS else clean_link(address)


def _expiring(note: str, received_at: datetime) -> list[Event]:
    """Such a notice comes without its monitor, once at each of some numbers of days, and nothing tells of its end."""
    if not (notice := _EXPIRES.match(note)):
        return []
    labels = {"alertname": "CertificateExpires", "service": notice["name"], "severity": "warning"}
    labels = clean_labels(labels | ({"address": notice["url"]} if notice["url"] else {}))
    return [
        AlertEvent(
            source=NAME,
            fingerprint=fingerprint_of(labels),
            status=AlertStatus.FIRING,
            labels=labels,
            starts_at=received_at,
            annotations={"summary": clean(notice["what"])},
            link=clean_link(notice["url"]),
        )
    ]
