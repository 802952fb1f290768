"""Findings of other tools' monitors in the form of our own: one alert for each check of a model.

Such a tool rarely knows the name of the model. Its document is sent as it is, with the header ``X-Tandem-Model``; or as
a part of an object that says more: ``{"model": …, "labels": {…}, "at": …, "link": …, "<the document's key>": …}``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.severity import Severity
from bot.domain.watched.finding import FindingKind
from handlers.sources.clean import clean, clean_labels, clean_link
from handlers.sources.lenient import converted
from handlers.sources.registry import Malformed
from handlers.sources.timestamps import Moment, in_utc

MAX_CHECKS = 10_000
_MODEL_HEADER = "x-tandem-model"


class About(NamedTuple):
    """Of which model a document speaks, and when. ``labels`` are the ones that every alert gets."""

    model: str
    labels: dict[str, str]
    at: datetime
    link: str


class Check(NamedTuple):
    """One check, as it ended. ``name`` tells it from the model's other checks, and is the same each time it is made.

    ``began`` is when it first failed, where the tool says so; ``severity`` where it is another than the kind's own.
    """

    kind: FindingKind
    name: str
    failed: bool
    summary: str
    feature: str = ""
    severity: Severity | None = None
    began: datetime | None = None


class _Envelope(msgspec.Struct, frozen=True):
    model: str = ""
    labels: dict[str, str] = {}
    at: Moment | None = None
    link: str = ""


def opened(document: Any, key: str, headers: Mapping[str, str], received_at: datetime) -> tuple[About, Any]:
    """What a decoded body is about, and the tool's own document. Raises Malformed where no model is named."""
    inside = isinstance(document, dict) and key in document
    envelope = converted(document, _Envelope) if inside else _Envelope()
    model = clean(envelope.model or headers.get(_MODEL_HEADER, ""))
    if not model:
        raise Malformed(f'no model is named: send the header X-Tandem-Model, or {{"model": …, "{key}": …}}')
    at = in_utc(envelope.at, "$.at") if envelope.at else None
    about = About(model, clean_labels(envelope.labels), at or received_at, clean_link(envelope.link))
    return about, document[key] if inside else document


def alert_of(source: str, about: About, check: Check) -> AlertEvent:
    named = {"model": about.model, "service": about.model, "alertname": check.kind.alertname}
    if check.feature:
        named["feature"] = clean(check.feature)
    severity = check.severity or _severity_of(check.kind)
    began = check.began if check.began and check.began <= about.at else None
    return AlertEvent(
        source=source,
        fingerprint=fingerprint_of(about.labels | named | {"check": clean(check.name), "source": source}),
        status=AlertStatus.FIRING if check.failed else AlertStatus.RESOLVED,
        labels=about.labels | named | {"severity": severity.value},
        starts_at=began or about.at,
        annotations={"summary": clean(check.summary)},
        ends_at=None if check.failed else about.at,
        group=about.model,
        link=about.link,
    )


def _severity_of(kind: FindingKind) -> Severity:
    """A model that was seen to do worse is worse than one of which it is feared."""
    return Severity.HIGH if kind is FindingKind.PERFORMANCE else Severity.WARNING
