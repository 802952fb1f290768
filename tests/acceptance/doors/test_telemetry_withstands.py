"""Telemetry that is too much, too odd or too long: the bot stays up, bounded, and finds what it found before."""

import asyncio
import base64
import contextlib
import json
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random

import aiohttp
import psutil  # type: ignore[import-untyped]

from bot.domain.event import Event, LogsEvent, SamplesEvent, Series, decode_events
from tests.acceptance.harness import CHANNEL, TOKEN, Tandem, running, until
from tests.acceptance.wire import AUTHENTIC, get, send
from tests.benchmarks.telemetry.senders import Body, Sender, headers_of, packed, send_rounds

MOST_SERIES = 2000
CONFIG = {
    "slack": {"channel": f"#{CHANNEL}"},
    "metrics": {
        "watch": {"shop": {"match": ["__name__=~latency_seconds|load|orders_total"], "by": ["service"]}},
        "most_series": MOST_SERIES,
    },
    "logs": {"watch": {"shop": {"match": ["service=shop"]}}},
}
PODS = 10
HISTORY = 1200
BOMB = 30_000
MOST_GROWTH = 300 * 2**20
"""Learning 30,000 series would take 480 MB; bytes."""
LONGEST_LINE = 8192


class Pods:
    """Pods of a service with one sample a minute, up to twenty minutes ago; a minute passes with each :meth:`go_on`."""

    def __init__(self, sender: Sender) -> None:
        self._sender, self._random = sender, Random(1)
        self.at = time.time() - 60 * (HISTORY + 20)

    async def go_on(self, minutes: int, level: float = 0.2) -> None:
        times = [self.at + 60 * minute for minute in range(1, minutes + 1)]
        await self._sender.send(packed([(_pod(pod), self._samples(times, level)) for pod in range(PODS)]), 0)
        self.at = times[-1]

    async def learn(self) -> None:
        for _ in range(HISTORY // 100):
            await self.go_on(100)

    def _samples(self, times: Sequence[float], level: float) -> list[tuple[float, float]]:
        return [(at, self._random.gauss(level, 0.01)) for at in times]


def _pod(pod: int) -> dict[str, str]:
    return {"__name__": "latency_seconds", "pod": f"checkout-{pod}", "service": "checkout"}


@contextlib.asynccontextmanager
async def _sending(tandem: Tandem) -> AsyncIterator[Sender]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield Sender(session, tandem.url, TOKEN)


async def test_thirty_thousand_new_series_at_once_are_bounded_and_said_and_the_known_are_still_watched(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, CONFIG) as tandem, _sending(tandem) as sender:
        pods = Pods(sender)
        await pods.learn()
        await _worked_through(tandem)
        before = _resident(tandem)
        for first in range(0, BOMB, 1000):
            labels = [
                {"__name__": "load", "service": f"bomb-{i % 50}", "request": f"{i:032x}"}
                for i in range(first, first + 1000)
            ]
            await sender.send(packed([(one, [(time.time(), 1.0)]) for one in labels]), len(labels))
        await _worked_through(tandem)
        assert await _counted(tandem, "tandem_metric_series_watched") == MOST_SERIES
        assert await _counted(tandem, "tandem_metric_series_refused_total") == BOMB + PODS - MOST_SERIES
        assert "metrics.too_many_series" in tandem.log.read_text()
        assert _resident(tandem) - before < MOST_GROWTH
        await pods.go_on(2, level=0.8)
        await tandem.message("MetricAnomaly", "checkout", seconds=20)


async def test_a_kill_under_load_loses_nothing_that_was_acknowledged_and_pages_nobody(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as tandem, _sending(tandem) as sender:
        pods = Pods(sender)
        await pods.learn()
        deadline = time.monotonic() + 4
        labels = [{"__name__": "load", "service": f"load-{i % 10}", "pod": f"pod-{i}"} for i in range(500)]
        bodies = [Body(labels[first : first + 250], 250) for first in (0, 250)]
        async with asyncio.TaskGroup() as tasks:
            for body in bodies:
                goes_on = send_rounds(
                    sender, [body], time.time() - 86_400, 15, lambda: bool(time.monotonic() < deadline), lambda: True
                )
                tasks.create_task(goes_on)
            await asyncio.sleep(1)
            await tandem.kill()
            killed_at, again = sender.accepted, sender.again
            await tandem.start()
        assert sender.again > again
        assert sender.accepted > killed_at > 0
        await _worked_through(tandem)
        kept = sum(len(one.times) for one in _series(tandem) if one.labels["__name__"] == "load")
        assert kept >= sender.accepted
        assert await _counted(tandem, "tandem_metric_series_watched") == PODS + len(labels)
        assert await tandem.incidents() == []
        await pods.go_on(2, level=0.8)
        await tandem.message("MetricAnomaly", "checkout", "9 other measurements are unusual too", seconds=20)


async def test_samples_that_are_no_numbers_or_in_no_order_break_nothing_and_page_nobody(tmp_path: Path) -> None:
    async with running(tmp_path, CONFIG) as tandem, _sending(tandem) as sender:
        pods = Pods(sender)
        await pods.learn()
        orders = Orders(sender)
        await orders.go_on(HISTORY)
        now = pods.at
        for value in (float("nan"), float("inf"), float("-inf")):
            await sender.send(packed([(_pod(0), [(now + 1, value)])]), 0)
        for ago in (60, 3600, 60, 0, 0, 120):
            await sender.send(packed([(_pod(1), [(now - ago, 5.0)])]), 0)
        orders.total = 0.0
        await orders.go_on(10)
        future = await send(
            f"{tandem.url}/api/v1/write", packed([(_pod(2), [(time.time() + 10**7, 5.0)])]), headers_of(TOKEN)
        )
        assert future.status == 400
        await pods.go_on(5)
        await _worked_through(tandem)
        left_out = 'tandem_telemetry_left_out_total{door="remote_write",reason="%s"}'
        assert await _counted(tandem, left_out % "not_finite") == 3
        assert await _counted(tandem, left_out % "out_of_bounds") == 1
        assert await _counted(tandem, "tandem_entries_set_aside_total") == 0
        assert await tandem.incidents() == []
        await pods.go_on(2, level=0.8)
        await tandem.message("MetricAnomaly", "checkout", seconds=20)


class Orders:
    """A counter that grows by about 100 a minute."""

    def __init__(self, sender: Sender) -> None:
        self._sender, self._random = sender, Random(2)
        self.at, self.total = time.time() - 60 * (HISTORY + 20), 0.0

    async def go_on(self, minutes: int) -> None:
        samples = []
        for _ in range(minutes):
            self.at += 60
            self.total += self._random.gauss(100, 5)
            samples.append((self.at, self.total))
        await self._sender.send(packed([({"__name__": "orders_total", "service": "shop"}, samples)]), 0)


async def test_log_lines_of_a_megabyte_and_binary_ones_are_cut_and_cleaned_or_refused_with_a_word(
    tmp_path: Path,
) -> None:
    binary, too_long = (base64.b64encode(bytes(range(256)) * times).decode() for times in (128, 4096))
    bodies = (
        {"stringValue": "x" * 2**20},
        {"stringValue": "\u0000\u0007\u001b[31m" * 50_000},
        {"bytesValue": binary},
        {"stringValue": "the shelf is empty"},
    )
    async with running(tmp_path, CONFIG) as tandem:
        headers = {**AUTHENTIC, "Content-Type": "application/json"}
        answer = await send(f"{tandem.url}/v1/logs", _records(*bodies, {"bytesValue": too_long}), headers)
        assert (answer.status, answer.json["partialSuccess"]["rejectedLogRecords"]) == (200, "1")
        await _worked_through(tandem)
        [delivery] = [event for event in _events(tandem) if isinstance(event, LogsEvent)]
        assert len(delivery.lines) == len(bodies)
        assert all(len(line.text) <= LONGEST_LINE and line.text.isprintable() for line in delivery.lines)
        assert delivery.lines[-1].text == "the shelf is empty"
        assert await _counted(tandem, "tandem_entries_set_aside_total") == 0
        assert await _counted(tandem, "tandem_log_groups_watched") == 1
        assert await tandem.incidents() == []


def _records(*bodies: dict[str, str]) -> bytes:
    now = str(time.time_ns())
    records = [{"timeUnixNano": now, "severityText": "ERROR", "body": body} for body in bodies]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}).encode()


async def _worked_through(tandem: Tandem) -> None:
    async def nothing_waits() -> bool:
        return await _counted(tandem, "tandem_inbox_lag_entries") == 0

    await until(nothing_waits, "the inbox is worked through", 30)


async def _counted(tandem: Tandem, metric: str) -> float:
    found = re.search(rf"^{re.escape(metric)} (\S+)$", (await get(f"{tandem.url}/metrics")).text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _events(tandem: Tandem) -> list[Event]:
    """What is in the inbox, read from its file."""
    with contextlib.closing(sqlite3.connect(tandem.folder / "tandem.inbox.db", timeout=10)) as connection:
        payloads = connection.execute("SELECT payload FROM inbox ORDER BY seq").fetchall()
    return [event for (payload,) in payloads for event in decode_events(payload)]


def _series(tandem: Tandem) -> list[Series]:
    return [series for event in _events(tandem) if isinstance(event, SamplesEvent) for series in event.series]


def _resident(tandem: Tandem) -> int:
    """Bytes of memory that the bot has."""
    assert tandem.process is not None
    return int(psutil.Process(tandem.process.pid).memory_info().rss)
