"""Kibana's alerting rules through a webhook connector, with the body of docs/sources.md.

https://www.elastic.co/guide/en/kibana/current/rule-action-variables.html
https://www.elastic.co/guide/en/kibana/current/webhook-action-type.html
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event, fingerprint_of
from handlers.http.authentication import bearer_or_like
from handlers.sources.clean import clean, clean_labels, clean_link
from handlers.sources.lenient import lenient
from handlers.sources.registry import Malformed, decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "elastic"
_RECOVERED = "recovered"
_SEVERITIES = {"critical", "high", "medium", "low", "warning"}
"""The names of action groups that say how bad it is; all others say what happened."""


class _Rule(msgspec.Struct, frozen=True):
    id: str
    name: str
    tags: str = ""
    space: str = ""
    url: str = ""


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    action_group: str
    action_group_name: str = ""


class _Delivery(msgspec.Struct, frozen=True):
    rule: _Rule
    alert: _Alert
    date: Moment | None = None
    reason: str = ""
    message: str = ""
    service: str = ""
    host: str = ""
    link: str = ""


_decode = lenient(_Delivery)


@source(NAME, verify=bearer_or_like)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """One alert of a rule, which is known by both their ids. A summary of alerts names none, and is malformed."""
    payload = decoded(_decode, body)
    if not payload.alert.id or not payload.alert.action_group:
        raise Malformed("$.alert.id or $.alert.actionGroup is empty: set the action's frequency to 'For each alert'")
    resolved = payload.alert.action_group == _RECOVERED
    at = (in_utc(payload.date, "$.date") if payload.date else None) or received_at
    summary = clean(payload.reason or payload.message)
    return [
        AlertEvent(
            source=NAME,
            fingerprint=fingerprint_of({"rule": clean(payload.rule.id), "alert": clean(payload.alert.id)}),
            status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
            labels=_labels_of(payload),
            starts_at=at,
            annotations={"summary": summary} if summary else {},
            ends_at=at if resolved else None,
            group=clean(payload.rule.id),
            link=clean_link(payload.link) or clean_link(payload.rule.url),
        )
    ]


def _labels_of(payload: _Delivery) -> dict[str, str]:
    """The rule's tags that read ``name:value`` are labels; the others are together the label ``tags``."""
    tags = [tag.strip() for tag in payload.rule.tags.split(",") if tag.strip()]
    named = [(name, value.strip()) for name, colon, value in (tag.partition(":") for tag in tags) if colon and name]
    group = payload.alert.action_group_name.lower()
    labels = {"severity": group if group in _SEVERITIES else "", "service": payload.service, "host": payload.host}
    labels |= dict(named)
    labels |= {"alertname": payload.rule.name, "alert": payload.alert.id, "space": payload.rule.space}
    labels["tags"] = ", ".join(tag for tag in tags if ":" not in tag)
    return clean_labels({name: value for name, value in labels.items() if value})
