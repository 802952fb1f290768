"""Senders as they are: each alert is sent again, to whichever replica, until one has acknowledged it."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, cycle
from statistics import quantiles

import aiohttp
import psycopg

from bot.domain.event import domain_of, partition_of
from tests.acceptance.harness import TOKEN, alert, delivery

PARTITIONS = 16
ANCHOR = "anchor"
_EVERY = 0.5
_TIMEOUT = aiohttp.ClientTimeout(total=2)
_LATER = (429, 503)
_PAUSE = 0.25


def clusters(number: int, prefix: str) -> list[str]:
    """Names of correlation domains that fall into partitions of their own."""
    found: dict[int, str] = {}
    for i in count():
        name = f"{prefix} {i}"
        found.setdefault(partition_of(domain_of({"cluster": name}, ["cluster"]), PARTITIONS), name)
        if len(found) == number:
            return list(found.values())
    raise AssertionError


@dataclass
class Sent:
    """One alert on its way; moments are ``time.monotonic()``."""

    began: float
    acknowledged: float | None = None
    seen: float | None = None


@dataclass
class Load:
    """What was sent during one phase, by the alerts' instances."""

    phase: str
    sent: dict[str, Sent] = field(default_factory=dict)
    refusals: dict[int, int] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)
    lost: bool = False

    @property
    def acknowledged(self) -> set[str]:
        return {instance for instance, sent in self.sent.items() if sent.acknowledged is not None}

    def figures(self) -> dict[str, float]:
        """Of door and of pipeline: seconds from the first attempt to the 202, and to being in an incident."""
        doors = sorted(s.acknowledged - s.began for s in self.sent.values() if s.acknowledged is not None)
        seen = sorted(s.seen - s.began for s in self.sent.values() if s.seen is not None)
        return {
            "alerts": len(doors),
            "door_p50": _part(doors, 50),
            "door_max": doors[-1],
            "incident_p50": _part(seen, 50),
            "incident_p99": _part(seen, 99),
            "incident_max": seen[-1],
            "delayed_over_2s": sum(second > 2 for second in seen),
            "refused_503": self.refusals.get(503, 0),
        }


def _part(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


@asynccontextmanager
async def steady_load(phase: str, urls: Sequence[str], database: str, domains: Sequence[str]) -> AsyncIterator[Load]:
    """A sender for each correlation domain; on leaving, each brings its last alert home."""
    load = Load(phase)
    stopping = asyncio.Event()
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        senders = [
            asyncio.create_task(
                _send(load, domain, cycle([*urls[i % len(urls) :], *urls[: i % len(urls)]]), session, stopping)
            )
            for i, domain in enumerate(domains)
        ]
        watcher = asyncio.create_task(_watch(load, database))
        try:
            yield load
            stopping.set()
            await asyncio.gather(*senders)
            await _all_seen(load, watcher)
        finally:
            for task in (*senders, watcher):
                task.cancel()
            await asyncio.gather(*senders, watcher, return_exceptions=True)


async def _send(
    load: Load, domain: str, urls: "cycle[str]", session: aiohttp.ClientSession, stopping: asyncio.Event
) -> None:
    """One delivery after the other, each with an alert told again, which counts its turns, and a new one."""
    for turn in count(1):
        common = {"cluster": domain, "service": domain}
        anchor = alert(instance=ANCHOR, **common)
        anchor["annotations"]["turn"] = str(turn)
        instance = f"{domain} {turn}"
        await _deliver(load, instance, delivery(anchor, alert(instance=instance, **common), groupKey=""), urls, session)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _EVERY)
        if stopping.is_set():
            return


async def _deliver(
    load: Load, instance: str, body: dict[str, object], urls: "cycle[str]", session: aiohttp.ClientSession
) -> None:
    sent = load.sent[instance] = Sent(time.monotonic())
    headers = {"Authorization": f"Bearer {TOKEN}"}
    while True:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(f"{next(urls)}/webhooks/alertmanager", json=body, headers=headers) as answer:
                if answer.status == 202:
                    sent.acknowledged = time.monotonic()
                    return
                load.refusals[answer.status] = load.refusals.get(answer.status, 0) + 1
                if answer.status not in _LATER:
                    load.surprises.append(f"{answer.status}: {(await answer.text())[:300]}")
        await asyncio.sleep(_PAUSE)


async def _watch(load: Load, database: str) -> None:
    """Notes when each alert is first seen in an incident; a server that is away is asked again."""
    while True:
        with suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(
                database, autocommit=True, connect_timeout=2
            ) as connection:
                while True:
                    unseen = [instance for instance, sent in load.sent.items() if sent.seen is None]
                    if unseen:
                        await _look(load, connection, unseen)
                    await asyncio.sleep(0.1)
        await asyncio.sleep(0.1)


async def _look(load: Load, connection: psycopg.AsyncConnection, unseen: Sequence[str]) -> None:
    found = await connection.execute(
        "SELECT labels::json->>'instance' FROM alert "
        "WHERE received_at > now() - interval '90 seconds' AND incident_id IS NOT NULL "
        "AND labels::json->>'instance' = ANY(%s)",
        [list(unseen)],
    )
    now = time.monotonic()
    for (instance,) in await found.fetchall():
        load.sent[instance].seen = now


async def _all_seen(load: Load, watcher: "asyncio.Task[None]") -> None:
    deadline = time.monotonic() + 30
    while missing := [instance for instance, sent in load.sent.items() if sent.seen is None]:
        assert not watcher.done(), watcher.exception()
        assert time.monotonic() < deadline, f"{len(missing)} acknowledged alerts are in no incident: {missing[:5]}"
        await asyncio.sleep(0.1)
