"""``tandem doctor`` finds what is wrong with an inbox before ``tandem run`` refuses it, or senders are refused."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.commands.parts.checks.finding import Finding, Mark
from bot.commands.parts.checks.inbox import check_inbox
from bot.config import Config, read_environment
from bot.errors import ConfigError, StorageUnavailable
from bot.inbox.inbox import open_inbox
from bot.inbox.jetstream import JetStreamInbox
from bot.inbox.switch import claim_offsets
from bot.storage.database import open_database
from handlers.api.server import Api, Health
from tests.integration.inbox.jetstream_entries import new_alert, new_entry
from tests.nats_server import NatsServer

Checked = Callable[..., Awaitable[list[Finding]]]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/t.db"


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch, url: str) -> Checked:
    async def check(inbox: str | None, left: str | None = None) -> list[Finding]:
        monkeypatch.setenv("TANDEM_DATABASE_URL", url)
        for name, value in (("TANDEM_INBOX_URL", inbox), ("TANDEM_INBOX_LEFT", left)):
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
        database = open_database(url)
        try:
            return await check_inbox(database, read_environment())
        finally:
            await database.close()

    return check


async def begin(url: str, address: str | None, given_up: str | None = None, entries: int = 0) -> str:
    """What ``tandem run`` does first with an inbox, and so many deliveries after it. Returns its identity."""
    database = open_database(url)
    inbox = open_inbox(database, address)
    try:
        await database.migrate()
        await claim_offsets(database, inbox, Config().rules().partitions, given_up)
        for number in range(entries):
            await inbox.append([new_entry(new_alert(str(number)))])
        return inbox.identity
    finally:
        await inbox.close()
        await database.close()


async def refused(url: str, address: str | None) -> str:
    """What ``tandem run`` says."""
    with pytest.raises(ConfigError) as error:
        await begin(url, address)
    return str(error.value)


async def test_an_inbox_that_is_as_it_was_is_in_order(url: str, checked: Checked, own_server: NatsServer) -> None:
    assert await checked(None) == []
    await begin(url, None, entries=1)
    assert await checked(None) == []


async def test_a_switch_of_the_inbox_is_found_before_it_is_refused(
    url: str, checked: Checked, own_server: NatsServer
) -> None:
    await begin(url, None, entries=2)
    [finding] = await checked(own_server.url)
    assert finding.failed
    assert "2 entries wait there" in finding.text
    assert "2 entries wait there" in await refused(url, own_server.url)


async def test_a_switch_away_from_a_stream_is_found_before_it_is_refused(
    url: str, checked: Checked, own_server: NatsServer
) -> None:
    identity = await begin(url, own_server.url)
    [finding] = await checked(own_server.url)
    assert finding.mark is Mark.OK
    [finding] = await checked(None)
    assert finding.failed
    assert finding.text == await refused(url, None)
    assert await checked(None, left=identity) == []


async def test_a_stream_that_was_deleted_is_found_before_it_is_refused(
    url: str, checked: Checked, own_server: NatsServer
) -> None:
    identity = await begin(url, own_server.url)
    await delete(own_server)
    [finding] = await checked(own_server.url)
    assert finding.failed
    assert identity in finding.text and "not there" in finding.text
    assert identity in await refused(url, own_server.url)
    [finding] = await checked(own_server.url)
    assert finding.failed, "one of the same name was made by then"
    assert "not there" not in finding.text


async def delete(server: NatsServer) -> None:
    inbox = JetStreamInbox(server.url)
    await inbox.server.call_api("STREAM.DELETE.TANDEM", {})
    await inbox.close()


async def test_a_full_stream_is_found_by_the_doctor_and_by_readyz(
    url: str, checked: Checked, own_server: NatsServer
) -> None:
    address = f"{own_server.url}/?max_bytes=20000"
    await begin(url, address)
    database = open_database(url)
    inbox = JetStreamInbox(address)
    await inbox.reach()
    app = web.Application()
    Api(database, inbox, "token", Health(lambda: ("ok", True))).add_routes(app)
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/readyz")).status == 200
        with pytest.raises(StorageUnavailable, match="maximum bytes exceeded"):
            for number in range(100):
                await inbox.append([new_entry(new_alert(f"{number}" * 200))])
        answer = await client.get("/readyz", headers={"Authorization": "Bearer token"})
        assert answer.status == 503
        assert "bytes of max_bytes=20000" in (await answer.json())["storage"]
        [finding] = await checked(address)
        assert finding.failed
        assert "answered with 503" in finding.text and "max_bytes" in finding.advice
        await inbox.drop(0, 1000)
        await inbox.append([new_entry(new_alert("a"))])
        assert (await client.get("/readyz")).status == 200
    await inbox.close()
    [finding] = await checked(address)
    assert finding.mark is Mark.OK
    await database.close()
