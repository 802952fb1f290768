"""The alerts of the models' watch: what fires, what is resolved, on which model."""

from datetime import datetime

from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.severity import Severity
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.kinds.registry import Outcome, few, kind_of
from bot.watches.models.memory import ModelCursor

STALE = "DataFreshness"
FAILED = "MonitorFailed"
_SOURCE = "tandem"


def finding(
    cursor: ModelCursor, name: str, monitor: MonitorRules, outcome: Outcome, since: datetime, reference: str
) -> AlertEvent:
    """A check found something."""
    annotations = {"summary": outcome.summary, "monitor": name}
    if outcome.details:
        annotations["description"] = "\n".join(outcome.details)
    if outcome.features:
        annotations["features"] = ", ".join(outcome.features[:20])
    if reference:
        annotations["reference"] = reference
    if outcome.guarantee:
        annotations["guarantee"] = outcome.guarantee
    labels = _labels(cursor, name, kind_of(monitor).alertname, monitor.severity)
    if outcome.features:
        labels["feature"] = few(outcome.features)
    fingerprint = _fingerprint(cursor, name, kind_of(monitor).alertname)
    return AlertEvent(
        _SOURCE, fingerprint, AlertStatus.FIRING, labels, since, annotations, group=cursor.model, chart=outcome.chart
    )


def firing(
    cursor: ModelCursor, name: str, alertname: str, severity: Severity, since: datetime, summary: str
) -> AlertEvent:
    """Something fires that is no check's finding: no data, or a check that cannot be made."""
    annotations = {"summary": summary, "monitor": name}
    labels = _labels(cursor, name, alertname, severity)
    fingerprint = _fingerprint(cursor, name, alertname)
    return AlertEvent(_SOURCE, fingerprint, AlertStatus.FIRING, labels, since, annotations, group=cursor.model)


def resolved(
    cursor: ModelCursor, name: str, alertname: str, since: datetime, now: datetime, summary: str
) -> AlertEvent:
    """What fired is gone."""
    return AlertEvent(
        _SOURCE,
        _fingerprint(cursor, name, alertname),
        AlertStatus.RESOLVED,
        _labels(cursor, name, alertname, None),
        min(since, now),
        {"summary": summary, "monitor": name},
        ends_at=now,
        group=cursor.model,
    )


def _labels(cursor: ModelCursor, name: str, alertname: str, severity: Severity | None) -> dict[str, str]:
    labels = {"alertname": alertname, "service": cursor.model, "model": cursor.model, "monitor": name}
    return {**cursor.labels, **labels, **({"severity": severity.value} if severity else {})}


def _fingerprint(cursor: ModelCursor, name: str, alertname: str) -> str:
    return fingerprint_of({"alertname": alertname, "model": cursor.model, "monitor": name})
