"""What a large company costs: memory, and a reload of its configuration: a part of ``tests.benchmarks.people``."""

import asyncio
import os
import random
import re
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.harness import Tandem, alert
from tests.benchmarks.people.routes import ROUTES, TEAMS, route
from tests.benchmarks.people.slack import Elsewhere, workspace

ALERTS, INCIDENTS = 100_000, 2_000
_A_DELIVERY = 500
_PATIENCE = 1200.0


def company() -> Mapping[str, float]:
    """1,000 teams with a channel each, 5,000 routes and 100,000 active alerts in the real program."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measured(Path(folder)))


async def _measured(folder: Path) -> Mapping[str, float]:
    async with workspace([f"team-{n}" for n in range(TEAMS)]) as url, aiohttp.ClientSession() as session:
        tandem = Tandem(folder, Elsewhere(url), _config(), forked=False)  # type: ignore[arg-type]
        began = time.monotonic()
        await tandem.start()
        started = time.monotonic() - began
        try:
            empty = _memory_mb(tandem)
            await _fill(tandem, session)
            filled = _memory_mb(tandem)
            reloaded = await _reloaded(tandem, session)
            return {
                "teams": TEAMS,
                "routes": ROUTES,
                "active_alerts": ALERTS,
                "start_seconds": round(started, 1),
                "memory_mb_at_start": round(empty),
                "memory_mb": round(filled),
                "memory_mb_after_reload": round(_memory_mb(tandem)),
                "reload_seconds": round(reloaded, 1),
            }
        finally:
            await tandem.kill()


def _config(more: int = 0) -> Mapping[str, Any]:
    random_ = random.Random(16)
    teams = {f"team-{n}": {"services": [f"service-{n}", f"t{n}-*"]} for n in range(TEAMS + more)}
    routes = [route(place, random_) for place in range(ROUTES)]
    return {"correlation": {"partition_by": ["cluster"]}, "teams": teams, "routes": routes}


async def _fill(tandem: Tandem, session: aiohttp.ClientSession) -> None:
    """Until all have been worked through."""
    each = ALERTS // INCIDENTS
    alerts = [
        alert(service=f"service-{n % TEAMS}", team=f"team-{n % TEAMS}", cluster=f"c{n}", instance=f"i{i}", env="prod")
        for n in range(INCIDENTS)
        for i in range(each)
    ]
    for begin in range(0, ALERTS, _A_DELIVERY):
        while await tandem.deliver(*alerts[begin : begin + _A_DELIVERY]) != 202:
            await asyncio.sleep(1)
    await _until(tandem, session, "tandem_events_processed_total", ALERTS)


async def _reloaded(tandem: Tandem, session: aiohttp.ClientSession) -> float:
    """Seconds from the signal until the new configuration holds."""
    tandem.configure(_config(more=1))
    assert tandem.process is not None
    began = time.monotonic()
    tandem.process.send_signal(signal.SIGHUP)
    await _until(tandem, session, 'tandem_config_reloads_total{result="taken"}', 1)
    return time.monotonic() - began


async def _until(tandem: Tandem, session: aiohttp.ClientSession, metric: str, least: float) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        async with session.get(f"{tandem.url}/metrics") as answer:
            found = re.search(rf"^{re.escape(metric)} (\S+)$", await answer.text(), re.MULTILINE)
        if found and float(found[1]) >= least:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{metric} is not {least} after {_PATIENCE:g} s")


def _memory_mb(tandem: Tandem) -> float:
    assert tandem.process is not None
    pages = int(Path(f"/proc/{tandem.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
