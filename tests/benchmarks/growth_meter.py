"""What a part of a benchmark used: CPU time, statements, transactions, and the memory of its process.

Each case runs in a process of its own, so that no case finds what another left in memory.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import structlog
from prometheus_client import REGISTRY

from bot.storage.database import Database
from tests.statements import statements_of

Figures = dict[str, float]
Case = Callable[..., Awaitable[Figures]]


@dataclass
class Use:
    """Seconds of CPU in all threads, of CPU of the database's server, and by the clock; statements, transactions."""

    cpu: float = 0.0
    server_cpu: float = 0.0
    wall: float = 0.0
    statements: int = 0
    batches: float = 0.0

    def figures(self, items: int) -> Figures:
        """Of so many alerts."""
        found: Figures = {
            "cpu_us_an_alert": self.cpu / items * 1e6,
            "alerts_per_s": items / self.wall,
            "batches": self.batches,
            "ms_a_batch": self.cpu / max(self.batches, 1) * 1e3,
            "statements_a_batch": self.statements / max(self.batches, 1),
        }
        return found | ({"server_cpu_us_an_alert": self.server_cpu / items * 1e6} if self.server_cpu else {})


@dataclass
class Meter:
    """Counts what is used within ``running``; of several rounds the least CPU counts, for other programs only add."""

    database: Database | None = None
    server: int | None = None
    rounds: list[Use] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        use = Use()
        counted: AbstractContextManager[list[Any]] = nullcontext([])
        if self.database:
            counted = statements_of(self.database)
        with counted as statements:
            batches, served = _batches(), cpu_of_server(self.server)
            began, cpu = time.perf_counter(), time.process_time()
            yield
            use.cpu, use.wall = time.process_time() - cpu, time.perf_counter() - began
            use.batches, use.server_cpu = _batches() - batches, cpu_of_server(self.server) - served
        use.statements = len(statements)
        self.rounds.append(use)

    def least(self) -> Use:
        return min(self.rounds, key=lambda use: use.cpu)


def _batches() -> float:
    return REGISTRY.get_sample_value("tandem_batch_seconds_count") or 0.0


def cpu_of_server(pid: int | None) -> float:
    """CPU seconds of a server and of the processes that it has now; 0 where there is none."""
    if pid is None:
        return 0.0
    server = psutil.Process(pid)
    used = 0.0
    for process in (server, *server.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system
    return used


def memory_mb(name: str = "VmHWM") -> float:
    """What this process held at most, or with ``VmRSS`` holds now, in MB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(f"{name}:"))


def apart(case: Case, *arguments: Any) -> Figures:
    """A case's figures, rounded, with ``memory_mb``, by which its process grew while it ran."""
    own = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=own) as process:
        found = {name: round(value, 2) for name, value in process.submit(_run, case, arguments).result().items()}
    print(f"{case.__name__} {arguments}: {found}", flush=True)
    return found


def _run(case: Case, arguments: Sequence[Any]) -> Figures:
    structlog.configure(processors=[_drop])
    before = memory_mb("VmRSS")
    figures = asyncio.run(_awaited(case, arguments))
    return figures | {"memory_mb": memory_mb() - before}


async def _awaited(case: Case, arguments: Sequence[Any]) -> Figures:
    return await case(*arguments)


def _drop(_logger: object, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent


def with_ratios(cases: dict[str, Figures], by: str) -> dict[str, Figures]:
    """The cases, each with its ratio to the first in what ``by`` names.

    >>> with_ratios({"1": {"cpu": 2.0}, "10": {"cpu": 3.0}}, "cpu")
    {'1': {'cpu': 2.0, 'ratio': 1.0}, '10': {'cpu': 3.0, 'ratio': 1.5}}
    """
    first = next(iter(cases.values()))[by]
    return {name: {**figures, "ratio": round(figures[by] / first, 2)} for name, figures in cases.items()}
