"""Readiness notices what would lose what is acknowledged, at once; details are for those who show the token."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import StorageUnavailable
from bot.inbox.inbox import Inbox, NewEntry
from bot.inbox.sql import SqlInbox
from bot.localslack import LocalSlack
from bot.notify.slack.identity import Identity
from bot.storage.database import Database
from bot.storage.lock import hold_alone, note_file, warning_about_file
from bot.storage.sqlite import file as database_file
from handlers.api.server import Api, Health
from tests.conftest import Clock

TOKEN = {"Authorization": "Bearer token"}
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def client(database: Database, inbox: Inbox, clock: Clock) -> AsyncIterator[TestClient[Any, Any]]:
    app = web.Application()
    slack = ("Slack refuses the token: invalid_auth", True)
    Api(database, inbox, "token", Health(lambda: slack), clock).add_routes(app)
    async with TestClient(TestServer(app)) as client:
        yield client


async def _ready(client: TestClient[Any, Any], **headers: str) -> tuple[int, dict[str, Any]]:
    answer = await client.get("/readyz", headers=headers)
    return answer.status, await answer.json()


def _replace(path: Path) -> None:
    shutil.copy(path, f"{path}.new")
    Path(f"{path}.new").rename(path)


def _delete(path: Path) -> None:
    path.unlink()


def _move(path: Path) -> None:
    path.rename(f"{path}.away")


GONE = {"deleted": _delete, "replaced": _replace, "moved": _move}


@only_sqlite
@pytest.mark.parametrize("part", ["tandem.db", "tandem.inbox.db"])
@pytest.mark.parametrize("how", GONE)
async def test_a_database_file_that_is_gone_makes_it_unready_and_nothing_is_acknowledged(
    client: TestClient[Any, Any], inbox: Inbox, tmp_path: Path, clock: Clock, how: str, part: str
) -> None:
    assert isinstance(inbox, SqlInbox)
    await inbox.append([NewEntry(0, "x", clock.now, b"[]")])
    assert (await _ready(client))[0] == 200
    GONE[how](Path(str(inbox.database.engine.url.database)).with_name(part))
    if "inbox" in part:
        with pytest.raises(StorageUnavailable, match="while it was open"):
            await inbox.append([NewEntry(0, "x", clock.now, b"[]")])
    await asyncio.sleep(1.1)  # an answer holds for a second
    status, said = await _ready(client, **TOKEN)
    assert status == 503
    assert "while it was open" in said["storage"]
    assert (await _ready(client))[1]["storage"] == "unavailable"


@only_sqlite
async def test_a_write_lock_held_by_others_is_said_within_five_seconds_and_senders_are_sent_away(
    client: TestClient[Any, Any], inbox: Inbox, clock: Clock
) -> None:
    assert isinstance(inbox, SqlInbox)
    other = sqlite3.connect(str(inbox.database.engine.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(StorageUnavailable, match="locked"):
        await inbox.append([NewEntry(0, "x", clock.now, b"[]")])
    assert time.monotonic() - began < 4
    began = time.monotonic()
    status, said = await _ready(client, **TOKEN)
    assert (status, time.monotonic() - began < 5) == (503, True)
    assert "locked" in said["storage"]
    other.execute("ROLLBACK")
    other.close()
    await asyncio.sleep(1.1)
    assert (await _ready(client))[0] == 200


@only_sqlite
async def test_a_full_disk_makes_it_unready(client: TestClient[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_file, "LEAST_FREE", 2**62)
    status, said = await _ready(client, **TOKEN)
    assert status == 503
    assert "is full" in said["storage"]


async def test_what_is_wrong_with_slack_is_told_in_words_to_who_shows_the_token(client: TestClient[Any, Any]) -> None:
    assert (await _ready(client, **TOKEN))[1]["slack"] == "Slack refuses the token: invalid_auth"
    assert (await _ready(client))[1]["slack"] == "unavailable"
    assert (await _ready(client, Authorization="Bearer other"))[1]["slack"] == "unavailable"


async def test_a_wrong_bot_token_is_known_with_the_first_look_and_also_when_it_is_revoked_later() -> None:
    async with LocalSlack() as slack:
        wrong = Identity(AsyncWebClient(token="xoxb-wrong", base_url=slack.api_url, retry_handlers=[]))
        await wrong.start()
        assert wrong.refused == "invalid_auth"
        right = Identity(AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[]))
        await right.start()
        assert right.refused is None
        slack.fail("auth.test", "down", count=1)
        await right._check_token()
        assert right.refused is None  # an outage is not the token's fault
        right.client.token = "xoxb-revoked"
        await right._check_token()
        assert right.refused == "invalid_auth"
        right.client.token = slack.bot_token
        await right._check_token()
        assert right.refused is None


@only_sqlite
async def test_from_outside_it_shows_that_what_runs_writes_into_a_file_that_is_gone(
    database: Database, database_url: str
) -> None:
    path = Path(database_url.removeprefix("sqlite:///"))
    assert warning_about_file(database_url) is None
    with hold_alone(database_url):
        note_file(database_url)
        assert warning_about_file(database_url) is None
        _replace(path)
        assert "replaced while Tandem runs" in (warning_about_file(database_url) or "")
        path.unlink()
        assert "deleted" in (warning_about_file(database_url) or "")
    assert warning_about_file(database_url) is None
