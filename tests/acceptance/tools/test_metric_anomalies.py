"""Metrics without alert rules: what goes wrong is told once, through a kill, and until it is over."""

import time
from pathlib import Path
from random import Random

import aiohttp
import cramjam

from handlers.telemetry.remote_write_pb2 import Label, Sample, TimeSeries, WriteRequest
from tests.acceptance.harness import CHANNEL, TOKEN, Tandem, running, until

CONFIG = {
    "slack": {"channel": f"#{CHANNEL}"},
    "metrics": {"watch": {"latency": {"match": ["__name__=latency_seconds"], "by": ["service"]}}},
}
HISTORY = 1200
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


class Pods:
    """Three pods of a service, a sample each every minute, as many minutes ago as one says."""

    def __init__(self, tandem: Tandem) -> None:
        self.tandem, self.random, self.now = tandem, Random(1), time.time()

    async def write(self, first: int, last: int, level: float = 0.2) -> None:
        series = []
        for pod in range(3):
            labels = {"__name__": "latency_seconds", "pod": f"checkout-{pod}", "service": "checkout"}
            samples = [
                Sample(timestamp=round((self.now - 60 * ago) * 1000), value=self.random.gauss(level, 0.01))
                for ago in range(first, last - 1, -1)
            ]
            given = [Label(name=name, value=value).SerializeToString() for name, value in sorted(labels.items())]
            series.append(TimeSeries(labels=given, samples=samples))
        body = bytes(cramjam.snappy.compress_raw(WriteRequest(timeseries=series).SerializeToString()))
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.tandem.url}/api/v1/write", data=body, headers=HEADERS) as answer,
        ):
            assert answer.status == 204, await answer.text()


async def test_pods_that_become_slow_are_one_message_that_outlives_a_kill_and_says_when_it_is_over(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, CONFIG) as tandem:
        pods = Pods(tandem)
        for ago in range(HISTORY, 20, -10):
            await pods.write(ago, ago - 9)
        await pods.write(19, 18, level=0.8)
        await tandem.message("MetricAnomaly", "checkout", seconds=20)
        [incident] = await tandem.incidents()
        [alert] = incident["alerts"]
        assert (alert["source"], alert["labels"]["service"]) == ("tandem", "checkout")
        assert alert["annotations"]["summary"].startswith("checkout answers in ")
        assert alert["annotations"]["summary"].endswith("; 2 other measurements are unusual too")
        await tandem.kill()
        await tandem.start()
        await pods.write(17, 16, level=0.8)
        await pods.write(15, 0)

        async def is_over() -> bool:
            return [one["status"] for one in await tandem.incidents()] == ["resolved"]

        await until(is_over, "the only incident is resolved", 20)
        assert len(tandem.slack.messages(CHANNEL)) == 1
