"""Splunk's webhook alert action: a saved search that found something, with the first row of what it found.

https://help.splunk.com/en/splunk-enterprise/alert-and-respond/alerting-manual/10.0/configure-alert-actions/use-a-webhook-alert-action
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event, fingerprint_of
from handlers.http.authentication import bearer
from handlers.sources.clean import clean, clean_labels, clean_link
from handlers.sources.lenient import lenient
from handlers.sources.registry import decoded, source

NAME = "splunk"
_RESOLVED = "resolved"
_IDENTIFYING = ("id", "service", "host")
"""The columns that tell alerts of one search apart: the others, like a count, change from one run to the next."""

_MOST_COLUMNS, _LONGEST = 30, 200
_RAW_LONGEST = 2000


class _Delivery(msgspec.Struct, frozen=True):
    sid: str
    result: dict[str, Any] = {}
    search_name: str | None = None
    app: str | None = None
    owner: str | None = None
    results_link: str | None = None


_decode = lenient(_Delivery)


@source(NAME, verify=bearer, token_in_address=True)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    """Splunk never says that an alert is over: one whose row has ``status=resolved`` is."""
    payload = decoded(_decode, body)
    row = {name: _text(value) for name, value in payload.result.items()}
    search = {"alertname": payload.search_name or "Splunk search", "app": payload.app or ""}
    named = search | {name: row.get(name, "") for name in _IDENTIFYING}
    resolved = row.get("status") == _RESOLVED
    return [
        AlertEvent(
            source=NAME,
            fingerprint=fingerprint_of(clean_labels(named)),
            status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
            labels=_labels_of(row, search, payload.owner or ""),
            starts_at=received_at,
            annotations=_annotations_of(row),
            ends_at=received_at if resolved else None,
            link=clean_link(payload.results_link or ""),
        )
    ]


def _labels_of(row: Mapping[str, str], search: Mapping[str, str], owner: str) -> dict[str, str]:
    """The row's columns, but neither Splunk's own, which begin with an underscore, nor long text."""
    columns = [(name, value) for name, value in row.items() if value and not name.startswith("_") and name != "status"]
    short = dict([(name, value) for name, value in columns if len(value) <= _LONGEST][:_MOST_COLUMNS])
    app = {"splunk_app": search["app"], "splunk_owner": owner}  # a row's own "app" is a service
    labels = short | {"alertname": search["alertname"]} | {name: value for name, value in app.items() if value}
    return clean_labels(labels)


def _annotations_of(row: Mapping[str, str]) -> dict[str, str]:
    summary, raw = row.get("message") or row.get("summary", ""), row.get("_raw", "")
    payload = {"summary": clean(summary), "description": clean(raw[:_RAW_LONGEST])}
    return {name: text for name, text in payload.items() if text}


def _text(value: Any) -> str:
    """A cell; one of several values is told as a list."""
    values = value if isinstance(value, list) else [value]
    return ", ".join(one if isinstance(one, str) else repr(one) for one in values if isinstance(one, str | int | float))
