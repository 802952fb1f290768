"""What is sent beside metrics: log lines of some services by OTLP, and predictions of a model as Parquet."""

import io
import time
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.benchmarks.telemetry.held import Kind

LINES = 500
ROWS = 500
FEATURES = 10
SERVICES = 20
MODEL = "benchmark"
_TEMPLATES = (
    "GET /api/orders/{n} took {m} ms",
    "connection from 10.0.{a}.{b} closed after {m} ms",
    "cache miss for key order:{n}",
    "payment {n} of user {m} accepted",
    "retrying request {n} to inventory, attempt {a}",
    "ERROR: timeout of {m} ms exceeded while calling shipping for {n}",
)
LOGS: dict[str, Any] = {"logs": {"watch": {"load": {"match": ["service=~svc-.*"]}}}}
MODELS: dict[str, Any] = {
    "models": {
        MODEL: {
            "features": {f"f{n}": "numeric" for n in range(FEATURES)},
            "monitors": [{"kind": "drift", "window": {"rows": 5000}}],
        }
    }
}


def lines() -> Kind:
    """Each delivery has lines of one service, from a few templates."""
    return Kind("/v1/logs", "application/x-protobuf", _lines, LINES, 40)


def rows() -> Kind:
    return Kind(f"/models/{MODEL}/predictions", "application/vnd.apache.parquet", _predictions, ROWS, 20)


def reference() -> bytes:
    return _packed(np.random.default_rng(0), 20_000, {})


def _lines(number: int) -> bytes:
    random, request = Random(number), ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    attribute = resource.resource.attributes.add(key="service.name")
    attribute.value.string_value = f"svc-{number % SERVICES}"
    scope, now = resource.scope_logs.add(), time.time_ns()
    for place in range(LINES):
        text = random.choice(_TEMPLATES).format(
            n=random.randrange(10**6), m=random.randrange(5000), a=random.randrange(250), b=random.randrange(250)
        )
        record = scope.log_records.add(time_unix_nano=now + place)
        record.severity_text = "ERROR" if text.startswith("ERROR") else "INFO"
        record.body.string_value = text
    return request.SerializeToString()


def _predictions(number: int) -> bytes:
    return _packed(np.random.default_rng(number), ROWS, {"id": [f"{number}-{row}" for row in range(ROWS)]})


def _packed(random: np.random.Generator, count: int, more: dict[str, Any]) -> bytes:
    columns = {f"f{n}": random.normal(size=count) for n in range(FEATURES)}
    packed = io.BytesIO()
    pq.write_table(pa.table({**more, **columns, "prediction": random.normal(size=count)}), packed)
    return packed.getvalue()
