"""The alerts of the watch over lineage."""

from datetime import UTC, datetime

from bot.domain.event import AlertEvent, AlertStatus, fingerprint_of
from bot.domain.lineage.observed import Asserted, Dataset, Job
from bot.domain.severity import Severity

RUN_FAILED = "JobRunFailed"
NOT_WRITTEN = "DatasetNotWritten"
ASSERTION_FAILED = "DataAssertionFailed"
_SOURCE = "tandem"


def run_failed(job: Job, run: str, error: str, since: int) -> AlertEvent:
    why = f": {error}" if error else ""
    return _firing(job, RUN_FAILED, since, f"a run of {job.service} failed{why}", {"run": run, "commit": job.commit})


def run_ended_well(job: Job, since: int, now: datetime) -> AlertEvent:
    return _resolved(job, RUN_FAILED, since, now, "a later run ended well")


def not_written(dataset: Dataset, job: str, run: str, since: int) -> AlertEvent:
    summary = f"{dataset.service} is not up to date: the run of {job} that writes it failed"
    return _firing(dataset, NOT_WRITTEN, since, summary, {"run": run, "job": job})


def written_again(dataset: Dataset, since: int, now: datetime) -> AlertEvent:
    return _resolved(dataset, NOT_WRITTEN, since, now, "it was written again")


def assertion_failed(dataset: Dataset, one: Asserted, run: str, since: int) -> AlertEvent:
    column = f" of {one.column}" if one.column else ""
    told = f": {one.said}" if one.said else ""
    summary = f"{dataset.service}: the assertion {one.name}{column} fails{told}"
    labels = {"assertion": one.name, **({"column": one.column} if one.column else {})}
    return _firing(dataset, ASSERTION_FAILED, since, summary, {"run": run}, labels, one.severity)


def assertion_holds(dataset: Dataset, one: Asserted, since: int, now: datetime) -> AlertEvent:
    labels = {"assertion": one.name, **({"column": one.column} if one.column else {})}
    return _resolved(dataset, ASSERTION_FAILED, since, now, "the assertion holds again", labels)


def _firing(
    of: Job | Dataset,
    alertname: str,
    since: int,
    summary: str,
    told: dict[str, str],
    labels: dict[str, str] | None = None,
    severity: Severity = Severity.WARNING,
) -> AlertEvent:
    named = _labels(of, alertname, labels or {})
    return AlertEvent(
        _SOURCE,
        fingerprint_of(named),
        AlertStatus.FIRING,
        {**named, "severity": severity.value},
        _moment(since),
        {"summary": summary, **{name: value for name, value in told.items() if value}},
        group=of.service,
    )


def _resolved(
    of: Job | Dataset, alertname: str, since: int, now: datetime, why: str, labels: dict[str, str] | None = None
) -> AlertEvent:
    named = _labels(of, alertname, labels or {})
    started = min(_moment(since), now)
    return AlertEvent(
        _SOURCE,
        fingerprint_of(named),
        AlertStatus.RESOLVED,
        named,
        started,
        {"summary": why},
        ends_at=now,
        group=of.service,
    )


def _labels(of: Job | Dataset, alertname: str, more: dict[str, str]) -> dict[str, str]:
    return {**of.labels, "alertname": alertname, "service": of.service, **more}


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
