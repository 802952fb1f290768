"""Lanes give partitions their turns: several at once, none twice at once, the longest waiting first."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest

from bot.errors import Conflict, StorageUnavailable
from bot.pipeline.lanes import Lanes


async def without_rest(_busy: float) -> None:
    await asyncio.sleep(0)


async def cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_as_many_have_their_turn_at_once_as_there_are_lanes_and_no_more() -> None:
    lanes, at_once, most = Lanes(3, without_rest), 0, 0
    meet = asyncio.Barrier(3)

    async def work(_partition: int) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await meet.wait()
        at_once -= 1

    async with asyncio.timeout(30):
        await lanes.each(range(9), work)
    assert (most, lanes.busy, lanes.at_work) == (3, set(), 0)


async def test_a_partition_has_no_two_turns_at_once_and_none_that_was_asked_for_is_left_out() -> None:
    lanes, at_once, had = Lanes(4, without_rest), Counter[int](), Counter[int]()
    done = asyncio.Event()

    async def work(partition: int) -> None:
        at_once[partition] += 1
        assert at_once[partition] == 1
        await asyncio.sleep(0)
        had[partition] += 1
        if had[partition] < 20:
            lanes.add([partition, (partition + 1) % 3])
        at_once[partition] -= 1
        if all(had[one] >= 20 for one in range(3)):
            done.set()

    running = asyncio.create_task(lanes.run(work))
    lanes.add(range(3))
    async with asyncio.timeout(30):
        await done.wait()
    await cancelled(running)


@pytest.mark.parametrize("count", [1, 4])
async def test_a_busy_partition_waits_until_those_before_it_had_their_turn(count: int) -> None:
    lanes, order = Lanes(count, without_rest), list[int]()
    done = asyncio.Event()

    async def work(partition: int) -> None:
        order.append(partition)
        await asyncio.sleep(0)
        lanes.add([partition])  # there is always more
        if len(order) >= 60:
            done.set()

    lanes.add([7])
    lanes.add(range(6))
    running = asyncio.create_task(lanes.run(work))
    async with asyncio.timeout(30):
        await done.wait()
    await cancelled(running)
    had = Counter(order)
    assert set(had) == {0, 1, 2, 3, 4, 5, 7}
    assert max(had.values()) - min(had.values()) <= 2


async def test_who_is_put_off_has_no_turn_for_as_long_however_often_it_is_lined_up() -> None:
    lanes, order = Lanes(2, without_rest), list[int]()
    loop = asyncio.get_running_loop()
    again = asyncio.Event()
    until = loop.time() + 0.2

    async def work(partition: int) -> None:
        order.append(partition)
        if partition == 1 and order.count(1) == 1:
            lanes.put_off(1, 0.2)
        elif partition == 1:
            assert loop.time() >= until
            again.set()

    running = asyncio.create_task(lanes.run(work))
    lanes.add([1])
    async with asyncio.timeout(30):
        while order.count(2) < 5:
            lanes.add([1, 2])
            await asyncio.sleep(0)
        assert order.count(1) == 1
        await again.wait()
    await cancelled(running)


async def test_while_one_rests_no_turn_begins_and_what_is_done_at_once_counts_once() -> None:
    rested, resting = list[float](), False

    async def rest(busy: float) -> None:
        nonlocal resting
        assert not resting
        rested.append(busy)
        resting = True
        await asyncio.sleep(0.01)
        resting = False

    lanes, loop, meet = Lanes(3, rest), asyncio.get_running_loop(), asyncio.Barrier(3)
    began = loop.time()

    async def work(_partition: int) -> None:
        assert not resting
        await meet.wait()
        await asyncio.sleep(0.05)

    await lanes.each(range(6), work)
    assert len(rested) == 6
    assert sum(rested) <= loop.time() - began, "as if there were one lane"


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", [Conflict, StorageUnavailable])
async def test_an_error_is_raised_when_those_who_had_begun_have_ended(count: int, kind: type[Exception]) -> None:
    lanes, ended = Lanes(count, without_rest), list[int]()

    async def work(partition: int) -> None:
        if partition == 0:
            raise kind("no")
        await asyncio.sleep(0.01)
        ended.append(partition)

    with pytest.raises(kind):
        await lanes.each(range(30), work)
    assert (ended, lanes.busy) == (list(range(1, count)), set())


async def test_what_nobody_foresaw_ends_all_and_comes_as_it_is() -> None:
    class Crash(BaseException):
        pass

    lanes, gone = Lanes(2, without_rest), list[int]()

    async def work(partition: int) -> None:
        if partition == 1:
            raise Crash
        try:
            await asyncio.Event().wait()
        finally:
            gone.append(partition)

    with pytest.raises(Crash):
        await lanes.each([0, 1, 2], work)
    assert (gone, lanes.busy, lanes.at_work) == ([0], set(), 0)
