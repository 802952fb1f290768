"""Prometheus Alertmanager, webhook payload version 4.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Literal, NamedTuple

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event, GroupResolved, fingerprint_of
from handlers.http.authentication import bearer
from handlers.sources.clean import clean, clean_labels, clean_link, may_be_unclean
from handlers.sources.lenient import each_alone, lenient
from handlers.sources.registry import Refusal, decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "alertmanager"
MOST_NAME = 200

Status = Literal["firing", "resolved"]


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    status: Status
    labels: dict[str, str]
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    annotations: dict[str, str] = {}
    generator_url: str = msgspec.field(name="generatorURL", default="")
    fingerprint: str = ""


class _Delivery(msgspec.Struct, frozen=True, rename="camel"):
    version: Literal["4"]
    alerts: list[msgspec.Raw]
    status: Status = "firing"
    group_key: str = ""
    receiver: str = ""
    truncated_alerts: Annotated[int, msgspec.Meta(ge=0, le=2**31)] | None = None
    group_labels: dict[str, str] = {}
    common_labels: dict[str, str] = {}


class _Shared(NamedTuple):
    """What the alerts of a delivery have in common; ``unclean``: some text in it may have to be cleaned."""

    group: str
    truncated: int
    receiver: str
    received_at: datetime
    unclean: bool


_decode = lenient(_Delivery)
_decode_alert = lenient(_Alert)
_STATUS = {"firing": AlertStatus.FIRING, "resolved": AlertStatus.RESOLVED}


@source(NAME, verify=bearer)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> Iterator[Event | Refusal]:
    return _events(decoded(_decode, body), may_be_unclean(body), received_at)


def _events(delivery: _Delivery, unclean: bool, received_at: datetime) -> Iterator[Event | Refusal]:
    group = clean(delivery.group_key) if unclean else delivery.group_key
    truncated = delivery.truncated_alerts or 0
    shared = _Shared(group, truncated, clean(delivery.receiver)[:MOST_NAME], received_at, unclean)
    yield from each_alone(delivery.alerts, _decode_alert, partial(_event, shared), "$.alerts")
    # Alertmanager derives this status from the alerts that it lists: those that it left out may fire on, and it
    # tells of them only when they change or at its repeat_interval. It says nothing better of their end.
    if delivery.status == "resolved" and truncated:
        labels = delivery.common_labels or delivery.group_labels
        yield GroupResolved(NAME, group, clean_labels(labels) if unclean else labels, received_at)


def _event(shared: _Shared, alert: _Alert, where: str) -> AlertEvent:
    labels, unclean = clean_labels(alert.labels) if shared.unclean else alert.labels, shared.unclean
    status = _STATUS[alert.status]
    ends_at = None
    if status is AlertStatus.RESOLVED and alert.ends_at is not None:
        ends_at = in_utc(alert.ends_at, f"{where}.endsAt")
    return AlertEvent(
        source=NAME,
        fingerprint=(clean(alert.fingerprint) if unclean else alert.fingerprint) or fingerprint_of(labels),
        status=status,
        labels=labels,
        starts_at=(in_utc(alert.starts_at, f"{where}.startsAt") if alert.starts_at else None) or shared.received_at,
        annotations=clean_labels(alert.annotations) if unclean else alert.annotations,
        ends_at=ends_at,
        group=shared.group,
        truncated=shared.truncated,
        link=clean_link(alert.generator_url),
        receiver=shared.receiver,
    )
