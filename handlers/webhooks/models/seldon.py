"""The drift and outlier detectors of Seldon Core and KServe: alibi-detect's answers as CloudEvents.

https://docs.seldon.ai/seldon-core-1/tutorials/notebooks/drift_cifar10
https://docs.seldon.io/projects/alibi-detect/en/stable/overview/getting_started.html

Drift is an alert that its next batch without drift resolves. Of outliers only the last batch is known: an alert that
the next batch without any resolves. The model is the inference service that the request was for.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from cloudevents.core.base import BaseCloudEvent

from bot.domain.event import AlertEvent
from bot.domain.severity import Severity
from bot.domain.watched.finding import FindingKind
from handlers.sources.clean import clean
from handlers.sources.lenient import converted
from handlers.sources.model_findings import About, Check, alert_of
from handlers.sources.registry import Malformed

_DRIFT = ".serving.inference.drift"
_OUTLIER = ".serving.inference.outlier"
_MODEL = ("inferenceservicename", "modelid")
_MOST_NAMED = 5

Flag = bool | int


class _Data(msgspec.Struct, frozen=True):
    is_drift: Flag | None = None
    is_outlier: Flag | list[Any] | None = None
    p_val: Any = None
    distance: Any = None
    threshold: Any = None


class _Meta(msgspec.Struct, frozen=True):
    name: str = "detector"


class _Answer(msgspec.Struct, frozen=True):
    data: _Data
    meta: _Meta = _Meta()


def is_seldon(event_type: str) -> bool:
    """``io.seldon…`` and ``org.kubeflow.serving.inference.drift``, and the same for outliers."""
    return event_type.endswith((_DRIFT, _OUTLIER)) and event_type.startswith(("io.seldon.", "org.kubeflow."))


def from_seldon(event: BaseCloudEvent, data: Any, at: datetime, where: str) -> AlertEvent:
    """The alert of a detector's answer. Raises Malformed where it is none."""
    try:
        answer = converted(data, _Answer)
    except Malformed as error:
        raise Malformed(f"{where}.data: {error}") from error
    drift = str(event.get_type()).endswith(_DRIFT)
    finding = answer.data.is_drift if drift else answer.data.is_outlier
    if finding is None:
        raise Malformed(f"{where}.data.data: neither is_drift nor is_outlier says how the check ended")
    check = _drift(answer) if drift else _outliers(answer)
    return alert_of(
        "cloudevents", About(_model_of(event), _labels_of(event), at, ""), check._replace(name=event.get_source())
    )


def _model_of(event: BaseCloudEvent) -> str:
    given = [event.get_extension(name) for name in _MODEL]
    named = [name for name in given if isinstance(name, str) and name]
    return clean(named[0] if named else event.get_subject() or event.get_source())


def _labels_of(event: BaseCloudEvent) -> dict[str, str]:
    namespace = event.get_extension("namespace")
    return {"namespace": clean(namespace)} if isinstance(namespace, str) and namespace else {}


def _drift(answer: _Answer) -> Check:
    """With the features that moved where p-values are told by name; a detector of single features lists them so."""
    data, moved = answer.data, _below(answer.data.p_val, answer.data.threshold)
    kind = FindingKind.DRIFT if isinstance(data.p_val, Mapping | list) else FindingKind.MULTIVARIATE
    words = "sees drift" if data.is_drift else "sees no drift"
    named = f" in {', '.join(moved[:_MOST_NAMED])}" if moved and data.is_drift else ""
    return Check(kind, "", bool(data.is_drift), f"{answer.meta.name} {words}{named}")


def _below(p_values: Any, threshold: Any) -> list[str]:
    """The names whose p-value is below the threshold, the smallest first."""
    if not isinstance(p_values, Mapping) or not isinstance(threshold, int | float):
        return []
    known = [(p, str(name)) for name, p in p_values.items() if isinstance(p, int | float) and p < threshold]
    return [name for _, name in sorted(known)]


def _outliers(answer: _Answer) -> Check:
    flags = answer.data.is_outlier if isinstance(answer.data.is_outlier, list) else [answer.data.is_outlier]
    found = sum(1 for flag in flags if flag)
    finding = f"{answer.meta.name} finds {found} of {len(flags)} rows to be outliers"
    return Check(FindingKind.QUALITY, "", found > 0, finding, severity=Severity.INFO)
