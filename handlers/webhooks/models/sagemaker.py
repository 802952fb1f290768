"""Amazon SageMaker Model Monitor: a ``constraint_violations.json``, or what EventBridge tells of a monitoring job.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-violations.html
https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html

A file without violations resolves all that the model's files before it said; one with some says nothing of what it
does not list. A job's event says only how many violations there were.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

from bot.domain.event import Event, GroupResolved
from bot.domain.watched.finding import FindingKind
from handlers.http.authentication import bearer
from handlers.sources.clean import clean
from handlers.sources.lenient import converted
from handlers.sources.model_findings import MAX_CHECKS, About, Check, alert_of, opened
from handlers.sources.registry import Malformed, decoded, source
from handlers.sources.timestamps import Moment, in_utc

NAME = "sagemaker"
_JOB = "SageMaker Processing Job State Change"


class _Violation(msgspec.Struct, frozen=True):
    constraint_check_type: str
    feature_name: str = ""
    description: str = ""
    metric_name: str = ""
    """What the monitors of model quality and of bias name; those of bias with a facet of the data."""
    facet: str = ""
    facet_value: str = ""


class _Job(msgspec.Struct, frozen=True, rename="pascal"):
    processing_job_name: str = ""
    processing_job_status: str = ""
    exit_message: str = ""
    monitoring_schedule_arn: str = ""


class _JobEvent(msgspec.Struct, frozen=True):
    time: Moment
    detail: _Job


_Violations = Annotated[list[_Violation], msgspec.Meta(max_length=MAX_CHECKS)]
_decode = msgspec.json.Decoder(Any).decode


@source(NAME, verify=bearer)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    document = decoded(_decode, body)
    if isinstance(document, dict) and "detail-type" in document:
        return _of_job(converted(document, _JobEvent), headers) if document["detail-type"] == _JOB else []
    if not isinstance(document, dict) or "violations" not in document:
        raise Malformed("it is neither a constraint_violations.json nor an event of EventBridge")
    about, document = opened(document, "violations", headers, received_at)
    violations: list[_Violation] = converted(document, _Violations)
    if not violations:
        return [_all_well(about)]
    return [alert_of(NAME, about, _check(violation)) for violation in violations]


def _all_well(about: About) -> GroupResolved:
    labels = about.labels | {"model": about.model, "service": about.model}
    return GroupResolved(NAME, about.model, labels, about.at)


def _check(violation: _Violation) -> Check:
    named = (violation.constraint_check_type, violation.metric_name, violation.facet_value)
    return Check(
        kind=_kind_of(violation),
        name="/".join(named),
        failed=True,
        summary=violation.description or violation.constraint_check_type,
        feature=violation.feature_name or violation.facet,
    )


def _kind_of(violation: _Violation) -> FindingKind:
    if violation.metric_name and not violation.facet:
        return FindingKind.PERFORMANCE
    return FindingKind.DRIFT if "drift" in violation.constraint_check_type else FindingKind.QUALITY


def _of_job(event: _JobEvent, headers: Mapping[str, str]) -> list[Event]:
    """A monitoring job ends by a message of its own; other processing jobs are nothing to us."""
    job = event.detail
    schedule = job.monitoring_schedule_arn.rpartition("/")[2]
    ended, _, words = job.exit_message.partition(":")
    if not schedule or ended not in ("Completed", "CompletedWithViolations"):
        return []
    model = clean(headers.get("x-tandem-model", "") or schedule)
    at = in_utc(event.time, "$.time")
    if at is None:
        raise Malformed("$.time: there is no such moment")
    if ended == "Completed":
        return [_all_well(About(model, {}, at, ""))]
    summary = f"{schedule}: {words.strip()}" if words.strip() else f"{schedule} ended with violations"
    check = Check(FindingKind.QUALITY, f"schedule/{schedule}", True, summary)
    return [alert_of(NAME, About(model, {}, at, ""), check)]
