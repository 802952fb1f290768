"""Drift and outlier detectors of Seldon and KServe at the door for CloudEvents."""

import json
from typing import Any

import pytest
from hypothesis import given

from bot.domain.event import AlertEvent
from handlers.sources.registry import Malformed
from handlers.webhooks.cloudevents import parse
from tests.unit.payloads import mutated
from tests.unit.sources.test_alertmanager import assert_storable
from tests.unit.strategies import NOON

Json = dict[str, Any]

# As the detector's server sends them: alibi-detect's answer, and the request's extensions as headers.
HEADERS = {
    "content-type": "application/json",
    "ce-specversion": "1.0",
    "ce-id": "3z1",
    "ce-type": "io.seldon.serving.inference.drift",
    "ce-source": "io.seldon.serving.seldon-seldondeployment-forecast-drift",
    "ce-inferenceservicename": "demand-forecast",
    "ce-namespace": "shop",
    "ce-endpoint": "default",
}
META: Json = {"name": "TabularDrift", "detector_type": "offline", "data_type": None}
DRIFT: Json = {
    "data": {
        "is_drift": 1,
        "distance": {"price": 0.53, "stock": 0.01, "region": 0.3},
        "p_val": {"price": 0.0001, "stock": 0.9, "region": 0.01},
        "threshold": 0.0167,
        "drift_type": "batch",
    },
    "meta": META,
}
OUTLIERS: Json = {"data": {"feature_score": None, "instance_score": None, "is_outlier": [1, 0, 1]}, "meta": META}


def alert(data: Any, **headers: str) -> AlertEvent:
    given = HEADERS | {f"ce-{name}": value for name, value in headers.items()}
    [event] = parse(json.dumps(data).encode(), given, NOON)
    assert isinstance(event, AlertEvent)
    return event


def with_data(answer: Json, **data: Any) -> Json:
    return answer | {"data": answer["data"] | data}


def test_drift_is_an_alert_of_the_model_that_names_the_features_that_moved() -> None:
    made = alert(DRIFT)
    named = {"alertname": "FeatureDrift", "model": "demand-forecast", "service": "demand-forecast"}
    assert made.labels == named | {"namespace": "shop", "severity": "warning"}
    assert made.annotations == {"summary": "TabularDrift sees drift in price, region"}
    assert made.status == "firing"


def test_the_next_batch_without_drift_resolves_it() -> None:
    ended = alert(with_data(DRIFT, is_drift=0), id="3z2")
    assert (ended.status, ended.fingerprint) == ("resolved", alert(DRIFT).fingerprint)
    assert ended.annotations == {"summary": "TabularDrift sees no drift"}


def test_a_detector_of_the_whole_says_so() -> None:
    assert alert(with_data(DRIFT, p_val=0.001, distance=0.2)).labels["alertname"] == "MultivariateDrift"
    assert alert(with_data(DRIFT, p_val=[0.1, 0.2])).labels["alertname"] == "FeatureDrift"


def test_two_detectors_of_one_model_are_two_alerts() -> None:
    assert alert(DRIFT).fingerprint != alert(DRIFT, source="io.seldon.serving.other").fingerprint


def test_outliers_are_told_and_are_no_reason_to_wake_anybody() -> None:
    outlier = "org.kubeflow.serving.inference.outlier"
    made = alert(OUTLIERS, type=outlier)
    assert made.labels["alertname"] == "DataQuality" and made.labels["severity"] == "info"
    assert made.annotations == {"summary": "TabularDrift finds 2 of 3 rows to be outliers"}
    assert alert(with_data(OUTLIERS, is_outlier=[0, 0]), type=outlier).status == "resolved"


def test_data_that_was_encoded_twice_is_read() -> None:
    """Its server gives JSON as a text to a library that writes texts as JSON."""
    assert alert(json.dumps(DRIFT)) == alert(DRIFT)


@pytest.mark.parametrize("data", [{}, [], None, {"data": {}}, OUTLIERS, {"data": {"is_drift": "yes"}}])
def test_what_no_detector_answers_is_malformed(data: Any) -> None:
    with pytest.raises(Malformed, match=r"\$\.data"):
        alert(data)


def test_another_type_stays_what_it_was() -> None:
    assert alert({"service": "checkout"}, type="com.example.drift").labels["alertname"] == "com.example.drift"


@given(mutated(DRIFT))
def test_whatever_a_broken_detector_sends_is_storable_or_malformed(data: Any) -> None:
    try:
        assert_storable([*parse(json.dumps(data).encode(), HEADERS, NOON)])
    except Malformed:
        return
