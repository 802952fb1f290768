"""What two services' requests cost comes by remote write; the alert is on one of them, the cause is the other.

Not from a Prometheus: it writes nothing from before its own start, and an hour must have passed.
"""

import time
from pathlib import Path
from random import Random

import aiohttp
import cramjam

from handlers.telemetry.remote_write_pb2 import Label, Sample, TimeSeries, WriteRequest
from tests.acceptance.harness import CHANNEL, Tandem, alert, running
from tests.acceptance.tools.test_metric_anomalies import HEADERS

CONFIG = {
    "slack": {"channel": f"#{CHANNEL}"},
    "services": {"web": {"depends_on": ["db"]}},
    "metrics": {"watch": {"calls": {"match": ["__name__=~rpc_duration_seconds.*"]}}},
}
MINUTES, SLOW = 60, 4


class Calls:
    """Counters of two services that serve 100 requests a minute; in the last minutes the database is slow."""

    def __init__(self) -> None:
        self.random, self.began = Random(1), time.time() - 60 * MINUTES
        self.requests, self.seconds = 0.0, {"web": 0.0, "db": 0.0}

    def minute(self, minute: int) -> WriteRequest:
        slow = 1.0 if minute > MINUTES - SLOW else 0.0
        self.requests += 100
        self.seconds["db"] += 100 * (0.08 + slow) * self.random.gauss(1, 0.02)
        self.seconds["web"] += 100 * (0.2 + slow) * self.random.gauss(1, 0.02)
        at = round((self.began + 60 * minute) * 1000)
        series = [_series("rpc_duration_seconds_count", service, self.requests, at) for service in self.seconds]
        series += [_series("rpc_duration_seconds_sum", service, said, at) for service, said in self.seconds.items()]
        return WriteRequest(timeseries=series)


def _series(name: str, service: str, value: float, at: int) -> TimeSeries:
    labels = {"__name__": name, "service": service}
    given = [Label(name=name, value=said).SerializeToString() for name, said in labels.items()]
    return TimeSeries(labels=given, samples=[Sample(timestamp=at, value=value)])


async def _write(tandem: Tandem, request: WriteRequest) -> None:
    body = bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{tandem.url}/api/v1/write", data=body, headers=HEADERS) as answer,
    ):
        assert answer.status == 204, await answer.text()


async def test_a_database_without_an_alert_is_named_by_what_its_requests_cost_also_after_a_kill(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as tandem:
        calls = Calls()
        for minute in range(1, MINUTES + 1):
            await _write(tandem, calls.minute(minute))
        await tandem.kill()
        await tandem.start()
        assert await tandem.deliver(alert(alertname="SlowPages", service="web")) == 202
        await tandem.message(
            "A failing dependency, db is the likely cause", "mean latency of db rose from 8", seconds=20
        )
        [incident] = await tandem.incidents()
        assert [(cause["service"], cause["kind"]) for cause in incident["causes"]] == [("db", "dependency")]
