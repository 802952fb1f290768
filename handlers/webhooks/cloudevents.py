"""CloudEvents 1.0 over HTTP: binary, structured and batched; the official package parses.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md

Data with ``labels`` is taken as an alert of our own schema (``labels, annotations, status, severity, starts_at,
ends_at, fingerprint``). Anything else becomes an alert named after the event's type, about the service that its data or
subject names; the same type ending in ``.resolved`` resolves it. What Seldon's and KServe's detectors of drift and
outliers say has a form of its own (``seldon.py``), and what KServe's logger sends is no alert, but predictions
(``kserve.py``).
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.common import get_event_factory_for_version
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import REQUIRED_ATTRIBUTES

from bot.domain.event import AlertEvent, AlertStatus, Event, fingerprint_of
from handlers.http.authentication import bearer
from handlers.sources.clean import clean, clean_labels, clean_link
from handlers.sources.lenient import converted
from handlers.sources.registry import Malformed, Refusal, source
from handlers.sources.timestamps import Moment, in_utc
from handlers.webhooks.models.kserve import is_inference, rows_of
from handlers.webhooks.models.seldon import from_seldon, is_seldon

NAME = "cloudevents"
_BATCH = "application/cloudevents-batch+json"
_STRUCTURED = {"content-type": "application/cloudevents+json"}
_RESOLVED = ".resolved"
_STATUS_WORDS = ("summary", "message", "description", "title")


class _StrictJson(JSONFormat):
    """Refuses data that calls itself JSON and is none; the package takes it as text."""

    def read_data(self, body: bytes, datacontenttype: str | None) -> dict[str, Any] | str | bytes | None:
        is_json = self.JSON_CONTENT_TYPE_PATTERN.match(datacontenttype or self.DEFAULT_CONTENT_TYPE)
        if not body or not is_json:
            return super().read_data(body, datacontenttype)
        data: dict[str, Any] = json.loads(body)
        return data


class _Attributes(msgspec.Struct, frozen=True):
    id: str
    source: str
    type: str
    specversion: str
    time: Moment | None = None


class _AlertData(msgspec.Struct, frozen=True):
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    status: Literal["firing", "resolved"] = "firing"
    severity: str = ""
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    fingerprint: str = ""
    link: str = ""


@source(NAME, verify=bearer)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> Iterable[Event | Refusal]:
    headers = {name.lower(): value for name, value in headers.items()}
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != _BATCH:
        return [*_events(_parsed(headers, body, "the event", received_at), received_at, "$")]
    try:
        batch = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the batch: {error}") from error
    return _of_batch(batch, received_at)


def _of_batch(batch: Sequence[msgspec.Raw], received_at: datetime) -> Iterator[Event | Refusal]:
    for index, raw in enumerate(batch):
        place = f"$[{index}]"
        try:
            yield from _events(_parsed(_STRUCTURED, bytes(raw), place, received_at), received_at, place)
        except (Malformed, UnicodeError) as error:
            yield Refusal(index, str(error))


def _parsed(headers: Mapping[str, str], body: bytes, where: str, received_at: datetime) -> BaseCloudEvent:
    def made(attributes: dict[str, Any], data: Any) -> BaseCloudEvent:
        """The event; the package itself would make up what is missing, and read the clock for its time."""
        missing = [name for name in REQUIRED_ATTRIBUTES if name not in attributes]
        if missing:
            raise Malformed(f"{where}: missing {', '.join(missing)}")
        return get_event_factory_for_version(attributes["specversion"])({"time": received_at, **attributes}, data)

    try:
        return from_http(HTTPMessage(dict(headers), body), _StrictJson(), made)
    except CloudEventValidationError as error:
        raise Malformed(f"{where}: {_explained(error)}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise Malformed(f"{where} is no CloudEvent: {_reason(error, headers, body)}") from error


def _reason(error: Exception, headers: Mapping[str, str], body: bytes) -> str:
    """The field that is wrong: on the way to it the package says what failed, but not where."""
    attributes = {name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")}
    try:
        if attributes:
            msgspec.convert(attributes, _Attributes)
        else:
            msgspec.json.decode(body, type=_Attributes)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as found:
        return str(found)
    return f"data: {error or type(error).__name__}"


def _explained(error: CloudEventValidationError) -> str:
    problems = getattr(error, "errors", {}) or {}
    stated = [f"{name}: {', '.join(map(str, why))}" for name, why in problems.items()]
    return "; ".join(stated) or str(error)


def _events(event: BaseCloudEvent, received_at: datetime, where: str) -> Sequence[Event]:
    data = _decoded(event)
    if is_inference(_type_of(event)):
        return rows_of(event, data, _time_of(event, where) or received_at, where)
    return [_alert(event, data, received_at, where)]


def _alert(event: BaseCloudEvent, data: Any, received_at: datetime, where: str) -> AlertEvent:
    if is_seldon(_type_of(event)):
        return from_seldon(event, data, _time_of(event, where) or received_at, where)
    if isinstance(data, dict) and "labels" in data:
        return _own_schema(event, data, received_at, where)
    return _generic(event, data if isinstance(data, dict) else {}, received_at, where)


def _decoded(event: BaseCloudEvent) -> Any:
    """The data as values. Data of another content type than JSON is carried, and nothing is read from it."""
    data = event.get_data()
    if not isinstance(data, bytes | str):
        return data
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _own_schema(event: BaseCloudEvent, data: dict[str, Any], received_at: datetime, where: str) -> AlertEvent:
    try:
        alert = converted(data, _AlertData)
    except Malformed as error:
        raise Malformed(f"{where}.data: {error}") from error
    labels = {"alertname": clean(_type_of(event)), **clean_labels(alert.labels)}
    fingerprint = clean(alert.fingerprint) or fingerprint_of(labels)
    if alert.severity:  # no part of the fingerprint: it may change, and a resolution need not repeat it
        labels.setdefault("severity", clean(alert.severity))
    status = AlertStatus(alert.status)
    starts_at = in_utc(alert.starts_at, f"{where}.data.starts_at") if alert.starts_at else None
    ends_at = in_utc(alert.ends_at, f"{where}.data.ends_at") if alert.ends_at else None
    at = _time_of(event, where) or received_at
    resolved = status is AlertStatus.RESOLVED
    return AlertEvent(
        source=NAME,
        fingerprint=fingerprint,
        status=status,
        labels=labels,
        starts_at=starts_at or at,
        annotations=clean_labels(alert.annotations),
        ends_at=(ends_at or at) if resolved else None,
        link=clean_link(alert.link),
    )


def _generic(event: BaseCloudEvent, data: dict[str, Any], received_at: datetime, where: str) -> AlertEvent:
    kind = _type_of(event)
    resolved = data.get("status") == "resolved" or kind.endswith(_RESOLVED)
    name = clean(kind.removesuffix(_RESOLVED)) or "event"
    subject, sender = clean(event.get_subject() or ""), clean(event.get_source())
    service = _text(data.get("service")) or subject
    at = _time_of(event, where) or received_at
    given = {
        "alertname": name,
        "service": service,
        "severity": _text(data.get("severity")),
        "cloudevents_source": sender,
    }
    stated = next((_text(data[key]) for key in _STATUS_WORDS if _text(data.get(key))), subject)
    named = "\0".join((sender, name, subject))
    return AlertEvent(
        source=NAME,
        fingerprint=hashlib.blake2b(named.encode(), digest_size=8).hexdigest(),
        status=AlertStatus.RESOLVED if resolved else AlertStatus.FIRING,
        labels={label: value for label, value in given.items() if value},
        starts_at=at,
        annotations={"summary": stated} if stated else {},
        ends_at=at if resolved else None,
    )


def _type_of(event: BaseCloudEvent) -> str:
    return str(event.get_type())


def _text(value: Any) -> str:
    return clean(value) if isinstance(value, str) else ""


def _time_of(event: BaseCloudEvent, where: str) -> datetime | None:
    time = event.get_time()
    if time is None:
        return None
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    return in_utc(time, f"{where}.time")
