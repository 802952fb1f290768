"""Sources that tandem.yaml describes: any JSON becomes alerts by JMESPath expressions."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, Event, fingerprint_of
from bot.domain.mapping import SourceMapping, search
from handlers.http.authentication import bearer_or_like
from handlers.sources.clean import clean, clean_labels, clean_link
from handlers.sources.registry import Malformed, Parse, Refusal, Source, decoded
from handlers.sources.timestamps import from_iso, since_1970

_LONGEST = 10_000
_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


def mapped_sources(mappings: Mapping[str, SourceMapping]) -> dict[str, Source]:
    """The described sources by name, each with an endpoint of its own."""
    return {
        name: Source(name, parser_for(name, mapping), bearer_or_like, token_in_address=True)
        for name, mapping in mappings.items()
    }


def parser_for(name: str, mapping: SourceMapping) -> Parse:
    def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> Iterable[Event | Refusal]:
        delivery = decoded(_decode, body)
        found = _found(mapping.events, delivery, "events")
        alerts = found if isinstance(found, list) else [] if found is None else [found]
        return _events(name, mapping, alerts, received_at)

    return parse


def _events(
    source: str, mapping: SourceMapping, alerts: Iterable[Any], received_at: datetime
) -> Iterator[Event | Refusal]:
    for index, alert in enumerate(alerts):
        try:
            yield _event(source, mapping, alert, index, received_at)
        except (Malformed, UnicodeError) as error:
            yield Refusal(index, str(error))


def _event(source: str, mapping: SourceMapping, alert: Any, position: int, received_at: datetime) -> AlertEvent:
    def text(key: str) -> str:
        return _text(_found(getattr(mapping, key), alert, f"{key} of alert {position}"))

    name = text("name")
    if not name:
        raise Malformed(f"alert {position} has no name: {mapping.name!r} finds nothing")
    labels = {label: _text(_found(one, alert, f"labels.{label}")) for label, one in mapping.labels.items()}
    labels |= {"alertname": name, "service": text("service"), "severity": text("severity")}
    labels = clean_labels({label: value for label, value in labels.items() if value})
    firing = mapping.firing is None or bool(_found(mapping.firing, alert, f"firing of alert {position}"))
    summary = text("summary")
    named = {label: value for label, value in labels.items() if label != "severity"}
    return AlertEvent(
        source=source,
        fingerprint=clean(text("id")) or fingerprint_of(named),
        status=AlertStatus.FIRING if firing else AlertStatus.RESOLVED,
        labels=labels,
        starts_at=_moment(mapping.starts_at, alert, f"starts_at of alert {position}") or received_at,
        annotations={"summary": clean(summary)} if summary else {},
        ends_at=None if firing else _moment(mapping.ends_at, alert, f"ends_at of alert {position}"),
        group=clean(text("group")),
        link=clean_link(text("link")),
    )


def _found(expression: str | None, within: Any, where: str) -> Any:
    try:
        return search(expression, within)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{where}: {error or 'nested too deeply'}") from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    text_of = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text_of[:_LONGEST]


def _moment(expression: str | None, alert: Any, where: str) -> datetime | None:
    """A moment as RFC 3339, or in seconds or milliseconds since 1970; None where there is none."""
    value = _found(expression, alert, where)
    if isinstance(value, bool) or not value:
        return None
    return since_1970(value, where) if isinstance(value, int | float) else from_iso(_text(value), where)
