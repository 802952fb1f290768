"""The programs that are measured: each a process of its own on a new folder, with what it is sent and what it takes."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil  # type: ignore[import-untyped]

from tests.acceptance import harness
from tests.benchmarks import intake
from tests.benchmarks.ask.program import running

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
_ALERTS = "/api/v2/alerts"
_IN_API = ("labels", "annotations", "startsAt", "generatorURL")


@dataclass(frozen=True)
class Program:
    """A program under an address. ``path`` takes what ``body`` makes of alerts."""

    name: str
    pid: int
    url: str
    path: str
    body: Callable[[Sequence[Mapping[str, Any]]], bytes]
    session: aiohttp.ClientSession

    async def deliver(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        await self.post(self.body(alerts))

    async def post(self, body: bytes) -> None:
        async with self.session.post(self.url + self.path, data=body) as answer:
            if answer.status >= 300:
                raise RuntimeError(f"{self.name} answers with {answer.status}: {await answer.text()}")

    async def read(self, path: str) -> bytes:
        async with self.session.get(self.url + path) as answer:
            return await answer.read()

    async def drained(self) -> None:
        """Return when everything that was taken in is in incidents."""
        while self.name == "tandem" and json.loads(await self.read("/readyz")).get("inbox_lag", 0):
            await asyncio.sleep(0.05)

    @property
    def cpu(self) -> float:
        """Seconds of processor time of the process and of its children."""
        return float(sum(sum(one.cpu_times()[:2]) for one in self._tree()))

    @property
    def resident(self) -> float:
        """MB."""
        return float(sum(one.memory_info().rss for one in self._tree()) / 2**20)

    def _tree(self) -> list[psutil.Process]:
        process = psutil.Process(self.pid)
        return [process, *process.children(recursive=True)]


def alert(number: int, cluster: str, service: str) -> dict[str, Any]:
    fingerprint = f"{cluster}-{service}-{number}"
    return harness.alert(service=service, cluster=cluster, instance=f"i{number}") | {"fingerprint": fingerprint}


def _as_webhook(alerts: Sequence[Mapping[str, Any]]) -> bytes:
    return json.dumps(harness.delivery(*alerts, groupKey='{}:{alertname="HighLatency"}')).encode()


def _as_api(alerts: Sequence[Mapping[str, Any]]) -> bytes:
    return json.dumps([{key: one[key] for key in _IN_API} for one in alerts]).encode()


@contextmanager
def _new_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tandem-outside-") as name:
        yield Path(name)


@asynccontextmanager
async def tandem(environment: Mapping[str, str] | None = None) -> AsyncIterator[Program]:
    """A new installation with default settings."""
    with _new_folder() as folder:
        async with running(folder, environment or {}, {}) as run:
            yield Program("tandem", run.process.pid, run.url, "/webhooks/alertmanager", _as_webhook, run.session)


@asynccontextmanager
async def alertmanager() -> AsyncIterator[Program]:
    """Alertmanager, which tells nobody. Raises RuntimeError where it is not installed."""
    with _new_folder() as folder, intake.alertmanager(folder / "am") as run:
        if run is None:
            raise RuntimeError("Alertmanager is not installed")
        url, path = run.url.removesuffix(_ALERTS), _ALERTS
        async with aiohttp.ClientSession(headers=run.headers, trust_env=True) as session:
            yield Program("alertmanager", run.process.pid, url, path, _as_api, session)
