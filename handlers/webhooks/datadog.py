"""Datadog's webhooks integration, with the payload that docs/sources.md gives: Datadog has none of its own.

https://docs.datadoghq.com/integrations/webhooks/
"""

import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event, fingerprint_of
from handlers.http.authentication import bearer_or_like
from handlers.sources.clean import clean, clean_link
from handlers.sources.labels import from_tags, with_values
from handlers.sources.lenient import lenient
from handlers.sources.registry import Malformed, decoded, source
from handlers.sources.timestamps import since_1970

NAME = "datadog"
_SEVERITY_OF_TYPE = {"error": "high", "warning": "warning", "info": "info"}
_NOTHING = ("null", "None", "n/a")
"""What Datadog puts where a variable has no value."""

_BEFORE_THE_TITLE = re.compile(
    r"(?:\[(?:P[1-5]|Monitor Alert|(?:Re-)?(?:Triggered|Warn|No Data|Notify|Recovered)[^\]]*)\]\s*)+", re.IGNORECASE
)
"""Priority and transition, as in ``[P1] [Triggered on {host:a}] Host is down``: the name stays when they change."""


class _Delivery(msgspec.Struct, frozen=True):
    transition: str
    id: str = ""
    monitor: str = ""
    title: str = ""
    type: str = ""
    priority: str = ""
    scope: str = ""
    tags: str = ""
    host: str = ""
    metric: str = ""
    status: str = ""
    message: str = ""
    link: str = ""
    date: str | int = ""


_decode = lenient(_Delivery)


@source(NAME, verify=bearer_or_like)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """One group of one monitor. Triggered, warned, without data and renotified all fire; recovered is resolved."""
    event = decoded(_decode, body)
    monitor, scope = _value(event.monitor), _value(event.scope)
    by_group = fingerprint_of({"monitor": monitor, "scope": scope}) if monitor else ""
    # Datadog does not say whether its key is one for all groups of a monitor, of which each recovers by itself.
    named = by_group if scope else _value(event.id) or by_group
    if not named:
        raise Malformed("neither $.id nor $.monitor says which alert it is: is the payload that of docs/sources.md?")
    resolved = "recovered" in event.transition.lower() or (not _value(event.transition) and event.type == "success")
    at = since_1970(_value(str(event.date)), "$.date") or received_at
    annotations = {"summary": _value(event.status), "description": _value(event.message)}
    return [
        AlertEvent(
            source=NAME,
            fingerprint=clean(named),
            status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
            labels=_labels_of(event),
            starts_at=at,
            annotations=with_values(annotations),
            ends_at=at if resolved else None,
            group=monitor,
            link=clean_link(event.link),
        )
    ]


def _labels_of(event: _Delivery) -> dict[str, str]:
    """The tags of the monitor and, which say more, those of the group that it is about."""
    tags = from_tags(_value(event.tags).split(",")) | from_tags(_value(event.scope).split(","))
    host = _value(event.host)
    severity = _value(event.priority) or tags.get("severity") or _SEVERITY_OF_TYPE.get(event.type, "")
    title = _title(_value(event.title))
    own = {"alertname": title or f"Datadog monitor {event.monitor or event.id}", "severity": severity}
    return with_values({"service": host, "host": host} | tags | own | {"metric": _value(event.metric)})


def _title(event: str) -> str:
    begins = _BEFORE_THE_TITLE.match(event)
    return event[begins.end() :] or event if begins else event


def _value(text: str) -> str:
    """What a variable stood for: nothing, where Datadog knew none and left its name or a word for nothing."""
    bare = text.strip()
    return "" if bare in _NOTHING or (bare.startswith("$") and bare[1:].replace("_", "").isupper()) else bare
