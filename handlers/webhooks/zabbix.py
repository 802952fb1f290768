"""Zabbix, by a media type of type webhook: what the script of docs/sources.md sends.

https://www.zabbix.com/documentation/current/en/manual/config/notifications/media/webhook
https://www.zabbix.com/documentation/current/en/manual/appendix/macros/supported_by_location
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event, fingerprint_of
from handlers.http.authentication import bearer
from handlers.sources.clean import clean, clean_labels, clean_link
from handlers.sources.lenient import lenient
from handlers.sources.registry import decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "zabbix"
_SEVERITIES = ("info", "info", "warning", "average", "high", "disaster")
"""By number, as the words can be changed: not classified, information, warning, average, high, disaster."""

_STATUS = {"1": AlertStatus.FIRING, "0": AlertStatus.RESOLVED}


class _Tag(msgspec.Struct, frozen=True):
    tag: str
    value: str = ""


class _Problem(msgspec.Struct, frozen=True):
    id: str
    name: str
    value: Literal["0", "1"]
    severity: Literal["0", "1", "2", "3", "4", "5"] = "0"
    host: str = ""
    opdata: str = ""
    tags: list[_Tag] = []
    began: Moment | None = None
    ended: Moment | None = None
    link: str = ""


_decode = lenient(_Problem)


@source(NAME, verify=bearer, token_in_address=True)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """A problem by its id, which its updates and its recovery name too: a trigger may have several at once."""
    problem = decoded(_decode, body)
    status = _STATUS[problem.value]
    began = in_utc(problem.began, "$.began") if problem.began else None
    ended = in_utc(problem.ended, "$.ended") if problem.ended else None
    operational = clean(_expanded(problem.opdata))
    return [
        AlertEvent(
            source=NAME,
            fingerprint=fingerprint_of({"event": clean(problem.id), "host": clean(problem.host)}),
            status=status,
            labels=_labels_of(problem),
            starts_at=began or received_at,
            annotations={"summary": operational} if operational else {},
            ends_at=ended if status is AlertStatus.RESOLVED else None,
            link=clean_link(problem.link),
        )
    ]


def _labels_of(problem: _Problem) -> dict[str, str]:
    tags: dict[str, str] = {}
    for one in problem.tags:  # a problem may have several values of one tag
        tags[one.tag] = f"{tags[one.tag]}, {one.value}" if tags.get(one.tag) else one.value
    host = _expanded(problem.host)
    labels = {"service": host} | {name: value for name, value in tags.items() if name and value}
    labels |= {"alertname": problem.name, "host": host, "severity": _SEVERITIES[int(problem.severity)]}
    return clean_labels({name: value for name, value in labels.items() if value})


def _expanded(text: str) -> str:
    """Nothing, where Zabbix knew no value for a macro."""
    unknown = text == "*UNKNOWN*" or (text.startswith("{") and text.endswith("}") and text[1:-1].isupper())
    return "" if unknown else text
