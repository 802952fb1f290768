"""Amazon CloudWatch's alarms, through a topic of Amazon SNS.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event
from handlers.http.authentication import bearer_or_like
from handlers.sources.clean import clean
from handlers.sources.labels import with_values
from handlers.sources.lenient import lenient
from handlers.sources.registry import Malformed, decoded, source
from handlers.sources.sns_message import read
from handlers.sources.timestamps import from_iso

if TYPE_CHECKING:
    from handlers.sources.sns import Amazon

NAME = "cloudwatch"
_RAW = "x-amz-sns-rawdelivery"
_SERVICE_DIMENSIONS = (
    *("ServiceName", "Service", "FunctionName", "ApiName", "DBInstanceIdentifier", "DBClusterIdentifier"),
    *("TableName", "QueueName", "TopicName", "LoadBalancer", "AutoScalingGroupName", "ClusterName", "InstanceId"),
)
"""Those that name a service, the best first; without any of them the first dimension does."""

_ARN_PARTS = 6


class _Dimension(msgspec.Struct, frozen=True):
    name: str
    value: str


class _Metric(msgspec.Struct, frozen=True, rename="pascal"):
    metric_name: str | None = None
    namespace: str | None = None
    dimensions: list[_Dimension] | None = None


class _Statistic(msgspec.Struct, frozen=True, rename="pascal"):
    metric: _Metric | None = None


class _Query(msgspec.Struct, frozen=True, rename="pascal"):
    metric_stat: _Statistic | None = None


class _Trigger(_Metric, frozen=True, rename="pascal"):
    """An alarm of an expression or of an anomaly has several metrics instead of one of its own."""

    metrics: list[_Query] | None = None


class _Alarm(msgspec.Struct, frozen=True, rename="pascal"):
    alarm_name: str
    new_state_value: Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
    alarm_arn: str = ""
    alarm_description: str | None = None
    account: str = msgspec.field(name="AWSAccountId", default="")
    new_state_reason: str | None = None
    state_change_time: str = ""
    region: str = ""
    trigger: _Trigger | None = None
    """A composite alarm has none."""


_decode_alarm = lenient(_Alarm)


@cache
def _amazon() -> "Amazon":
    from handlers.sources.sns import Amazon  # brings cryptography

    return Amazon()


async def _prove(headers: Mapping[str, str], body: bytes) -> None:
    """Whether Amazon signed it. What checks that is imported in a thread, with the first message."""
    amazon = await asyncio.to_thread(_amazon)
    await amazon.prove(headers, body)


@source(NAME, verify=bearer_or_like, prove=_prove, token_in_address=True)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """An alarm's change. Without data it fires on: whoever has CloudWatch tell of that wants to know."""
    if headers.get(_RAW) == "true":
        raise Malformed("the subscription has raw message delivery, which is not signed: switch it off")
    message = read(body)
    if message.type != "Notification":
        return []
    try:
        alarm = decoded(_decode_alarm, message.message.encode())
    except (Malformed, UnicodeEncodeError) as error:
        raise Malformed(f"$.Message is no alarm of CloudWatch: {error}") from error
    return [_event(alarm, received_at)]


def _event(alarm: _Alarm, received_at: datetime) -> AlertEvent:
    resolved = alarm.new_state_value == "OK"
    at = from_iso(alarm.state_change_time, "$.Message.StateChangeTime") or received_at
    return AlertEvent(
        source=NAME,
        fingerprint=clean(alarm.alarm_arn or "/".join((alarm.account, alarm.region, alarm.alarm_name))),
        status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
        labels=_labels_of(alarm),
        starts_at=at,
        annotations=with_values({"summary": alarm.new_state_reason, "description": alarm.alarm_description}),
        ends_at=at if resolved else None,
        link=_link_of(alarm),
    )


def _labels_of(alarm: _Alarm) -> dict[str, str]:
    metric = _metric_of(alarm.trigger or _Trigger())
    dimensions = {one.name: one.value for one in metric.dimensions or []}
    named = next((dimensions[name] for name in _SERVICE_DIMENSIONS if name in dimensions), "")
    return with_values(
        dimensions
        | {
            "alertname": alarm.alarm_name,
            "service": named or next(iter(dimensions.values()), ""),
            "metric": metric.metric_name,
            "namespace": metric.namespace,
            "account": alarm.account,
            "region": _region_of(alarm) or alarm.region,
            "state": alarm.new_state_value if alarm.new_state_value == "INSUFFICIENT_DATA" else "",
        }
    )


def _metric_of(trigger: _Trigger) -> _Metric:
    """The trigger's own metric, else the first that its expression is of."""
    stated = [query.metric_stat.metric for query in trigger.metrics or [] if query.metric_stat]
    return next((metric for metric in stated if metric), trigger)


def _region_of(alarm: _Alarm) -> str:
    """``arn:aws:cloudwatch:eu-west-1:123456789012:alarm:name``: the message itself only says "EU (Ireland)"."""
    parts = alarm.alarm_arn.split(":")
    return parts[3] if len(parts) > _ARN_PARTS else ""


def _link_of(alarm: _Alarm) -> str:
    region = _region_of(alarm)
    if not (region.isascii() and region.replace("-", "").isalnum()):
        return ""
    console = "console.amazonaws.cn" if alarm.alarm_arn.startswith("arn:aws-cn:") else "console.aws.amazon.com"
    name = quote(clean(alarm.alarm_name), safe="")
    return f"https://{region}.{console}/cloudwatch/home?region={region}#alarmsV2:alarm/{name}"
