"""Nagios, Naemon and their like, by a notification command: what the command of docs/sources.md posts.

The fields come as a form, which curl encodes by itself, as a plugin's output put into JSON by a shell would break it;
or as a JSON object of the same names. https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/macrolist.html
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event, fingerprint_of
from handlers.http.authentication import bearer_or_like
from handlers.sources.clean import clean, clean_labels, clean_link
from handlers.sources.lenient import converted
from handlers.sources.registry import Malformed, decoded, source
from handlers.sources.timestamps import since_1970

NAME = "nagios"
_MOST_FIELDS = 50

_SEVERITIES = {
    "OK": "",
    "UP": "",
    "WARNING": "warning",
    "UNKNOWN": "warning",
    "CRITICAL": "critical",
    "DOWN": "critical",
    "UNREACHABLE": "high",
}
"""Every state of a service and of a host; the empty ones are good."""

_NOT_ABOUT_STATE = ("DOWNTIME", "CUSTOM")


class _Notification(msgspec.Struct, frozen=True):
    type: str
    host: str
    state: str
    service: str = ""
    output: str = ""
    since: str | int | float = ""
    app: str = ""
    link: str = ""


_decode: Any = msgspec.json.Decoder(dict[str, Any]).decode


@source(NAME, verify=bearer_or_like)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    return events_of(NAME, body, received_at)


def events_of(name: str, body: bytes, received_at: datetime) -> list[Event]:
    """What a notification says of the state; those of a downtime, and what people write, say nothing of it."""
    notice = _notification(body)
    state = notice.state.upper()
    if state not in _SEVERITIES:
        raise Malformed(f"$.state: {notice.state[:40]!r} is none of {', '.join(_SEVERITIES)}")
    if notice.type.upper().startswith(_NOT_ABOUT_STATE):
        return []
    resolved = not _SEVERITIES[state]
    since = since_1970(notice.since, "$.since") or received_at
    summary = clean(notice.output)
    return [
        AlertEvent(
            source=name,
            fingerprint=fingerprint_of({"host": clean(notice.host), "service": clean(notice.service)}),
            status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
            labels=_labels_of(notice, _SEVERITIES[state]),
            starts_at=since,
            annotations={"summary": summary} if summary else {},
            ends_at=since if resolved else None,
            link=clean_link(notice.link),
        )
    ]


def _notification(body: bytes) -> _Notification:
    fields = decoded(_decode, body) if body.lstrip().startswith(b"{") else _form(body)
    return converted(fields, _Notification)


def _form(body: bytes) -> dict[str, str]:
    """``application/x-www-form-urlencoded``. https://url.spec.whatwg.org/#application/x-www-form-urlencoded"""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise Malformed(f"neither JSON nor a form: {error}") from error


def _labels_of(notice: _Notification, severity: str) -> dict[str, str]:
    """A check is about its host, unless it says of what application."""
    labels = {"alertname": notice.service or "HostDown", "host": notice.host, "service": notice.app or notice.host}
    labels |= {"check": notice.service, "severity": severity}
    return clean_labels({name: value for name, value in labels.items() if value})
