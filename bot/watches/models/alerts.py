"""The alerts of the models' watch: what fires, what is resolved, on which model."""

from datetime import datetime
from typing import NamedTuple

from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.severity import Severity
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.kinds.registry import Outcome, few, kind_of
from bot.watches.models.memory import ModelCursor

STALE = "DataFreshness"
FAILED = "MonitorFailed"
_SOURCE = "tandem"


class Subject(NamedTuple):
    """A monitor of a model, as a whole or for one version; "" is that of rows that name none."""

    cursor: ModelCursor
    name: str
    version: str | None = None

    def sentence(self, summary: str) -> str:
        """What is said of it, with the version."""
        if self.version is None:
            return summary
        return f"version {self.version}: {summary}" if self.version else f"rows without a version: {summary}"


def finding(of: Subject, monitor: MonitorRules, outcome: Outcome, since: datetime, reference: str) -> AlertEvent:
    """A check found something."""
    annotations = {"summary": of.sentence(outcome.summary), "monitor": of.name}
    if outcome.details:
        annotations["description"] = "\n".join(outcome.details)
    if outcome.features:
        annotations["features"] = ", ".join(outcome.features[:20])
    if reference:
        annotations["reference"] = reference
    if outcome.guarantee:
        annotations["guarantee"] = outcome.guarantee
    alertname = kind_of(monitor).alertname
    labels = _labels(of, alertname, monitor.severity)
    if outcome.features:
        labels["feature"] = few(outcome.features)
    fingerprint, group = _fingerprint(of, alertname), of.cursor.model
    return AlertEvent(
        _SOURCE, fingerprint, AlertStatus.FIRING, labels, since, annotations, group=group, chart=outcome.chart
    )


def firing(of: Subject, alertname: str, severity: Severity, since: datetime, summary: str) -> AlertEvent:
    """Something fires that is no check's finding: no data, or a check that cannot be made."""
    annotations = {"summary": of.sentence(summary), "monitor": of.name}
    labels, fingerprint = _labels(of, alertname, severity), _fingerprint(of, alertname)
    return AlertEvent(_SOURCE, fingerprint, AlertStatus.FIRING, labels, since, annotations, group=of.cursor.model)


def resolved(of: Subject, alertname: str, since: datetime, now: datetime, summary: str) -> AlertEvent:
    """What fired is gone."""
    return AlertEvent(
        _SOURCE,
        _fingerprint(of, alertname),
        AlertStatus.RESOLVED,
        _labels(of, alertname, None),
        min(since, now),
        {"summary": of.sentence(summary), "monitor": of.name},
        ends_at=now,
        group=of.cursor.model,
    )


def _labels(of: Subject, alertname: str, severity: Severity | None) -> dict[str, str]:
    model = of.cursor.model
    labels = {"alertname": alertname, "service": model, "model": model, "monitor": of.name}
    labels |= {"version": of.version} if of.version else {}
    return {**of.cursor.labels, **labels, **({"severity": severity.value} if severity else {})}


def _fingerprint(of: Subject, alertname: str) -> str:
    known = {"alertname": alertname, "model": of.cursor.model, "monitor": of.name}
    return fingerprint_of(known if of.version is None else known | {"version": of.version})
