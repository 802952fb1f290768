"""The inbox in a stream while its server is killed, hangs, loses an answer or sends us away."""

import asyncio
from contextlib import suppress

import pytest

from bot.errors import StorageUnavailable
from bot.inbox import jetstream as inbox_jetstream
from bot.inbox import jetstream_connection as jetstream
from bot.inbox.intake import Intake
from bot.inbox.jetstream import JetStreamInbox
from tests.acceptance.harness import until
from tests.integration.inbox.jetstream_entries import names_in, new_alert, new_entry
from tests.nats_server import PASSWORD, NatsServer


async def test_every_acknowledged_entry_is_there_once_after_the_server_is_killed_again_and_again(
    own: JetStreamInbox, own_server: NatsServer
) -> None:
    """The doors go on meanwhile, in groups of changing size."""
    acknowledged: list[str] = []
    ended = asyncio.Event()

    async def deliver() -> None:
        number = 0
        while not ended.is_set():
            names = [f"{number}-{i}" for i in range(1 + number % 40)]
            await own.append([new_entry(new_alert(name)) for name in names])
            acknowledged.extend(names)
            number += 1

    delivering = asyncio.create_task(deliver())
    for _ in range(3):
        before = len(acknowledged)
        async with asyncio.timeout(10):
            while len(acknowledged) < before + 50:
                await asyncio.sleep(0.01)
        await asyncio.to_thread(own_server.kill)
        await asyncio.to_thread(own_server.start)
    ended.set()
    await delivering
    found = await names_in(own)
    assert set(found) == set(acknowledged)
    assert [name for name in found if found.count(name) > 1] == []


async def test_what_was_acknowledged_is_there_when_the_server_is_killed_at_once(
    own: JetStreamInbox, own_server: NatsServer
) -> None:
    await own.append([new_entry(new_alert("a")), new_entry(new_alert("b"), partition=1)])
    own_server.kill()
    own_server.start()
    assert (await names_in(own), await names_in(own, 1)) == (["a"], ["b"])


async def test_a_server_that_is_gone_or_hangs_fails_the_requests_in_time_and_is_used_again_when_it_is_back(
    own: JetStreamInbox, own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_jetstream, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(jetstream, "CONNECT_SECONDS", 0.5)
    intake = Intake(own)
    intake.start()
    try:
        own_server.freeze()
        with pytest.raises(StorageUnavailable, match="has not acknowledged"):
            await intake.append([new_entry(new_alert("hung"))])
        own_server.thaw()
        await intake.append([new_entry(new_alert("between"))])
        own_server.kill()
        with pytest.raises(StorageUnavailable):
            await intake.append([new_entry(new_alert("gone"))])
        with pytest.raises(StorageUnavailable):
            await own.lag({0: 0})
        own_server.start()
        monkeypatch.undo()
        await intake.append([new_entry(new_alert("back"))])
    finally:
        await intake.stop()
    assert {"between", "back"} <= set(await names_in(own)) <= {"hung", "between", "gone", "back"}


async def test_a_server_that_sends_its_user_away_is_used_again_when_it_takes_it_back(
    own: JetStreamInbox, own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "CONNECT_SECONDS", 0.5)

    async def sent_away() -> bool:
        with suppress(StorageUnavailable):
            await own.lag({0: 0})
            return False
        return True

    async def taken_back() -> bool:
        return not await sent_away()

    own_server.take_password("another")
    await until(sent_away, "the server sends us away")
    own_server.take_password(PASSWORD)
    await until(taken_back, "the server is used again", 5)
    await own.append([new_entry(new_alert("a")), new_entry(new_alert("b"))])
    assert await names_in(own) == ["a", "b"]
