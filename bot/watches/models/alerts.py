"""The alerts of the models' watch: what fires, what is resolved, on which model."""

from datetime import datetime

from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.severity import Severity
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.memory import Head
from bot.watches.models.wording import Outcome, few

STALE = "DataFreshness"
FAILED = "MonitorFailed"
_SOURCE = "tandem"


def fires(
    head: Head, name: str, monitor: MonitorRules, outcome: Outcome, since: datetime, reference: str
) -> AlertEvent:
    """A check found something."""
    annotations = {"summary": outcome.said, "monitor": name}
    if outcome.details:
        annotations["description"] = "\n".join(outcome.details)
    if outcome.features:
        annotations["features"] = ", ".join(outcome.features[:20])
    if reference:
        annotations["reference"] = reference
    if outcome.guarantee:
        annotations["guarantee"] = outcome.guarantee
    labels = _labels(head, name, monitor.kind.alertname, monitor.severity)
    if outcome.features:
        labels["feature"] = few(outcome.features)
    fingerprint = _fingerprint(head, name, monitor.kind.alertname)
    return AlertEvent(
        _SOURCE, fingerprint, AlertStatus.FIRING, labels, since, annotations, group=head.model, chart=outcome.chart
    )


def says(head: Head, name: str, alertname: str, severity: Severity, since: datetime, summary: str) -> AlertEvent:
    """Something fires that is no check's finding: no data, or a check that cannot be made."""
    annotations = {"summary": summary, "monitor": name}
    labels = _labels(head, name, alertname, severity)
    fingerprint = _fingerprint(head, name, alertname)
    return AlertEvent(_SOURCE, fingerprint, AlertStatus.FIRING, labels, since, annotations, group=head.model)


def is_over(head: Head, name: str, alertname: str, since: datetime, now: datetime, summary: str) -> AlertEvent:
    """What fired is gone."""
    return AlertEvent(
        _SOURCE,
        _fingerprint(head, name, alertname),
        AlertStatus.RESOLVED,
        _labels(head, name, alertname, None),
        min(since, now),
        {"summary": summary, "monitor": name},
        ends_at=now,
        group=head.model,
    )


def _labels(head: Head, name: str, alertname: str, severity: Severity | None) -> dict[str, str]:
    labels = {"alertname": alertname, "service": head.model, "model": head.model, "monitor": name}
    return {**head.labels, **labels, **({"severity": severity.value} if severity else {})}


def _fingerprint(head: Head, name: str, alertname: str) -> str:
    return fingerprint_of({"alertname": alertname, "model": head.model, "monitor": name})
