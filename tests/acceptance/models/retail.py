"""The retail case with real tools around the demo's stage: what Prometheus alerts on, and what Tandem may do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web

from bot.demo import processes
from bot.demo.features import DATASET, GOOD, MODEL
from bot.demo.stage import Stage, Stats
from tests.acceptance.harness import ON_CALL, TOKEN, Tandem
from tests.acceptance.mlflow_server import MlflowServer
from tests.acceptance.prometheus import Exporter

SCALE_OUT, ROLL_BACK = "Scale out the forecast pool", "Roll the weather features back"
ALERTS = {"HighForecastLatency", "ForecastQueueBacklog", "ForecastPoolCPUStarved", "DemandForecastAccuracyDrop"}
CHAMPION = "champion"
_CLUSTER = {"cluster": "shop-eu"}
_LOOK_SECONDS = 0.2


def _rule(name: str, broken: str, summary: str, **labels: str) -> dict[str, Any]:
    """Judged by means over two seconds, so that on a busy machine a scrape that comes too late changes nothing.

    The bounds lie far from what a starved worker makes (1 s, 0.7) and from what a whole pool makes beside other work.
    """
    metric, _, bound = broken.partition(" ")
    return {
        "alert": name,
        "expr": f"avg_over_time({metric}[2s]) {bound}",
        "for": "1s",
        "keep_firing_for": "1s",
        "labels": labels | _CLUSTER,
        "annotations": {"summary": summary},
    }


RULES = {
    "groups": [
        {
            "name": "retail",
            "rules": [
                _rule(
                    "HighForecastLatency",
                    "forecast_latency_p95_seconds > 0.8",
                    "Forecasts are answered in {{ $value | humanizeDuration }}",
                    service="forecast-api",
                    severity="critical",
                ),
                _rule(
                    "ForecastQueueBacklog",
                    "forecast_queue_depth > 5",
                    "{{ $value | humanize }} forecast jobs wait for a free worker",
                    service="forecast-api",
                    severity="warning",
                ),
                _rule(
                    "ForecastPoolCPUStarved",
                    "forecast_pool_cpu_contention_ratio > 0.5",
                    "The workers wait for a CPU for {{ $value | humanizePercentage }} of their time",
                    service="forecast-pool",
                    severity="critical",
                ),
                _rule(
                    "DemandForecastAccuracyDrop",
                    "demand_forecast_accuracy_ratio < 0.85",
                    "The demand forecast is right to {{ $value | humanizePercentage }}",
                    service=MODEL,
                    severity="warning",
                ),
            ],
        }
    ]
}


class StageExporter(Exporter):
    """What the stage's service measures, as Prometheus reads it. It looks by itself, so that a scrape never waits."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage
        self._latest: Stats | None = None

    async def __aenter__(self) -> Self:
        self._looks = asyncio.create_task(self._look())
        return await super().__aenter__()

    async def __aexit__(self, *exc: object) -> None:
        await super().__aexit__(*exc)
        self._looks.cancel()
        with suppress(asyncio.CancelledError):
            await self._looks

    async def _look(self) -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                self._latest = await self._stage.stats()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _metrics(self, request: web.Request) -> web.Response:
        stats = self._latest
        if stats is None:
            return web.Response(status=503)
        lines = [
            f"forecast_latency_p95_seconds {stats.p95_ms / 1000}",
            f"forecast_queue_depth {stats.queue_depth}",
            f"forecast_pool_workers {stats.workers}",
            f"forecast_pool_cpu_contention_ratio {stats.contention}",
            f"demand_forecast_accuracy_ratio {stats.accuracy}",
        ]
        return web.Response(text="\n".join(lines) + "\n")


@asynccontextmanager
async def staged(folder: Path, tandem: Tandem) -> AsyncIterator[Stage]:
    """The forecast service and its pool under supervisord, without the demo's own checker: Prometheus watches here."""
    nobody = "http://127.0.0.1:9/"
    async with Stage(folder, nobody, TOKEN, tandem.url) as stage:
        assert await exit_code(processes.control(folder, "stop", "checker")) == 0
        yield stage


async def exit_code(argv: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.DEVNULL)
    return await process.wait()


def config(folder: Path, mlflow: MlflowServer | None) -> dict[str, Any]:
    """What an owner would write: the topology, the model's monitor, a remedy for each kind of cause."""
    scale_out, scale_in = (
        _command(processes.control(folder, *words))
        for words in (["start", "forecast:*"], ["stop", *processes.extra_workers()])
    )
    back = [_command(processes.release(folder, GOOD))]
    if mlflow:
        back.append({"mlflow": {"url": mlflow.url, "model": MODEL, "alias": CHAMPION, "before": 2, "instead_of": 2}})
    monitor = {"kind": "drift", "window": {"rows": 400}}
    return {
        "services": {"forecast-api": {"depends_on": ["forecast-pool"]}, "forecast-pool": {}, DATASET: {}},
        "models": {MODEL: {"served_by": "forecast-api", "reads": [DATASET], "monitors": [monitor]}},
        "runbooks": {
            "scale-forecast-pool": _book(
                SCALE_OUT, {"service": "forecast-pool", "cause": "resource"}, [scale_out], rollback=[scale_in]
            ),
            "roll-back-features": _book(ROLL_BACK, {"cause": "data"}, back),
        },
    }


def _command(argv: list[str]) -> dict[str, Any]:
    return {"command": {"argv": argv, "timeout": "60s", "repeatable": True}}


def _book(title: str, when: dict[str, str], steps: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    approval, verify = {"approvers": [ON_CALL]}, {"within": "3m"}
    return {"title": title, "when": when, "steps": steps, "verify": verify, "approval": approval, **fields}
