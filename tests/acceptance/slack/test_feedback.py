"""From metrics to a chart in the thread, to “Not useful”, to ``/incident noise``, with the real program."""

import json
import time
from pathlib import Path
from random import Random
from typing import Any

from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, running, until

WATCH = {"metrics": {"watch": {"latency": {"match": ["__name__=latency_seconds"], "by": ["service"]}}}}
LEARNT = 500


def _samples(points: list[tuple[float, float]]) -> dict[str, Any]:
    """A gauge in OTLP's JSON. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding"""
    attributes = [{"key": "service", "value": {"stringValue": "checkout"}}]
    told = [{"timeUnixNano": str(int(at * 1e9)), "asDouble": value, "attributes": attributes} for at, value in points]
    metrics = [{"name": "latency_seconds", "gauge": {"dataPoints": told}}]
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}


async def _shift(tandem: Tandem) -> None:
    """Hours in which all is well, and ten minutes in which it is not."""
    random, begin = Random(1), time.time() - LEARNT * 60
    levels = [100.0] * (LEARNT - 10) + [160.0] * 10
    points = [(begin + n * 60, random.gauss(level, 1)) for n, level in enumerate(levels)]
    for start in range(0, LEARNT, 10):
        status, _ = await tandem.post("/v1/metrics", _samples(points[start : start + 10]))
        assert status == 200


async def test_an_anomaly_has_its_chart_and_can_be_called_not_useful(tmp_path: Path) -> None:
    async with running(tmp_path, WATCH) as tandem:
        await _shift(tandem)
        message = await tandem.message("MetricAnomaly", "Not useful", seconds=30)

        async def charted() -> bool:
            return any(reply.get("files") for reply in tandem.slack.replies(CHANNEL, message["ts"]))

        await until(charted, "the chart is in the thread", 30)
        [file] = [file for reply in tandem.slack.replies(CHANNEL, message["ts"]) for file in reply.get("files", [])]
        assert "outside what was expected" in file["alt_txt"]
        await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "alert.not_useful")

        async def said() -> bool:
            thread = json.dumps(tandem.slack.replies(CHANNEL, message["ts"]))
            return "latency service=checkout will alert half as often, one false alarm in 14d instead of 7d" in thread

        await until(said, "the thread says what the click did", 30)
        await tandem.slack.command(ON_CALL, CHANNEL, "/incident", "noise")

        async def answered() -> bool:
            return any("2 times as rarely" in one["text"] for one in tandem.slack.ephemerals(ON_CALL))

        await until(answered, "the noise is listed", 30)
