"""The maintenance loop: each task has its turns, whatever becomes of the others."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import Counter
from structlog.testing import capture_logs

from bot.errors import LostLease, StorageUnavailable
from bot.maintenance.loop import Task, maintain


class Turns:
    """A task that does what a script says, a turn each: whether there is more, or what it fails with."""

    def __init__(self, *script: bool | Exception) -> None:
        self.script = list(script)
        self.taken = 0
        self.done = asyncio.Event()

    async def take(self) -> bool:
        self.taken += 1
        step = self.script.pop(0)
        if not self.script:
            self.done.set()
        if isinstance(step, Exception):
            raise step
        return step


def task(turns: Turns, name: str, failures: Counter | None = None, every: float = 3600) -> Task:
    return Task(name, "pruning", timedelta(seconds=every), turns.take, failures)


async def run(tasks: list[Task], *until: Turns) -> None:
    loop = asyncio.create_task(maintain(tasks))
    async with asyncio.timeout(10):
        for turns in until:
            await turns.done.wait()
    await asyncio.sleep(0.2)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


@pytest.mark.parametrize("failure", [StorageUnavailable("away"), ValueError("a mistake")])
async def test_a_task_that_fails_is_counted_and_stops_no_other(failure: Exception) -> None:
    failures = Counter("tandem_test_maintenance_failed_total", "Only of this test.", registry=None)
    failing, other = Turns(failure), Turns(True, True, False)
    with capture_logs() as logs:
        await run([task(failing, "failing", failures), task(other, "other")], failing, other)
    assert (failing.taken, other.taken) == (1, 3), "the one waits for its interval, the other goes on"
    assert [entry["task"] for entry in logs] == ["failing"]
    assert failures._value.get() == 1


async def test_a_task_that_failed_has_its_next_turn_at_its_interval() -> None:
    again = Turns(ValueError("a mistake"), StorageUnavailable("away"), *[False] * 100)
    with capture_logs():
        await run([task(again, "again", every=0.02)], again)


async def test_a_lost_role_ends_the_loop() -> None:
    with pytest.raises(LostLease):
        await maintain([task(Turns(LostLease("role:pruning is not ours any more")), "any")])
