"""Alerts a second from door to state, and the time from door to Slack, by engine and number of replicas.

SQLite with one process; PostgreSQL, and PostgreSQL with the inbox in JetStream, with one replica and with three. All on
this machine, so that three replicas share what one has: the figures say what sharing costs, not what more machines
bring. Alerts from the door to Slack are sent one by one, each an incident of its own, no faster than one channel takes
an incident's two calls: 200 of them last seven minutes. DIR is not read.
"""

import asyncio
import json
import math
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from bot.localslack import LocalSlack
from tests.acceptance.harness import CHANNEL, TOKEN, Tandem, alert, delivery, until
from tests.acceptance.postgresql_server import NAME, postgresql_server
from tests.benchmarks.command import parser_for, report, require
from tests.nats_server import PROGRAM, NatsServer, new_server, remove

SENDERS = 16
CLUSTERS = 32
SERVICES = 8
A_DELIVERY = 20
PROBES = 12
BETWEEN_PROBES = 2.1
"""Slack takes a call a second for a channel, and an incident is a message and its thread: probes that came faster
would wait for each other there."""
PATIENCE = 180.0
CONFIG = {"correlation": {"partition_by": ["cluster"]}}


class Setup(NamedTuple):
    engine: str
    replicas: int

    @property
    def name(self) -> str:
        return f"{self.engine}_{self.replicas}"


SETUPS = (
    Setup("sqlite", 1),
    Setup("postgresql", 1),
    Setup("postgresql", 3),
    Setup("jetstream", 1),
    Setup("jetstream", 3),
)


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--alerts", type=int, default=10_000, help="how many alerts are sent (default: 10000)")
    parser.add_argument("--probes", type=int, default=PROBES, help=f"how many go one by one (default: {PROBES})")
    names = [setup.name for setup in SETUPS]
    parser.add_argument("--setup", action="append", choices=names, help="may be given several times; default: all")
    options = parser.parse_args()
    require(options.data)
    possible = [setup for setup in SETUPS if setup.engine != "jetstream" or PROGRAM.exists()]
    setups = [setup for setup in possible if setup.name in (options.setup or names)]
    figures = {setup.name: asyncio.run(_measure(setup, options.alerts, options.probes)) for setup in setups}
    if "sqlite_1" in figures:
        alone = figures["sqlite_1"]["alerts_per_s"]
        for found in figures.values():
            found["ratio_to_sqlite"] = round(found["alerts_per_s"] / alone, 2)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "scale.json").write_text(json.dumps(figures, indent=1))
    report(figures)


async def _measure(setup: Setup, alerts: int, probes: int) -> dict[str, float]:
    async with _running(setup) as (fleet, slack), _session() as session:
        delays = [await _probe(session, fleet[number % len(fleet)], slack, number) for number in range(probes)]
        began = time.perf_counter()
        await _send(session, fleet, _deliveries(alerts))
        taken_in = time.perf_counter() - began
        await until(lambda: _worked_through(fleet), "everything is worked through", PATIENCE)
        through = time.perf_counter() - began
    return {
        "alerts_per_s": round(alerts / through),
        "taken_in_per_s": round(alerts / taken_in),
        "door_to_slack_p50_s": round(statistics.median(delays), 3),
        "door_to_slack_p99_s": round(percentile(delays, 0.99), 3),
        "door_to_slack_worst_s": round(max(delays), 3),
        "probes": probes,
    }


def percentile(delays: Sequence[float], share: float) -> float:
    """The least of them that is not exceeded by this share of them.

    >>> percentile([0.4, 0.1, 0.3, 0.2], 0.5)
    0.2
    """
    return sorted(delays)[math.ceil(share * len(delays)) - 1]


@asynccontextmanager
async def _running(setup: Setup) -> AsyncIterator[tuple[list[Tandem], LocalSlack]]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-scale-")))
        slack = await stack.enter_async_context(LocalSlack())
        url, environment = None, {}
        if setup.engine != "sqlite":
            server = await stack.enter_async_context(postgresql_server())
            url = f"postgresql://postgres@/{NAME}?host={server.socket.parent}"
        if setup.engine == "jetstream":
            environment["TANDEM_INBOX_URL"] = _stream(stack, folder).url
        fleet = []
        for number in range(setup.replicas):
            place = folder / f"replica-{number}"
            place.mkdir()
            own = {**environment, "TANDEM_REPLICA": place.name}
            tandem = Tandem(place, slack, CONFIG, database_url=url, environment=own, forked=False)
            stack.push_async_callback(tandem.kill)
            await tandem.start()
            fleet.append(tandem)
        yield fleet, slack


def _stream(stack: AsyncExitStack, folder: Path) -> NatsServer:
    server = new_server(folder / "nats")
    stack.callback(remove, server)
    server.start()
    return server


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


async def _probe(session: aiohttp.ClientSession, tandem: Tandem, slack: LocalSlack, number: int) -> float:
    """Seconds from sending an alert of a service and a cluster of its own to its message in Slack, by Slack's clock."""
    service = f"probe-{number}"
    before = len(slack.messages(CHANNEL))
    sent = time.time()
    await _post(session, tandem, delivery(alert(service=service, cluster=service)))

    async def shown() -> bool:
        return len(slack.messages(CHANNEL)) > before

    await until(shown, f"Slack shows {service}", 30)
    message = slack.messages(CHANNEL)[-1]
    assert service in json.dumps(message), "one incident at a time"
    await asyncio.sleep(BETWEEN_PROBES)
    return float(message["ts"]) - sent


def _deliveries(alerts: int) -> list[dict[str, Any]]:
    """Alerts of their own, spread over clusters (so over partitions) and services."""
    return [
        delivery(
            *(
                alert(
                    alertname=f"Alert{i % 10}",
                    service=f"service-{i // A_DELIVERY % SERVICES}",
                    cluster=f"cluster-{i // A_DELIVERY % CLUSTERS}",
                    instance=f"pod-{i}",
                )
                for i in range(first, min(first + A_DELIVERY, alerts))
            )
        )
        for first in range(0, alerts, A_DELIVERY)
    ]


async def _send(session: aiohttp.ClientSession, fleet: Sequence[Tandem], deliveries: list[dict[str, Any]]) -> None:
    waiting = list(enumerate(deliveries))

    async def sender() -> None:
        while waiting:
            number, body = waiting.pop()
            await _post(session, fleet[number % len(fleet)], body)

    async with asyncio.TaskGroup() as senders:
        for _ in range(SENDERS):
            senders.create_task(sender())


async def _post(session: aiohttp.ClientSession, tandem: Tandem, body: dict[str, Any]) -> None:
    """Send until it is taken: a sender comes again after 429 and 503."""
    while True:
        async with session.post(f"{tandem.url}/webhooks/alertmanager", json=body) as answer:
            if answer.status == 202:
                return
            if answer.status not in (429, 503):
                raise RuntimeError(f"{answer.status}: {await answer.text()}")
        await asyncio.sleep(0.2)


async def _worked_through(fleet: Sequence[Tandem]) -> bool:
    _, said = await fleet[0].get("/readyz")
    return bool(said.get("inbox_lag") == 0)


if __name__ == "__main__":
    main()
