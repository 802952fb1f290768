"""A pipeline that is really stuck: pings stop, those who run Tandem are told, and both end when it goes on."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.localslack import LocalSlack
from tests.acceptance.harness import Tandem, alert, delivery, until
from tests.acceptance.wire import Answer, send

OPS = "tandem-ops"
CONFIG = {"slack": {"channel": "#incidents", "ops_channel": f"#{OPS}"}, "deadman": {"after": "2s"}}


class Outside:
    def __init__(self) -> None:
        self.pings = 0

    async def take(self, request: web.Request) -> web.Response:
        self.pings += 1
        return web.Response()


@pytest.fixture
async def outside() -> AsyncIterator[tuple[Outside, str]]:
    outside = Outside()
    app = web.Application()
    app.router.add_get("/ping", outside.take)
    async with TestServer(app) as server:
        yield outside, str(server.make_url("/ping"))


@pytest.fixture
async def tandem(tmp_path: Path, outside: tuple[Outside, str]) -> AsyncIterator[Tandem]:
    variables = {"TANDEM_DEADMAN_URL": outside[1], "TANDEM_DEADMAN_EVERY": "1", "TANDEM_MOST_WAITING": "3"}
    async with LocalSlack(channels=("incidents", OPS)) as slack:
        tandem = Tandem(tmp_path, slack, CONFIG, environment=variables)
        try:
            await tandem.start()
            yield tandem
        finally:
            await tandem.kill()


@contextmanager
def _no_writing(file: Path) -> Iterator[None]:
    """Somebody else holds SQLite's only lock for writing the state; the inbox is another file."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_a_stuck_worker_stops_the_pings_and_is_told_in_another_channel_until_it_goes_on(
    tandem: Tandem, outside: tuple[Outside, str]
) -> None:
    service, _ = outside

    expected = 2

    async def pinged() -> bool:
        return service.pings >= expected

    def said(part: str) -> bool:
        return part in json.dumps(tandem.slack.messages(OPS), ensure_ascii=False)

    async def told() -> bool:
        return said("is not processing as it should") and said("entries that wait does so for")

    async def over() -> bool:
        return said("Tandem processes again")

    await until(pinged, "the service is pinged")
    with _no_writing(tandem.folder / "tandem.db"):
        assert await tandem.deliver(alert()) == 202
        await until(told, "the ops channel says that the pipeline is stuck", 15)
        _, ready = await tandem.get("/readyz")
        assert ready["oldest_waiting_seconds"] > 2
        stopped = service.pings
        await asyncio.sleep(2.5)  # two pings are due
        assert service.pings == stopped
    await tandem.message("HighLatency on checkout", seconds=20)
    await until(over, "the ops channel says that it is over", 15)
    expected = stopped + 1
    await until(pinged, "the service is pinged again")
    assert len(tandem.slack.messages(OPS)) == 1
    assert "/ping" not in tandem.log.read_text(), "who knows the address can ping as well"


async def test_a_backlog_that_is_full_sends_senders_away_and_says_when_to_come_again_until_there_is_room(
    tandem: Tandem,
) -> None:
    async def deliver(name: str) -> Answer:
        body = json.dumps(delivery(alert(instance=name))).encode()
        return await send(f"{tandem.url}/webhooks/alertmanager", body)

    taken: list[str] = []
    answer = Answer(0, {}, "")

    async def full() -> bool:
        nonlocal answer
        answer = await deliver(str(len(taken)))
        if answer.status == 202:
            taken.append(str(len(taken)))
            await asyncio.sleep(0.2)
        return answer.status == 429

    async def room() -> bool:
        return (await deliver("later")).status == 202

    with _no_writing(tandem.folder / "tandem.db"):
        await until(full, "the backlog is full")
        assert len(taken) >= 3
        assert 5 <= int(answer.headers["Retry-After"]) <= 7
        assert "full" in answer.problem
    await until(room, "there is room again", 25)

    async def all_there() -> bool:
        known = await tandem.incidents()
        return [{alert["labels"]["instance"] for alert in one["alerts"]} for one in known] == [{*taken, "later"}]

    await until(all_there, "what was taken is in the incident, and nothing of what was not", 20)
