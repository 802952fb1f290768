"""So many alerts a second for as long as it is let: does memory stay, do files, does the time until an answer?

Alerts fire, are told again and are resolved, five a delivery, over 40 services and 8 clusters, so that as many are
active at the end as at the beginning. Each minute a line says what was: alerts a second accepted, CPU, memory, files,
and how long ``/healthz`` took and an alert until its incident was in the API. The real program from outside, on a new
database with default settings; ``--postgresql`` with a server of its own, ``--delay`` away.
"""

import argparse
import asyncio
import json
import math
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]

from tests.acceptance.postgresql_server import NAME, postgresql_server
from tests.acceptance.tcp_proxy import TcpProxy
from tests.benchmarks.ask.program import Program, running
from tests.benchmarks.command import report
from tests.benchmarks.steady.load import A_DELIVERY, Load

MINUTE = 60.0
PROBE_EVERY = 5.0
HEALTH_EVERY = 0.1
PATIENCE = 60.0


class Minute(NamedTuple):
    """What was in one minute, and how much of everything there was at its end."""

    minute: int
    accepted_per_s: float
    refused: int
    waiting: int
    cpu_ms_an_alert: float
    rss_mb: float
    files_mb: float
    log_mb: float
    health_p99_ms: float
    incident_p50_ms: float
    incident_p99_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long it goes on (default: 60)")
    parser.add_argument("--rate", type=float, default=2000.0, help="alerts a second (default: 2000)")
    parser.add_argument("--postgresql", action="store_true", help="on PostgreSQL instead of SQLite")
    parser.add_argument("--delay", type=float, default=0.0, help="milliseconds to PostgreSQL and as many back")
    parser.add_argument("--out", type=Path, help="a folder for the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-steady-") as name:
        minutes = asyncio.run(_measure(Path(name), options))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "steady.json").write_text(json.dumps([one._asdict() for one in minutes], indent=1))
    report(figures(minutes))


async def _measure(folder: Path, options: argparse.Namespace) -> list[Minute]:
    async with _environment(options) as environment, running(folder, environment) as program:
        load = Load(program, options.rate)
        watching = Watching(program, folder, load)
        async with asyncio.timeout(options.minutes * MINUTE + PATIENCE), asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(one) for one in (load.run(), watching.health(), watching.incidents())]
            minutes = [await watching.minute(number) for number in range(1, math.ceil(options.minutes) + 1)]
            for one in work:
                one.cancel()
    return minutes


@asynccontextmanager
async def _environment(options: argparse.Namespace) -> AsyncIterator[dict[str, str]]:
    if not options.postgresql:
        yield {"SLACK_BOT_TOKEN": ""}
        return
    async with postgresql_server() as server, TcpProxy(server.connect_here, options.delay / 1000) as way:
        url = f"postgresql://postgres@127.0.0.1:{way.port}/{NAME}"
        yield {"SLACK_BOT_TOKEN": "", "TANDEM_DATABASE_URL": url, "TANDEM_SEAL_KEY": "a benchmark's seal key"}


class Watching:
    """Looks at the program from outside while it works."""

    def __init__(self, program: Program, folder: Path, load: Load) -> None:
        self._program, self._folder, self._load = program, folder, load
        self._health: list[float] = []
        self._incidents: list[float] = []
        self._process = psutil.Process(program.process.pid)

    async def health(self) -> None:
        while True:
            began = time.perf_counter()
            await self._program.read("/healthz")
            self._health.append(time.perf_counter() - began)
            await asyncio.sleep(HEALTH_EVERY)

    async def incidents(self) -> None:
        """An alert that no other is like, and how long it takes until its incident is in the API."""
        number = 0
        while True:
            number += 1
            began = time.perf_counter()
            service = await self._load.probe(number)
            while not await self._shown(service):
                await asyncio.sleep(0.02)
            self._incidents.append(time.perf_counter() - began)
            await self._load.probe(number, resolved=True)
            await asyncio.sleep(PROBE_EVERY)

    async def _shown(self, service: str) -> bool:
        return service.encode() in await self._program.read("/api/incidents?limit=20&alerts=false")

    async def minute(self, number: int) -> Minute:
        accepted, refused, cpu = self._load.accepted, self._load.refused, self._cpu()
        self._health.clear()
        self._incidents.clear()
        began = time.perf_counter()
        await asyncio.sleep(MINUTE)
        seconds, alerts = time.perf_counter() - began, self._load.accepted - accepted
        found = Minute(
            number,
            round(alerts / seconds, 1),
            self._load.refused - refused,
            await self._program.lag(),
            round((self._cpu() - cpu) / max(alerts, 1) * 1000, 3),
            round(self._program.memory / 2**20, 1),
            round(_size(self._folder, "*") / 2**20, 1),
            round(_size(self._folder, "*-wal") / 2**20, 1),
            round(_quantile(self._health, 0.99) * 1000, 1),
            round(_quantile(self._incidents, 0.5) * 1000, 1),
            round(_quantile(self._incidents, 0.99) * 1000, 1),
        )
        print(json.dumps(found._asdict()), flush=True)
        return found

    def _cpu(self) -> float:
        return float(sum(self._process.cpu_times()[:2]))


def figures(minutes: Sequence[Minute]) -> dict[str, Any]:
    """The last third beside the first, without the first minute, in which it is still filled."""
    settled = minutes[1:] or minutes
    third = max(1, len(settled) // 3)
    first, last = settled[:third], settled[-third:]

    def both(name: str) -> list[float]:
        return [round(statistics.median(getattr(one, name) for one in part), 3) for part in (first, last)]

    apart = max(1, len(settled) - third)
    grown = both("rss_mb")
    alerts = sum(one.accepted_per_s for one in settled) / len(settled) * MINUTE
    files = (minutes[-1].files_mb - minutes[0].files_mb) / max(1, len(minutes) - 1)
    return {
        "minutes": len(minutes),
        "alerts_per_s": round(alerts / MINUTE, 1),
        "a_delivery": A_DELIVERY,
        "refused": sum(one.refused for one in minutes),
        "waiting_at_the_end": minutes[-1].waiting,
        "rss_mb": grown,
        "rss_mb_an_hour": round((grown[1] - grown[0]) / apart * MINUTE, 1),
        "bytes_an_alert": round(files * 2**20 / alerts) if alerts else 0,
        "log_mb_most": max(one.log_mb for one in minutes),
        "cpu_ms_an_alert": both("cpu_ms_an_alert"),
        "health_p99_ms": both("health_p99_ms"),
        "incident_p50_ms": both("incident_p50_ms"),
        "incident_p99_ms": both("incident_p99_ms"),
    }


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else math.nan


def _size(folder: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in folder.glob(pattern) if file.is_file() and file.suffix != ".log")


if __name__ == "__main__":
    main()
