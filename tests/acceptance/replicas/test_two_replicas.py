"""Two of the real program on one PostgreSQL: shares, one message an incident, and what happens when one is killed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.localslack import LocalSlack
from tests.acceptance.harness import CHANNEL, Tandem, alert, until
from tests.acceptance.postgresql_server import NAME, PostgresqlServer, postgresql_server

pytestmark = pytest.mark.timeout(150)


class Pair:
    def __init__(self, slack: LocalSlack, replicas: list[Tandem]) -> None:
        self.slack = slack
        self.a, self.b = replicas

    async def partitions(self, replica: Tandem) -> list[int]:
        _, said = await replica.get("/readyz")
        return list(said["partitions"])

    async def deliver_to_both(self) -> None:
        """Two alerts of each of six clusters, one at either door, once both replicas have their share."""

        async def shared() -> bool:
            return sorted(await self.partitions(self.a) + await self.partitions(self.b)) == list(range(16))

        await until(shared, "both hold their share", 15)
        assert len(await self.partitions(self.a)) == 8
        for cluster in range(6):
            assert await self.a.deliver(alert(cluster=f"c{cluster}")) == 202
            assert await self.b.deliver(alert(cluster=f"c{cluster}", alertname="Errors")) == 202

        async def together() -> bool:
            return [len(incident["alerts"]) for incident in await self.b.incidents()] == [2] * 6

        await until(together, "both alerts of a cluster are in one incident")


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(postgresql_server())
        slack = await stack.enter_async_context(LocalSlack())
        replicas = []
        for name in ("a", "b"):
            folder = tmp_path / name
            folder.mkdir()
            replica = Tandem(folder, slack, {}, database_url=_address(server), environment={"TANDEM_REPLICA": name})
            stack.push_async_callback(replica.kill)
            await replica.start()
            replicas.append(replica)
        yield Pair(slack, replicas)


def _address(server: PostgresqlServer) -> str:
    return f"postgresql://postgres@/{NAME}?host={server.socket.parent}"


async def test_each_has_half_of_the_partitions_and_any_door_leads_to_the_same_incidents(pair: Pair) -> None:
    await pair.deliver_to_both()

    async def all_posted() -> bool:
        return len(pair.slack.messages(CHANNEL)) >= 6

    await until(all_posted, "every incident has its message", 20)
    await asyncio.sleep(2)
    assert len(pair.slack.messages(CHANNEL)) == 6


async def test_when_one_is_killed_the_other_has_everything_within_five_seconds(pair: Pair) -> None:
    await pair.deliver_to_both()
    began = time.monotonic()
    await pair.a.kill()

    async def everything() -> bool:
        return len(await pair.partitions(pair.b)) == 16

    await until(everything, "the other holds every partition", 5)
    print(f"taken over after {time.monotonic() - began:.2f} s")
    assert await pair.b.deliver(alert(cluster="c0", alertname="Saturated")) == 202
    await pair.b.message("Saturated", seconds=20)
    assert len(await pair.b.incidents()) == 6
