"""A load of metrics on ``tandem run``: the series and points a second that it holds, and how soon it alerts meanwhile.

Several senders write by remote write as fast as the bot works it through: they pause while more than some entries wait
in its inbox. What was acknowledged is counted against what is on disk after ``kill -9``. DIR is not read.
"""

import asyncio
import contextlib
import re
import sqlite3
import statistics
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import aiohttp
import psutil  # type: ignore[import-untyped]

from bot.domain.event import SamplesEvent, decode_events
from tests.acceptance.harness import TOKEN, Tandem, running, until
from tests.benchmarks.telemetry.held import delays_of, looked_at
from tests.benchmarks.telemetry.senders import Body, Sender, packed, send_rounds

SENDERS = 4
GROUPS = 100
A_REQUEST = 500
INTERVAL = 15.0
MOST_BEHIND = 120
"""Entries that may wait before the senders pause: about a second's work."""
UNWATCHED_SHARE = 0.2
CANARIES = 5
CANARY_PODS = 10
CANARY_SAMPLES = 1200
CANARY_INTERVAL = 60.0
DAY = 86_400.0
PATIENCE = 60.0

_Loaded = tuple["Counts", list[float], list[float]]


class Counts(NamedTuple):
    """What the bot says of itself at a moment, and the CPU seconds it has used."""

    at: float
    cpu: float
    kept: float
    unwatched: float
    processed: float
    behind: float
    series: float

    def worked(self) -> float:
        """Points worked through: entries hold much the same number of points each."""
        entries = self.processed + self.behind
        return self.kept * self.processed / entries if entries else 0.0


async def measure(options: Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tandem-telemetry-") as name:
        async with running(Path(name), _config(options.series), forked=False) as tandem, _session() as session:
            sender = Sender(session, tandem.url, TOKEN)
            before = _process_of(tandem).memory_info().rss
            ended_at = await _teach_canaries(sender)
            await _worked_through(tandem)
            start = await _counts(tandem)
            end, delays, slow = await _load(tandem, sender, options, ended_at)
            await _worked_through(tandem)
            drained = await _counts(tandem)
            memory = _process_of(tandem).memory_info().rss - before
            await tandem.kill()
            lost = sender.accepted - _stored(tandem)
    return _figures(start, end, drained, memory, delays, lost) | delays_of(slow)


def _config(series: int) -> dict[str, Any]:
    watch = {"load": {"match": ["__name__=~load|canary"], "by": ["service"]}}
    return {"metrics": {"watch": watch, "most_series": series + CANARIES * CANARY_PODS}}


@contextlib.asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


async def _teach_canaries(sender: Sender) -> float:
    """Let the bot learn a few groups that will be off their course later. Returns the time of their last sample."""
    ended_at = time.time() - 20 * CANARY_INTERVAL
    for canary in range(CANARIES):
        for first in range(CANARY_SAMPLES, 0, -100):
            times = [ended_at - CANARY_INTERVAL * ago for ago in range(first - 1, first - 101, -1)]
            await sender.send(_canary(canary, times, 100.0), CANARY_PODS * len(times))
    return ended_at


def _canary(canary: int, times: Sequence[float], level: float) -> bytes:
    """Samples of a group of pods around a level, with a deviation of a twentieth."""
    random = Random(round(times[0]) + canary)
    series = []
    for pod in range(CANARY_PODS):
        labels = {"__name__": "canary", "service": f"canary-{canary}", "instance": f"pod-{pod}"}
        series.append((labels, [(at, random.gauss(level, level / 20)) for at in times]))
    return packed(series)


async def _load(tandem: Tandem, sender: Sender, options: Namespace, ended_at: float) -> _Loaded:
    """Let the senders work for a while; what was counted then, the canaries' delays and those of ``/healthz``."""
    deadline = time.monotonic() + options.seconds
    behind = 0.0
    slow: list[float] = []

    async def look() -> None:
        nonlocal behind
        while time.monotonic() < deadline:
            behind = (await _counts(tandem)).behind
            slow.extend(await looked_at(tandem.url))

    def goes_on() -> bool:
        return bool(time.monotonic() < deadline)

    async with asyncio.TaskGroup() as tasks:
        shifts = tasks.create_task(_shift_canaries(tandem, sender, ended_at, options.seconds))
        async with asyncio.TaskGroup() as senders:
            senders.create_task(look())
            for bodies in _shares(options.series):
                rounds = send_rounds(sender, bodies, time.time() - DAY, INTERVAL, goes_on, lambda: behind < MOST_BEHIND)
                senders.create_task(rounds)
        end = await _counts(tandem)
    return end, shifts.result(), slow


def _shares(series: int) -> list[list[Body]]:
    """For each sender its deliveries: series of all groups, and the share of series that nobody watches."""
    watched = [{"__name__": "load", "service": f"service-{i % GROUPS}", "instance": f"pod-{i}"} for i in range(series)]
    others = [{**labels, "__name__": "unwatched"} for labels in watched[: round(series * UNWATCHED_SHARE)]]
    other = max(1, round(A_REQUEST * UNWATCHED_SHARE))
    bodies = []
    for i in range(0, series, A_REQUEST):
        mine = watched[i : i + A_REQUEST]
        bodies.append(Body(mine + others[i // A_REQUEST * other :][:other], len(mine)))
    return [bodies[i::SENDERS] for i in range(SENDERS)]


async def _shift_canaries(tandem: Tandem, sender: Sender, ended_at: float, seconds: float) -> list[float]:
    """Shift the level of one after the other; the seconds from its sending to its alert in the API."""
    delays = []
    for canary in range(CANARIES):
        await asyncio.sleep(seconds / (CANARIES + 1))
        began = time.monotonic()
        await sender.send(_canary(canary, [ended_at + CANARY_INTERVAL], 200.0), CANARY_PODS)

        async def told(service: str = f"canary-{canary}") -> bool:
            alerts = [alert for incident in await tandem.incidents() for alert in incident["alerts"]]
            return any(alert["labels"].get("service") == service for alert in alerts)

        await until(told, f"the bot alerts for canary {canary}", PATIENCE)
        delays.append(time.monotonic() - began)
    return delays


def _figures(
    start: Counts, end: Counts, drained: Counts, memory: int, delays: list[float], lost: int
) -> dict[str, Any]:
    seconds = end.at - start.at
    return {
        "series": drained.series,
        "seconds": round(seconds, 1),
        "points_per_s": round((end.kept - start.kept) / seconds, 1),
        "worked_points_per_s": round((end.worked() - start.worked()) / seconds, 1),
        "cpu_us_each": round((drained.cpu - start.cpu) / (drained.kept - start.kept) * 1e6, 1),
        "unwatched_per_s": round((end.unwatched - start.unwatched) / seconds, 1),
        "entries_behind": end.behind,
        "mb_per_10000_series": round(memory / 2**20 * 10_000 / drained.series, 1),
        "alert_after_s": round(statistics.median(delays), 2),
        "alert_after_s_worst": round(max(delays), 2),
        "lost": lost,
    }


async def _worked_through(tandem: Tandem) -> None:
    async def nothing_waits() -> bool:
        return (await _counts(tandem)).behind == 0

    await until(nothing_waits, "the inbox is worked through", PATIENCE)


async def _counts(tandem: Tandem) -> Counts:
    async with aiohttp.ClientSession() as session, session.get(f"{tandem.url}/metrics") as answer:
        text = await answer.text()
    names = (
        'tandem_telemetry_kept_total{door="remote_write"}',
        'tandem_telemetry_left_out_total{door="remote_write",reason="unwatched"}',
        "tandem_events_processed_total",
        "tandem_inbox_lag_entries",
        "tandem_metric_series_watched",
    )
    found = (re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE) for name in names)
    cpu = sum(_process_of(tandem).cpu_times()[:2])
    return Counts(time.monotonic(), cpu, *(float(one[1]) if one else 0.0 for one in found))


def _process_of(tandem: Tandem) -> psutil.Process:
    assert tandem.process is not None
    return psutil.Process(tandem.process.pid)


def _stored(tandem: Tandem) -> int:
    """Samples that are in the inbox, read from its file."""
    with contextlib.closing(sqlite3.connect(tandem.folder / "tandem.inbox.db")) as connection:
        payloads = connection.execute("SELECT payload FROM inbox")
        events = (event for (payload,) in payloads for event in decode_events(payload))
        return sum(len(one.times) for event in events if isinstance(event, SamplesEvent) for one in event.series)
