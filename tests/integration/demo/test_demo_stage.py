"""The stage of the demo: what happens on it is real, is told as Alertmanager tells it, and leaves nothing behind."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from bot.demo.processes import POOL
from bot.demo.stage import Stage, StageError
from bot.demo.tools import FOR, Stats, tools

TOKEN = "a-token-of-the-stage"
ALERTS = {"HighForecastLatency", "ForecastQueueBacklog", "ForecastPoolCPUStarved", "DemandForecastAccuracyDrop"}
GOOD: Stats = {"p95_ms": 20.0, "queue_depth": 0, "contention": 0.0, "accuracy": 0.97}
BAD: Stats = {"p95_ms": 1000.0, "queue_depth": 13, "contention": 0.8, "accuracy": 0.7}
NOW = datetime(2026, 3, 1, tzinfo=UTC)
STORYTELLER = """
import asyncio, sys
from pathlib import Path
from bot.demo.stage import Stage

async def main():
    async with Stage(Path(sys.argv[1]), "http://127.0.0.1:9/", "token") as stage:
        await stage.start_hog()
        print("playing", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@dataclass
class Webhook:
    """Receives deliveries, refuses the first of each receiver, and remembers how each alert stands."""

    deliveries: list[dict[str, Any]] = field(default_factory=list)
    standing: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    url: str = ""

    async def receive(self, request: web.Request) -> web.Response:
        delivery = await request.json()
        self.tokens.add(request.headers.get("Authorization", ""))
        if delivery["receiver"] not in self.refused:
            self.refused.add(delivery["receiver"])
            return web.json_response({}, status=503)
        async with self.changed:
            self.deliveries.append(delivery)
            self.standing |= {alert["labels"]["alertname"]: alert["status"] for alert in delivery["alerts"]}
            self.changed.notify_all()
        return web.json_response({"accepted": len(delivery["alerts"])}, status=202)

    async def until_all_are(self, status: str, seconds: float) -> None:
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(lambda: self.standing == dict.fromkeys(ALERTS, status))


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    hook, app = Webhook(), web.Application()
    app.router.add_post("/webhooks/alertmanager", hook.receive)
    async with TestServer(app) as server:
        hook.url = str(server.make_url("/webhooks/alertmanager"))
        yield hook


@pytest.fixture
async def stage(tmp_path: Path, webhook: Webhook) -> AsyncIterator[Stage]:
    async with Stage(tmp_path / "a stage %d", webhook.url, TOKEN) as stage:
        yield stage


async def until(seconds: float, holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.1)


async def run(argv: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.DEVNULL)
    return await process.wait()


async def test_the_noisy_neighbour_fires_every_alert_and_scaling_out_resolves_them_though_it_stays(
    stage: Stage, webhook: Webhook
) -> None:
    calm = await stage.stats()
    await stage.start_hog()
    await webhook.until_all_are("firing", 30)
    starved = await stage.stats()
    assert starved.workers == 1
    assert starved.p95_ms > max(500, calm.p95_ms)
    assert starved.accuracy < 0.9 < calm.accuracy
    assert starved.contention > 0.5
    assert await run(stage.scale_out_argv) == 0
    await webhook.until_all_are("resolved", 40)
    recovered = await stage.stats()
    assert recovered.workers > 1
    assert recovered.accuracy > 0.9
    assert recovered.p95_ms < 500
    assert webhook.tokens == {f"Bearer {TOKEN}"}
    assert {delivery["receiver"] for delivery in webhook.deliveries} == {"latency", "queue", "model-quality"}
    assert len({delivery["groupKey"] for delivery in webhook.deliveries}) == 3


async def test_scaling_out_and_in_may_be_repeated(stage: Stage) -> None:
    async def whole_pool() -> bool:
        return (await stage.stats()).workers == POOL

    async def one_worker() -> bool:
        return (await stage.stats()).workers == 1

    for _ in range(2):
        assert await run(stage.scale_out_argv) == 0
        await until(10, whole_pool)
    for _ in range(2):
        assert await run(stage.scale_in_argv) == 0
        await until(10, one_worker)


async def test_a_hog_that_is_stopped_lets_the_single_worker_recover(stage: Stage, webhook: Webhook) -> None:
    await stage.start_hog()
    await webhook.until_all_are("firing", 30)
    await stage.stop_hog()
    await webhook.until_all_are("resolved", 40)
    assert (await stage.stats()).workers == 1


@pytest.mark.usefixtures("stage")
def test_the_token_is_on_no_command_line_and_in_no_file(tmp_path: Path) -> None:
    processes = psutil.Process().children(recursive=True)
    assert not any(TOKEN in argument for process in processes for argument in process.cmdline())
    assert not any(TOKEN in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    "victim, number",
    [("storyteller", signal.SIGKILL), ("storyteller", signal.SIGINT), ("supervisor", signal.SIGKILL)],
    ids=["kill -9", "ctrl-c", "kill -9 of the supervisor"],
)
async def test_no_process_is_left_behind(tmp_path: Path, victim: str, number: signal.Signals) -> None:
    teller = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STORYTELLER, str(tmp_path), stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    processes: list[psutil.Process] = []
    try:
        assert teller.stdout is not None
        assert await asyncio.wait_for(teller.stdout.readline(), 30) == b"playing\n"
        processes = psutil.Process(teller.pid).children(recursive=True)
        assert len(processes) >= 6
        if victim == "supervisor":
            psutil.Process(teller.pid).children()[0].send_signal(number)
        elif number is signal.SIGINT:
            os.killpg(teller.pid, number)  # a terminal's Ctrl-C reaches the whole group
        else:
            teller.send_signal(number)
        _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=15)
        assert alive == []
    finally:
        for process in [*processes, psutil.Process(teller.pid)] if teller.returncode is None else processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await teller.wait()


async def test_a_stage_that_cannot_start_says_why_and_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "supervisord.log").mkdir()
    before = psutil.Process().children(recursive=True)  # servers that the tests share
    with pytest.raises(StageError, match="supervisord ended"):
        async with Stage(tmp_path, "http://127.0.0.1:9/", TOKEN):
            pass
    assert psutil.Process().children(recursive=True) == before


async def test_a_folder_too_deep_for_a_socket_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="too long"):
        async with Stage(tmp_path / ("x" * 100), "http://127.0.0.1:9/", TOKEN):
            pass


def test_a_short_disturbance_fires_nothing() -> None:
    for tool in tools():
        tool.check(BAD, NOW)
        tool.check(GOOD, NOW + FOR / 2)
        tool.check(BAD, NOW + FOR)
        assert not tool.due(NOW + FOR)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_whatever_deliveries_fail_the_receiver_comes_to_know_how_every_alert_stands(
    seconds: list[tuple[bool, bool]],
) -> None:
    """Each second the service is well or not, and a delivery that is due succeeds or not; in the end all succeed."""
    watched, known, now = tools(), dict.fromkeys(ALERTS, "resolved"), NOW
    ending = [(seconds[-1][0] if seconds else True, True)] * 10
    for well, delivered in seconds + ending:
        now += timedelta(seconds=1)
        for tool in watched:
            tool.check(GOOD if well else BAD, now)
            if tool.due(now):
                if delivered:
                    known |= {a["labels"]["alertname"]: a["status"] for a in tool.delivery()["alerts"]}
                tool.record_delivery(delivered, now)
    assert set(known.values()) == {"resolved" if ending[0][0] else "firing"}
