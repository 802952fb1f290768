"""A process that is only doors and two that only work, on one PostgreSQL: together they are one Tandem."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from bot.localslack import LocalSlack
from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, alert, until
from tests.acceptance.ledger import rows
from tests.acceptance.postgresql_server import PostgresqlServer, postgresql_server
from tests.acceptance.replica import Replica, new_replica

WORKERS, DOOR = ("w1", "w2"), "d1"

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(150)]


class Split:
    """A door and workers, with their server and their Slack."""

    def __init__(self, server: PostgresqlServer, slack: LocalSlack, members: dict[str, Replica], folder: Path) -> None:
        self.server, self.slack, self.members, self._folder = server, slack, members, folder

    @property
    def door(self) -> Replica:
        return self.members[DOOR]

    @property
    def workers(self) -> list[Replica]:
        return [self.members[name] for name in WORKERS]

    async def start(self) -> None:
        for member in (self.door, *self.workers):
            await member.tandem.start()
        await until(self._shared, "the workers hold everything", 15)

    async def open_door(self) -> Tandem:
        """The door, running, whatever was done to it before."""
        if not self.door.up:
            await self.door.tandem.start()
        return self.door.tandem

    async def _shared(self) -> bool:
        return sorted([one for worker in self.workers for one in await self.held(worker)]) == list(range(16))

    async def held(self, member: Replica) -> list[int]:
        return list((await member.tandem.get("/readyz"))[1]["partitions"])

    def marks(self, number: int) -> int:
        """How often the step of an incident's run took effect."""
        marks = self._folder / "marks"
        return marks.read_text().split().count(str(number)) if marks.exists() else 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def split(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Split]:
    folder = tmp_path_factory.mktemp("split")
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(postgresql_server())
        slack = await stack.enter_async_context(LocalSlack())
        members = {}
        for name in (*WORKERS, DOOR):
            role = {"TANDEM_ROLE": "doors" if name == DOOR else "workers"}
            members[name] = await new_replica(name, folder / name, server, slack, role, stack)
        split = Split(server, slack, members, folder)
        await split.start()
        yield split


async def test_a_door_holds_nothing_and_workers_answer_only_what_is_asked_of_any_process(split: Split) -> None:
    status, said = await (await split.open_door()).get("/readyz")
    assert (status, said["partitions"], said["roles"], said["slack"]) == (200, [], [], "off")
    assert "tandem_doors_open 1.0" in await _metrics(split.door)
    for worker in split.workers:
        assert await worker.tandem.deliver(alert()) == 404
        assert (await worker.tandem.get("/api/incidents"))[0] == 404
        assert (await worker.tandem.post("/slack/events", b""))[0] == 404
        assert len(await split.held(worker)) == 8
        assert "tandem_doors_open 0.0" in await _metrics(worker)


async def test_an_alert_at_the_door_is_told_by_a_worker_and_clicks_at_the_door_run_its_plan_once(split: Split) -> None:
    door = await split.open_door()
    assert await door.deliver(alert(cluster="clicked", service="clicked")) == 202
    message = await door.message("run.approve", "clicked", seconds=20)
    began = time.monotonic()
    await asyncio.gather(*(split.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve") for _ in range(2)))
    [incident] = [one for one in await door.incidents() if one["services"] == ["clicked"]]

    async def begun() -> bool:
        return split.marks(incident["number"]) > 0

    await until(begun, "the step has taken effect", 20)
    print(f"from the click to the step: {time.monotonic() - began:.2f} s")

    async def ended() -> bool:
        [run] = next(one for one in await door.incidents() if one["id"] == incident["id"])["runs"]
        return run["ended_at"] is not None

    await until(ended, "the run has ended", 30)
    assert split.marks(incident["number"]) == 1
    [(executor,)] = await rows(split.server.address, "SELECT DISTINCT executor_id FROM dbos.workflow_status")
    assert executor in WORKERS


async def test_a_door_that_is_killed_while_it_takes_in_loses_nothing_that_it_acknowledged(split: Split) -> None:
    door = await split.open_door()
    acknowledged: set[str] = set()

    async def send(sender: int) -> None:
        for turn in count():
            instance = f"{sender}/{turn}"
            if await door.deliver(alert(cluster=f"killed {sender}", instance=instance)) == 202:
                acknowledged.add(instance)

    async def busy() -> bool:
        return len(acknowledged) >= 40

    senders = [asyncio.create_task(send(sender)) for sender in range(4)]
    await until(busy, "forty alerts are acknowledged", 20)
    await door.kill()
    for why in await asyncio.gather(*senders, return_exceptions=True):
        assert isinstance(why, aiohttp.ClientError)

    async def worked_through() -> bool:
        return bool((await split.workers[0].tandem.get("/readyz"))[1]["inbox_lag"] == 0)

    await until(worked_through, "the workers have worked through what is there", 20)
    await door.start()
    found = [one["labels"].get("instance") for incident in await door.incidents() for one in incident["alerts"]]
    assert acknowledged <= set(found)
    assert await door.deliver(alert(cluster="killed 0", instance="afterwards")) == 202


async def test_a_door_leaves_in_a_moment_and_what_it_took_in_is_told_without_it(split: Split) -> None:
    door = await split.open_door()
    assert await door.deliver(alert(cluster="left", service="left")) == 202
    began = time.monotonic()
    assert await door.stop() == 0
    print(f"the door has left after {time.monotonic() - began:.2f} s")
    await door.message("left", seconds=20)


async def _metrics(member: Replica) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{member.tandem.url}/metrics") as answer:
        return await answer.text()
