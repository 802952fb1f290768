"""What KServe's inference logger sends, as its documentation and source show it."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import AlertEvent, RowsEvent, RowsKind, decode_events, encode_events
from handlers.sources.registry import Malformed
from handlers.webhooks.cloudevents import parse

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADERS = {
    "ce-specversion": "1.0",
    "ce-source": "http://localhost:9081/",
    "ce-id": "689b15e7-84a1-4e89-9805-20809efc216d",
    "ce-time": "2026-03-01T07:39:53.505997782Z",
    "ce-inferenceservicename": "sklearn-iris",
    "ce-namespace": "default",
    "ce-component": "predictor",
    "ce-endpoint": "",
    "ce-metadata": "{}",
    "content-type": "application/json",
}
ID = HEADERS["ce-id"]


def logged(kind: str, body: bytes, **headers: str) -> list[Any]:
    named = {f"ce-{name}": value for name, value in headers.items()}
    return [*parse(body, {**HEADERS, "ce-type": f"org.kubeflow.serving.inference.{kind}", **named}, NOW)]


def rows(kind: str, body: bytes, **headers: str) -> list[dict[str, Any]]:
    [event] = logged(kind, body, **headers)
    assert isinstance(event, RowsEvent)
    [kept] = decode_events(encode_events([event]))  # as the inbox gives it back
    assert isinstance(kept, RowsEvent)
    found: list[dict[str, Any]] = msgspec.json.decode(bytes(kept.inline))
    assert kept.rows == len(found)
    return [{name: value for name, value in row.items() if name != "timestamp"} for row in found]


def test_a_request_of_protocol_v1_is_rows_of_features_by_position() -> None:
    body = b'{"instances": [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]}'
    assert rows("request", body) == [
        {"id": f"{ID}/0", "features": {"0": 6.8, "1": 2.8, "2": 4.8, "3": 1.4}},
        {"id": f"{ID}/1", "features": {"0": 6.0, "1": 3.4, "2": 4.5, "3": 1.6}},
    ]
    [event] = logged("request", body)
    assert (event.model, event.holds, event.labels) == ("sklearn-iris", RowsKind.PREDICTIONS, {"namespace": "default"})
    assert event.first_at == datetime(2026, 3, 1, 7, 39, 53, 505997, UTC)


def test_a_response_of_protocol_v1_has_the_ids_of_its_request() -> None:
    assert rows("response", b'{"predictions": [1, 0]}') == [
        {"id": f"{ID}/0", "prediction": 1},
        {"id": f"{ID}/1", "prediction": 0},
    ]
    assert rows("response", b'{"predictions": ["cat"]}') == [{"id": ID, "prediction": "cat"}]


def test_named_instances_keep_their_names() -> None:
    body = b'{"instances": [{"price": 3.5, "shop": "a", "picture": [[1]]}]}'
    assert rows("request", body) == [{"id": ID, "features": {"price": 3.5, "shop": "a"}}]


def test_the_chances_of_all_classes_are_the_class_and_its_score() -> None:
    body = b'{"predictions": [[0.9, 0.1], [0.2, 0.1, 0.7]]}'
    assert rows("response", body) == [
        {"id": f"{ID}/0", "prediction": 0, "score": 0.1},
        {"id": f"{ID}/1", "prediction": 2, "score": 0.7},
    ]


@pytest.mark.parametrize("data", [b"[6.8, 2.8, 6.0, 3.4]", b"[[6.8, 2.8], [6.0, 3.4]]"])
def test_one_tensor_of_protocol_v2_is_rows_of_features_by_position(data: bytes) -> None:
    body = b'{"inputs": [{"name": "input-0", "shape": [2, 2], "datatype": "FP32", "data": ' + data + b"}]}"
    assert [row["features"] for row in rows("request", body)] == [{"0": 6.8, "1": 2.8}, {"0": 6.0, "1": 3.4}]


def test_several_tensors_of_protocol_v2_are_features_by_name() -> None:
    body = b"""{"inputs": [
        {"name": "price", "shape": [2, 1], "datatype": "FP64", "data": [1.5, 2.5]},
        {"name": "shop", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]},
        {"name": "week", "shape": [2, 2], "datatype": "INT64", "data": [1, 2, 3, 4]}]}"""
    assert [row["features"] for row in rows("request", body)] == [
        {"price": 1.5, "shop": "a", "week_0": 1, "week_1": 2},
        {"price": 2.5, "shop": "b", "week_0": 3, "week_1": 4},
    ]


def test_a_response_of_protocol_v2_says_prediction_score_and_version() -> None:
    body = b"""{"model_name": "sklearn-iris", "model_version": "v1.0.0", "id": "x", "outputs": [
        {"name": "predict", "shape": [2], "datatype": "INT64", "data": [1, 0]},
        {"name": "predict_proba", "shape": [2, 2], "datatype": "FP64", "data": [0.1, 0.9, 0.8, 0.2]}]}"""
    assert rows("response", body) == [
        {"id": f"{ID}/0", "prediction": 1, "score": 0.9, "version": "v1.0.0"},
        {"id": f"{ID}/1", "prediction": 0, "score": 0.2, "version": "v1.0.0"},
    ]
    assert logged("response", body)[0].version == "v1.0.0"


def test_a_body_that_curl_sent_without_saying_json_is_read_all_the_same() -> None:
    found = parse(
        b'{"instances": [[1]]}',
        {
            **HEADERS,
            "ce-type": "org.kubeflow.serving.inference.request",
            "content-type": "application/x-www-form-urlencoded",
        },
        NOW,
    )
    assert isinstance(next(iter(found)), RowsEvent)


def test_what_a_transformer_or_explainer_was_asked_is_told_by_the_predictor() -> None:
    assert logged("request", b'{"instances": [[1]]}', component="transformer") == []
    assert logged("request", b'{"instances": []}') == []


def test_other_events_of_the_same_sender_stay_alerts() -> None:
    headers = {**HEADERS, "ce-type": "org.example.other"}
    assert isinstance(next(iter(parse(b"{}", headers, NOW))), AlertEvent)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{}", "neither instances nor inputs"),
        (b"[]", "Expected `object`"),
        (b'{"instances": 7}', "instances"),
        (b'{"inputs": [{"name": "a", "shape": [3], "data": [1]}]}', "has 1 values"),
        (b'{"inputs": [{"name": "a", "shape": [1000000000, 0], "data": []}]}', "its shape is"),
        (b'{"inputs": [{"name": "a", "shape": [-1, -1], "data": [1]}]}', "its shape is"),
        (
            b'{"inputs": [{"name": "a", "shape": [2], "data": [1, 2]}, {"name": "b", "shape": [1], "data": [1]}]}',
            "rows",
        ),
    ],
)
def test_a_body_of_another_form_is_refused_with_what_is_missing(body: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        logged("request", body)


def test_a_request_without_its_model_is_refused() -> None:
    with pytest.raises(Malformed, match="inferenceservicename"):
        logged("request", b'{"instances": [[1]]}', inferenceservicename=" ")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(
    st.sampled_from(["request", "response"]), st.sampled_from(["instances", "predictions", "inputs", "outputs"]), JSON
)
def test_no_body_breaks_the_door(kind: str, key: str, value: Any) -> None:
    with suppress(Malformed):
        for event in logged(kind, msgspec.json.encode({key: value})):
            assert decode_events(encode_events([event]))
