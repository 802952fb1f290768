"""The alerts of the watch over language models, with a summary for people."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from bot.domain.event import AlertEvent, AlertStatus, EndedBy, fingerprint_of
from bot.domain.llm.observed import Measure
from bot.domain.severity import Severity
from bot.domain.watched.in_words import in_unit
from bot.watches.llm.course import Course
from bot.watches.llm.memory import parts_of
from detectors.shift import Shift

ALERTS: Mapping[Measure, str] = {
    Measure.ERRORS: "LlmErrors",
    Measure.LATENCY: "LlmLatency",
    Measure.INPUT_TOKENS: "LlmTokens",
    Measure.OUTPUT_TOKENS: "LlmTokens",
    Measure.COST: "LlmCost",
    Measure.TOOL_FAILURES: "LlmToolFailures",
    Measure.REFUSALS: "LlmRefusals",
    Measure.SCORE: "LlmEvaluationScore",
}
_SOURCE = "tandem"
_SHOWN = 5


def firing(course: Course, severity: Severity) -> AlertEvent:
    """A course is not as it was. It was found now, and may have begun at any time since bets were won."""
    version, shift = course.told()
    labels = _labels(course, severity)
    model, prompt_version = parts_of(version)
    labels |= {name: value for name, value in (("llm_model", model), ("prompt_version", prompt_version)) if value}
    annotations = {"summary": _sentence(course, version, shift)}
    lines = list(_lines(course))
    if lines:
        annotations["description"] = "\n".join(lines)
    return AlertEvent(
        _SOURCE,
        _fingerprint(course),
        AlertStatus.FIRING,
        labels,
        datetime.fromtimestamp(course.began, UTC),
        annotations,
        group=course.service,
        tolerance=max(course.seen_at - course.began, 0.0),
    )


def resolved(
    course: Course, severity: Severity, now: datetime, why: str, ended_by: EndedBy = EndedBy.SENDER
) -> AlertEvent:
    return AlertEvent(
        _SOURCE,
        _fingerprint(course),
        AlertStatus.RESOLVED,
        _labels(course, severity),
        min(datetime.fromtimestamp(course.fires_since, UTC), now),
        {"summary": why},
        ends_at=now,
        group=course.service,
        ended_by=ended_by,
    )


def _labels(course: Course, severity: Severity) -> dict[str, str]:
    of = "evaluation" if course.measure is Measure.SCORE else "tool"
    own = {"measure": course.measure.value, "prompt": course.prompt, of: course.of}
    named = {"alertname": ALERTS[course.measure], "severity": severity.value, "service": course.service}
    return {**course.labels, **named, **{name: value for name, value in own.items() if value}}


def _fingerprint(course: Course) -> str:
    return fingerprint_of(
        {
            **course.labels,
            "alertname": ALERTS[course.measure],
            "measure": course.measure,
            "service": course.service,
            "prompt": course.prompt,
            "of": course.of,
        }
    )


def _sentence(course: Course, version: str, shift: Shift) -> str:
    return f"{course.service}: {_said(course, shift)}{_with(course, version)}, usually {_value(course, shift.usual())}"


def _said(course: Course, shift: Shift) -> str:
    lately, much = _value(course, shift.lately()), course.high
    match course.measure:
        case Measure.ERRORS:
            return f"{lately} of its calls of language models fail"
        case Measure.LATENCY:
            return f"{lately} of its calls of language models take over {in_unit(much, 'seconds')}"
        case Measure.INPUT_TOKENS:
            return f"{lately} of its calls give the language model over {in_unit(much, '')} tokens"
        case Measure.OUTPUT_TOKENS:
            return f"{lately} of the answers have over {in_unit(much, '')} tokens"
        case Measure.COST:
            return f"{lately} of its calls of language models cost over ${much:.2g}"
        case Measure.TOOL_FAILURES:
            return f"{lately} of the calls of its tool {course.of or 'without a name'} fail"
        case Measure.REFUSALS:
            return f"{lately} of the answers are refusals"
        case Measure.SCORE:
            return f"{course.of or 'the evaluation score'} {'rose' if shift.shifted > 0 else 'fell'} to {lately}"


def _with(course: Course, version: str) -> str:
    model, prompt_version = parts_of(version)
    told = [f"prompt {course.prompt}"] if course.prompt else []
    if prompt_version:
        told = [f"version {prompt_version} of {told[0] if told else 'the prompt'}"]
    told += [model] if model else []
    return f" with {' and '.join(told)}" if told else ""


def _lines(course: Course) -> Iterator[str]:
    """What each version does lately."""
    by_last = sorted(course.versions.items(), key=lambda one: -one[1].last_at())
    for name, shift in by_last[:_SHOWN]:
        model, version = parts_of(name)
        what = " ".join(filter(None, (f"version {version}" if version else "", model)))
        number = shift.observed_lately()
        if number:
            lately, usual = _value(course, shift.lately()), _value(course, shift.usual())
            yield f"{what}: {lately} of the last {number}, usually {usual}"


def _value(course: Course, mean: float) -> str:
    return f"{course.unscaled(mean):.2g}" if course.measure is Measure.SCORE else in_unit(mean, "ratio")
