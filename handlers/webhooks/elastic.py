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
    said = decoded(_decode, body)
    if not said.alert.id or not said.alert.action_group:
        raise Malformed("$.alert.id or $.alert.actionGroup is empty: set the action's frequency to 'For each alert'")
    resolved = said.alert.action_group == _RECOVERED
    at = (in_utc(said.date, "$.date") if said.date else None) or received_at
    summary = clean(said.reason or said.message)
    return [
        AlertEvent(
            source=NAME,
            fingerprint=fingerprint_of({"rule": clean(said.rule.id), "alert": clean(said.alert.id)}),
            status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
            labels=_labels_of(said),
            starts_at=at,
            annotations={"summary": summary} if summary else {},
            ends_at=at if resolved else None,
            group=clean(said.rule.id),
            link=clean_link(said.link) or clean_link(said.rule.url),
        )
    ]


def _labels_of(said: _Delivery) -> dict[str, str]:
    """The rule's tags that read ``name:value`` are labels; the others are together the label ``tags``."""
    tags = [tag.strip() for tag in said.rule.tags.split(",") if tag.strip()]
    named = [(name, value.strip()) for name, colon, value in (tag.partition(":") for tag in tags) if colon and name]
    group = said.alert.action_group_name.lower()
    labels = {"severity": group if group in _SEVERITIES else "", "service": said.service, "host": said.host}
    labels |= dict(named)
    labels |= {"alertname": said.rule.name, "alert": said.alert.id, "space": said.rule.space}
    labels["tags"] = ", ".join(tag for tag in tags if ":" not in tag)
    return clean_labels({name: value for name, value in labels.items() if value})
