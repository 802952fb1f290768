"""KServe's inference logger: a model's requests and answers, as two CloudEvents of one id.

https://kserve.github.io/website/docs/model-serving/predictive-inference/logger/basic-logger and ``pkg/logger`` of
kserve/kserve. Bodies are of the prediction protocol V1 (``instances``, ``predictions``) or V2 (``inputs``,
``outputs``): https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol

The rows of both become predictions of the model that is named like the inference service. A row's id is the event's,
with ``/0``, ``/1`` … where a request asked for several. Instances without names have their features named by position:
the pipeline gives them the names of ``features`` in tandem.yaml, where these are as many.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from cloudevents.core.base import BaseCloudEvent

from bot.domain.event import RowsEvent, RowsKind
from bot.domain.watched.rows import PredictionRow, Scalar
from handlers.sources.clean import clean
from handlers.sources.registry import Malformed

SOURCE = "kserve"
REQUEST = "org.kubeflow.serving.inference.request"
RESPONSE = "org.kubeflow.serving.inference.response"
MOST_FEATURES = 2000
"""An instance with more numbers is an image or a text, of which no feature is watched by itself."""
_LABELS = ("namespace", "endpoint")
_CHANCES = "proba"


class _Tensor(msgspec.Struct, frozen=True):
    name: str
    shape: list[int]
    data: list[Any]

    def by_row(self) -> list[list[Scalar]]:
        """Raises Malformed where the data is not as the shape says."""
        flat = _flat(self.data)
        if min(self.shape, default=1) < 1 or len(flat) != math.prod(self.shape):
            raise Malformed(f"{clean(self.name[:60])!r} has {len(flat)} values, its shape is {self.shape[:8]}")
        width = math.prod(self.shape[1:])
        return [flat[at : at + width] for at in range(0, len(flat), width)]


class _Request(msgspec.Struct, frozen=True):
    instances: list[Any] | None = None
    inputs: list[_Tensor] | None = None


class _Response(msgspec.Struct, frozen=True):
    predictions: list[Any] | None = None
    outputs: list[_Tensor] | None = None
    model_version: str | None = None


def is_inference(event_type: str) -> bool:
    return event_type in (REQUEST, RESPONSE)


def rows_of(event: BaseCloudEvent, data: Any, at: datetime, where: str) -> Sequence[RowsEvent]:
    """The rows of a logged request or response; none of a transformer or explainer, which says no more.

    Raises Malformed.
    """
    model = _extension(event, "inferenceservicename")
    if not model:
        raise Malformed(f"{where}: the extension inferenceservicename, which names the model, is missing")
    if _extension(event, "component") not in ("", "predictor"):
        return []
    try:
        rows = _requested(msgspec.convert(data, _Request)) if event.get_type() == REQUEST else _answered(data)
    except (msgspec.ValidationError, Malformed, RecursionError) as error:
        raise Malformed(f"{where}.data: {error}") from error
    names = [event.get_id()] if len(rows) == 1 else [f"{event.get_id()}/{place}" for place in range(len(rows))]
    named = [PredictionRow(id=clean(name), timestamp=at, **row) for name, row in zip(names, rows, strict=True)]
    if not named:
        return []
    return [
        RowsEvent(
            source=SOURCE,
            model=model,
            holds=RowsKind.PREDICTIONS,
            digest="",
            rows=len(named),
            labels={name: shown for name in _LABELS if (shown := _extension(event, name))},
            version=named[0].version or "",
            first_at=at,
            last_at=at,
            inline=msgspec.Raw(msgspec.json.encode(named)),
        )
    ]


def _requested(request: _Request) -> list[dict[str, Any]]:
    if request.instances is not None:
        return [{"features": _features(instance)} for instance in request.instances]
    if request.inputs:
        return [{"features": features} for features in _features_of_tensors(request.inputs)]
    raise Malformed("neither instances nor inputs are there")


def _features(instance: Any) -> dict[str, Scalar]:
    """An instance's features: by name, or by position; what is nested is none."""
    named = instance if isinstance(instance, dict) else dict(enumerate(_listed(instance)))
    if len(named) > MOST_FEATURES:
        return {}
    return {clean(str(name)): _cleaned(value) for name, value in named.items() if _is_scalar(value)}


def _features_of_tensors(tensors: Sequence[_Tensor]) -> list[dict[str, Scalar]]:
    by_row = {tensor.name: tensor.by_row() for tensor in tensors}
    if len({len(rows) for rows in by_row.values()}) > 1:
        raise Malformed("the inputs have different numbers of rows")
    features: list[dict[str, Scalar]] = [{} for _ in by_row[tensors[0].name]]
    for name, rows in by_row.items():
        for at, values in enumerate(rows):
            features[at] |= _named(name, values, alone=len(by_row) == 1)
    return features


def _named(name: str, values: Sequence[Scalar], alone: bool) -> dict[str, Scalar]:
    """One value has its tensor's name; several are told apart by their positions."""
    if len(values) > MOST_FEATURES:
        return {}
    if len(values) == 1:
        return {clean(name): _cleaned(values[0])}
    return {clean(str(at) if alone else f"{name}_{at}"): _cleaned(value) for at, value in enumerate(values)}


def _answered(data: Any) -> list[dict[str, Any]]:
    response = msgspec.convert(data, _Response)
    if response.predictions is not None:
        return [_row(prediction) for prediction in response.predictions]
    if not response.outputs:
        raise Malformed("neither predictions nor outputs are there")
    chances = [tensor for tensor in response.outputs if _CHANCES in tensor.name]
    shown = [tensor for tensor in response.outputs if tensor not in chances] or chances
    rows = [_row(values) for values in shown[0].by_row()]
    for tensor in chances:
        rows = [{**_row(values), **row} for row, values in zip(rows, tensor.by_row(), strict=False)]
    version = clean(response.model_version) if response.model_version else None
    return [{**row, "version": version} for row in rows]


def _row(prediction: Any) -> dict[str, Any]:
    """A prediction, or the class and its score where the chances of all classes are given."""
    values = _listed(prediction)
    if len(values) == 1:
        return {"prediction": _cleaned(values[0])} if _is_scalar(values[0]) else {}
    if not values or not all(isinstance(value, int | float) for value in values):
        return {}
    best = max(range(len(values)), key=values.__getitem__)
    return {"prediction": best, "score": float(values[1] if len(values) == 2 else values[best])}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if isinstance(value, Mapping) else [value]


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _cleaned(value: Scalar) -> Scalar:
    return clean(value) if isinstance(value, str) else value


def _flat(data: Any) -> list[Any]:
    return [one for part in data for one in _flat(part)] if isinstance(data, list) else [data]


def _extension(event: BaseCloudEvent, name: str) -> str:
    value = event.get_extension(name)
    return clean(value).strip() if isinstance(value, str) else ""
