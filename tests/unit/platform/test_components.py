"""Components start in order and stop in reverse, whatever becomes of one of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bot.cluster.broadcast import Broadcast
from bot.cluster.leases import SoleLeases
from bot.cluster.membership import Membership
from bot.components.component import Component, Components, Started

MEMBERSHIP = Membership(SoleLeases(), Broadcast())


@asynccontextmanager
async def started() -> AsyncIterator[Started]:
    made = Started()
    try:
        yield made
    finally:
        await made.stop()


class Diary:
    """What components did, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def noting(self, line: str) -> Callable[[], Awaitable[None]]:
        async def note() -> None:
            self.lines.append(line)

        return note

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.lines.append("run ended")


async def test_a_component_starts_after_those_before_it_and_stops_before_them_once_its_work_has_ended() -> None:
    diary = Diary()
    async with started() as stack:
        first = Component("first", start=diary.noting("first started"), stop=diary.noting("first stopped"))
        start, stop = diary.noting("second started"), diary.noting("second stopped")
        second = Component("second", diary.run, "pruning", start, stop)
        await Components().start([first, second], MEMBERSHIP, stack)
        await asyncio.sleep(0.01)
        assert diary.lines == ["first started", "second started"]
    assert diary.lines[2:] == ["run ended", "second stopped", "first stopped"]


async def test_those_that_were_started_stop_where_one_cannot_start() -> None:
    diary = Diary()

    async def fail() -> None:
        raise OSError("the port is taken")

    with pytest.raises(OSError, match="the port is taken"):
        async with started() as stack:
            first = Component("first", stop=diary.noting("first stopped"))
            failing = Component("failing", start=fail, stop=diary.noting("failing stopped"))
            await Components().start([first, failing], MEMBERSHIP, stack)
    assert diary.lines == ["first stopped"], "what never started has nothing to stop"


async def test_a_component_that_ends_by_itself_fails_the_process_with_its_reason() -> None:
    async def fail() -> None:
        raise ValueError("a mistake")

    components, stack = Components(), Started()
    await components.start([Component("waits", Diary().run), Component("fails", fail)], MEMBERSHIP, stack)
    with pytest.raises(ValueError, match="a mistake"):
        await components.failed()
    with pytest.raises(ValueError, match="a mistake"):
        await stack.stop()


async def test_what_lingers_is_stopped_after_everything_else_and_none_that_was_stopped_counts_as_failed() -> None:
    diary, components, made = Diary(), Components(), Started()
    first = Component("first", stop=diary.noting("first stopped"), lingers=True)
    await components.start([first, Component("second", diary.run)], MEMBERSHIP, made)
    await asyncio.sleep(0.01)
    await made.stack.aclose()
    assert diary.lines == ["run ended"]
    await made.lingering.aclose()
    assert diary.lines == ["run ended", "first stopped"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await components.failed()


def test_who_subscribed_after_those_who_stay_is_forgotten() -> None:
    broadcast, seen = Broadcast(), list[str]()
    broadcast.subscribe("topic", lambda _: seen.append("stays"))
    broadcast.keep()
    broadcast.subscribe("topic", lambda _: seen.append("goes"))
    broadcast.on_change(lambda: seen.append("goes too"))
    broadcast.forget()
    broadcast.subscribe("topic", lambda _: seen.append("comes"))
    broadcast.deliver("topic")
    broadcast.publish_change()
    assert seen == ["stays", "comes"]
