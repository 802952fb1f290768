"""Evidently: what ``Report.run(…).json()`` writes, and the test suites and reports of its versions before 0.7.

https://docs.evidentlyai.com/docs/library/tests

A test that fails is an alert, and one that passes resolves it. Where a report has no tests, its drift metrics are held
against their own thresholds: a p-value drifts at or below it, a distance at or above it.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from bot.domain.event import Event
from bot.domain.severity import Severity
from bot.domain.watched.finding import FindingKind
from handlers.http.authentication import bearer
from handlers.sources.lenient import converted
from handlers.sources.model_findings import MAX_CHECKS, Check, alert_of, opened
from handlers.sources.registry import Malformed, source

NAME = "evidently"
_FAILED = {"FAIL", "ERROR", "WARNING"}
_PASSED = "SUCCESS"
_PERFORMANCE = (
    "accuracy f1score precision recall rocauc logloss tpr tnr fpr fnr mae mape rmse meanerror absmaxerror r2score ndcg "
    "map mrr hitrate"
)
_OF_PERFORMANCE = frozenset(_PERFORMANCE.split())
_OLD_PERFORMANCE = ("classification", "regression", "recsys")


class _MetricConfig(msgspec.Struct, frozen=True):
    metric_id: str = ""
    params: dict[str, Any] = {}


class _Test(msgspec.Struct, frozen=True):
    """A test of either format: the old one has ``group`` and ``parameters``, the new one ``metric_config``."""

    name: str
    status: str
    description: str = ""
    id: str = ""
    group: str | None = None
    parameters: dict[str, Any] = {}
    metric_config: _MetricConfig | None = None
    test_config: dict[str, Any] | None = None


class _Metric(msgspec.Struct, frozen=True):
    """A metric of either format: the old one has ``metric`` and ``result``, the new one ``config`` and ``value``."""

    metric_name: str = ""
    config: dict[str, Any] = {}
    value: Any = None
    metric: str = ""
    result: dict[str, Any] = {}


class _Report(msgspec.Struct, frozen=True):
    metrics: list[_Metric] | None = None
    tests: list[_Test] | None = None


@source(NAME, verify=bearer)
def parse(body: bytes, headers: Mapping[str, str], received_at: datetime) -> list[Event]:
    try:
        sentence = json.loads(body)  # it writes NaN, which is no JSON
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error) or type(error).__name__) from error
    about, document = opened(sentence, "report", headers, received_at)
    report = converted(document, _Report)
    if report.metrics is None and report.tests is None:
        raise Malformed("a report has metrics or tests, and this has neither")
    checks = list(_checks(report))
    if len(checks) > MAX_CHECKS:
        raise Malformed(f"at most {MAX_CHECKS} checks are taken at once")
    return [alert_of(NAME, about, check) for check in checks]


def _checks(report: _Report) -> Iterator[Check]:
    """Its tests, and of its drift metrics those that no test looks at."""
    for test in report.tests or []:
        if test.status in _FAILED or test.status == _PASSED:
            yield _old_test(test) if test.metric_config is None else _new_test(test, test.metric_config)
    if not report.tests:
        for metric in report.metrics or []:
            yield from _drifts(metric)


def _severity_of(test: _Test) -> Severity | None:
    return Severity.INFO if test.status == "WARNING" else None  # its word for a test that is not critical


def _new_test(test: _Test, config: _MetricConfig) -> Check:
    kind, feature = _kind_of(config.params)
    identity = json.dumps([config.params, test.id, test.test_config], sort_keys=True)
    return Check(kind, identity, test.status != _PASSED, _sentence(test), feature, _severity_of(test))


def _kind_of(params: Mapping[str, Any]) -> tuple[FindingKind, str]:
    """What a metric measures, and of which feature."""
    name, column = str(params.get("type", "")).rpartition(":")[2], params.get("column")
    feature = column if isinstance(column, str) else ""
    if name == "ValueDrift" and feature:
        return FindingKind.DRIFT, feature
    if "drift" in name.lower():
        return FindingKind.MULTIVARIATE, ""
    if name.lower().removesuffix("bylabel").removeprefix("dummy") in _OF_PERFORMANCE:
        return FindingKind.PERFORMANCE, ""
    return FindingKind.QUALITY, feature


def _old_test(test: _Test) -> Check:
    column = test.parameters.get("column_name")
    feature = column if isinstance(column, str) else ""
    if test.group in _OLD_PERFORMANCE:
        kind = FindingKind.PERFORMANCE
    elif test.group == "data_drift":
        kind = FindingKind.DRIFT if feature else FindingKind.MULTIVARIATE
    else:
        kind = FindingKind.QUALITY
    return Check(kind, f"{test.name}/{feature}", test.status != _PASSED, _sentence(test), feature, _severity_of(test))


def _sentence(test: _Test) -> str:
    return test.description.replace("**", "") or test.name


def _drifts(metric: _Metric) -> Iterator[Check]:
    """A metric of drift as a check; nothing for any other."""
    if isinstance(columns := metric.result.get("drift_by_columns"), dict):
        yield from (_old_drift(str(name), drift) for name, drift in columns.items() if isinstance(drift, dict))
        return
    kind, feature = _kind_of(metric.config)
    method, threshold, value = (metric.config.get("method"), metric.config.get("threshold"), metric.value)
    if kind is FindingKind.DRIFT and isinstance(method, str) and _is_number(threshold) and _is_number(value):
        drifted = value <= threshold if "p_value" in method else value >= threshold
        sentence = f"{feature}: {method} is {value:.4g}, the threshold {threshold:g}"
        yield Check(kind, method, drifted, sentence, feature)


def _old_drift(feature: str, drift: Mapping[str, Any]) -> Check:
    method, score, threshold = (drift.get(key) for key in ("stattest_name", "drift_score", "stattest_threshold"))
    sentence = f"{feature}: {method} is {score}, the threshold {threshold}"
    return Check(FindingKind.DRIFT, str(method), drift.get("drift_detected") is True, sentence, feature)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
