"""OTLP metrics as the series which Prometheus would have of them.

Names say what is a counter: ``_total``, ``_count``, ``_sum`` and ``_bucket`` count on for ever, as Prometheus's do. A
sum of delta temporality has no ``_total``: its values are those of each interval. A histogram of delta temporality
becomes ``_observations`` and ``_mean``, of each interval.

https://opentelemetry.io/docs/specs/otlp/ and
https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#otlp-metric-points-to-prometheus
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from bot.domain.event import bounded
from handlers.telemetry.attributes import labels_of
from handlers.telemetry.gathering import (
    MOST_REMEMBERED,
    Gathering,
    InvalidPart,
    Kept,
    LeftOut,
    Watching,
    check_number,
    check_size,
)
from handlers.telemetry.naming import bound_text, metric_name
from handlers.telemetry.pieces import pieces
from handlers.telemetry.resources import Place, Places

_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK

_SPINE = (frozenset({1}), frozenset({2}), frozenset({2}), frozenset({5, 7, 9, 10, 11}), frozenset({1}))
"""Resources, scopes, metrics, a metric's data of each kind, data points."""

Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint


class Reading(NamedTuple):
    """One value of a point: its series' name, the label that it has beside the point's, and the value."""

    name: str
    extra: tuple[str, str] | None
    value: float


SeriesDecision = Callable[[Place, tuple[bytes, ...], str, tuple[str, str] | None], Kept | None]
"""From a place, a point's attributes as they came, a name and one more label to what is kept. Raises InvalidPart."""


def series_decision(watching: Watching) -> SeriesDecision:
    """Remembers what it has decided."""

    @lru_cache(maxsize=MOST_REMEMBERED)
    def decide(place: Place, attributes: tuple[bytes, ...], name: str, extra: tuple[str, str] | None) -> Kept | None:
        own = labels_of(KeyValue.FromString(one) for one in attributes)
        also = dict([extra] if extra else [])
        return watching.series({**place.labels, **own, **place.identity, **also, "__name__": name})

    return decide


def cut_metrics(body: bytes) -> Iterator[bytes]:
    """A request in small ones. Raises Malformed, Unreadable."""
    return pieces(body, _SPINE)


def gather_metrics(
    requests: Iterable[ExportMetricsServiceRequest], received_at: datetime, places: Places, decide: SeriesDecision
) -> Gathering:
    """What a delivery comes to, which is there in parts. Raises Unreadable."""
    gathering = Gathering(received_at)
    for request in requests:
        _gather_part(gathering, request, places, decide)
    return gathering


def _gather_part(
    gathering: Gathering, request: ExportMetricsServiceRequest, places: Places, decide: SeriesDecision
) -> None:
    for of_resource in request.resource_metrics:
        gathering.count(1)
        place = _place(of_resource.resource, places)
        for scope in of_resource.scope_metrics:
            gathering.count(1 + len(scope.metrics))
            for metric in scope.metrics:
                for point, readings in _points(metric):
                    _gather_point(gathering, point, readings, place, decide)


def _place(resource: Resource, places: Places) -> Place | InvalidPart:
    try:
        return places.of(resource)
    except InvalidPart as error:
        return error


def _gather_point(
    gathering: Gathering, point: Point, readings: Iterator[Reading], place: Place | InvalidPart, decide: SeriesDecision
) -> None:
    gathering.count(1)
    if point.flags & _NO_VALUE:
        gathering.left_out[LeftOut.NOT_FINITE] += 1
        return
    time = point.time_unix_nano // 1_000_000
    if not gathering.in_bounds(time):
        gathering.reject(1, LeftOut.OUT_OF_BOUNDS, "a data point has no time, or one in the future")
        return
    try:
        if isinstance(place, InvalidPart):
            raise place
        check_number(len(point.attributes))
        attributes = tuple([attribute.SerializeToString(deterministic=True) for attribute in point.attributes])
        check_size(sum(map(len, attributes)))
        decided = []
        for name, extra, value in readings:
            gathering.count(1)
            decided.append((decide(place, attributes, name, extra), value))
    except InvalidPart as error:
        gathering.reject(1, LeftOut.INVALID, str(error))
        return
    for kept, value in decided:
        if kept is None:
            gathering.unwatched(1)
        else:
            gathering.samples(kept, [(time, value)])


def _points(metric: Metric) -> Iterator[tuple[Point, Iterator[Reading]]]:
    """The points of a metric and what is read of each."""
    kind, sent_name, unit = metric.WhichOneof("data"), bounded(metric.name), bounded(metric.unit)
    plain = metric_name(sent_name, unit, counter=False, gauge=kind == "gauge")
    match kind:
        case "gauge":
            yield from ((point, _number(plain, point)) for point in metric.gauge.data_points)
        case "sum":
            counter = metric.sum.is_monotonic and metric.sum.aggregation_temporality != _DELTA
            name = metric_name(sent_name, unit, counter=True, gauge=False) if counter else plain
            name = name if counter else name.removesuffix("_total")
            yield from ((point, _number(name, point)) for point in metric.sum.data_points)
        case "histogram":
            read = _interval if metric.histogram.aggregation_temporality == _DELTA else _histogram
            yield from ((point, read(plain, point)) for point in metric.histogram.data_points)
        case "exponential_histogram":
            exponential = metric.exponential_histogram
            read_exponential = _interval if exponential.aggregation_temporality == _DELTA else _counted
            yield from ((point, read_exponential(plain, point)) for point in exponential.data_points)
        case "summary":
            yield from ((point, _summary(plain, point)) for point in metric.summary.data_points)


def _number(name: str, point: NumberDataPoint) -> Iterator[Reading]:
    match point.WhichOneof("value"):
        case "as_double":
            yield Reading(name, None, point.as_double)
        case "as_int":
            yield Reading(name, None, float(point.as_int))
        case _:
            raise InvalidPart(f"a data point of {name[:60]} has no value of a known kind")


def _counted(name: str, point: HistogramDataPoint | ExponentialHistogramDataPoint) -> Iterator[Reading]:
    yield Reading(f"{name}_count", None, float(point.count))
    if point.HasField("sum"):
        yield Reading(f"{name}_sum", None, point.sum)


def _interval(name: str, point: HistogramDataPoint | ExponentialHistogramDataPoint) -> Iterator[Reading]:
    yield Reading(f"{name}_observations", None, float(point.count))
    if point.count and point.HasField("sum"):
        yield Reading(f"{name}_mean", None, point.sum / point.count)


def _histogram(name: str, point: HistogramDataPoint) -> Iterator[Reading]:
    yield from _counted(name, point)
    counts, bounds = point.bucket_counts, point.explicit_bounds
    if counts and len(counts) != len(bounds) + 1:
        raise InvalidPart(f"{name[:60]} has {len(bounds)} bounds for {len(counts)} buckets")
    for bound, count in zip(bounds, accumulate(counts), strict=False):
        yield Reading(f"{name}_bucket", ("le", bound_text(bound)), float(count))
    yield Reading(f"{name}_bucket", ("le", "+Inf"), float(point.count))


def _summary(name: str, point: SummaryDataPoint) -> Iterator[Reading]:
    yield Reading(f"{name}_count", None, float(point.count))
    yield Reading(f"{name}_sum", None, point.sum)
    for one in point.quantile_values:
        yield Reading(name, ("quantile", bound_text(one.quantile)), one.value)
