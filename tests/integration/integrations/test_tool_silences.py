"""Silences here and in a tool: what is told when, what is taken in, and what an answer that was lost does."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from bot.domain.matcher import Matcher, parse_matcher
from bot.domain.silence import Silence
from bot.integrations.alertmanager import GRAFANA_PATH, alertmanager_silences, grafana_silences
from bot.integrations.http import ToolFailure, ToolRefused
from bot.integrations.silences import SilenceSync, SilenceTool
from bot.storage.database import Database
from bot.storage.queries import audit, silences, tools
from tests.conftest import Clock
from tests.integration.integrations.tool_servers import SilenceServer

TOKEN = "glsa_token_of_the_test"
CART = {"name": "service", "value": "cart", "isRegex": False, "isEqual": True}


class Shared:
    """A tool, and what both sides hold."""

    def __init__(self, database: Database, clock: Clock, server: SilenceServer, sync: SilenceSync) -> None:
        self.database, self.clock, self.server, self.sync = database, clock, server, sync

    async def round(self) -> None:
        await self.sync.reconcile(self.clock.now)

    async def silence(self, name: str, *matchers: Matcher, **fields: Any) -> None:
        now = self.clock.now
        silence = Silence(
            id=name,
            matchers=list(matchers) or [parse_matcher("service=cart")],
            starts_at=now,
            ends_at=now + timedelta(hours=1),
            **{"created_by": "U012AB3CD", "comment": "why", **fields},
        )
        async with self.database.write() as connection:
            await silences.add(connection, silence)

    async def end(self, name: str) -> None:
        async with self.database.write() as connection:
            assert await silences.end(connection, name, self.clock.now)

    async def here(self) -> list[Silence]:
        async with self.database.read() as connection:
            return await silences.not_ended(connection, self.clock.now)

    async def to_tell(self) -> bool:
        return await self.sync.anything_to_send(self.clock.now)


def _tool(kind: str, server: SilenceServer) -> SilenceTool:
    return grafana_silences(server.url, TOKEN) if kind == "grafana" else alertmanager_silences(server.url, None)


both_tools = pytest.mark.parametrize("kind", ["alertmanager", "grafana"])


@pytest.fixture
def kind() -> str:
    return "alertmanager"


@pytest.fixture
async def shared(kind: str, database: Database, clock: Clock) -> AsyncIterator[Shared]:
    grafana = kind == "grafana"
    server = SilenceServer(clock, GRAFANA_PATH, TOKEN, created=202) if grafana else SilenceServer(clock)
    async with server.listening(), aiohttp.ClientSession() as session:
        yield Shared(database, clock, server, SilenceSync(database, _tool(kind, server), session))


@both_tools
async def test_a_silence_is_told_once_with_its_matchers_and_its_end_is_told_once(shared: Shared) -> None:
    await shared.silence("ab12", *map(parse_matcher, ("service=cart", "zone!=a", "alertname=~Disk.*", "host!~db-.*")))
    assert await shared.to_tell()
    await shared.round()
    [there] = shared.server.active()
    shapes = {(m["name"], m["value"], m["isRegex"], m["isEqual"]) for m in there["matchers"]}
    assert shapes == {
        ("service", "cart", False, True),
        ("zone", "a", False, False),
        ("alertname", "Disk.*", True, True),
        ("host", "db-.*", True, False),
    }
    assert there["comment"] == "why (Tandem silence ab12)"
    shared.clock.pass_(minutes=5)
    await shared.end("ab12")
    assert await shared.to_tell()
    for _ in range(3):
        await shared.round()
        assert not await shared.to_tell()
    assert [method for method, _ in shared.server.calls] == ["POST", "DELETE"]
    assert shared.server.active() == []


async def test_a_silence_made_there_is_taken_in_once_and_never_sent(shared: Shared) -> None:
    there = shared.server.make(shared.clock.now + timedelta(hours=2), CART)
    for _ in range(3):
        await shared.round()
    [here] = await shared.here()
    assert (here.id, here.origin) == (f"{shared.sync.name}-{there}", shared.sync.name)
    assert here.created_by == f"{shared.sync.title}: alice"
    assert here.covers({"service": "cart"}, shared.clock.now)
    assert shared.server.calls == []
    async with shared.database.read() as connection:
        [entry] = await audit.entries(connection, f"silence {here.id}")
    assert (entry["actor"], entry["action"]) == (shared.sync.title, "silence.add")


@both_tools
async def test_an_end_there_is_one_here_and_an_end_here_is_one_there(shared: Shared) -> None:
    first = shared.server.make(shared.clock.now + timedelta(hours=2), CART)
    second = shared.server.make(shared.clock.now + timedelta(hours=3), CART)
    await shared.round()
    shared.clock.pass_(minutes=1)
    shared.server.silences[first]["endsAt"] = shared.clock.now.isoformat()
    await shared.end(f"{shared.sync.name}-{second}")
    await shared.round()
    assert (await shared.here(), shared.server.active()) == ([], [])
    await shared.round()
    assert [method for method, _ in shared.server.calls] == ["DELETE"]


async def test_a_silence_that_is_lengthened_there_lasts_longer_here(shared: Shared) -> None:
    await shared.silence("ab12")
    await shared.round()
    [there] = shared.server.silences.values()
    there["endsAt"] = (shared.clock.now + timedelta(hours=9)).isoformat()
    await shared.round()
    shared.clock.pass_(hours=8)
    await shared.round()
    [here] = await shared.here()
    assert (here.id, here.ends_at) == ("ab12", shared.clock.now + timedelta(hours=1))


async def test_a_silence_whose_answer_was_lost_is_found_again_and_not_made_twice(shared: Shared) -> None:
    await shared.silence("ab12")
    shared.server.lose = True
    with pytest.raises(ToolFailure):
        await shared.round()
    shared.server.lose = False
    shared.server.make(shared.clock.now + timedelta(hours=2), CART)
    await shared.round()
    await shared.round()
    assert len(shared.server.active()) == 2
    assert len(await shared.here()) == 2
    await shared.end("ab12")
    await shared.round()
    assert [one["comment"] for one in shared.server.active()] == ["known"]


async def test_what_a_tool_refuses_is_not_told_again(shared: Shared) -> None:
    await shared.silence("ab12")
    shared.server.refuse = {"POST": 400}
    for _ in range(3):
        await shared.round()
    assert not await shared.to_tell()
    assert [method for method, _ in shared.server.calls] == ["POST"]
    shared.clock.pass_(hours=2)
    await shared.round()
    async with shared.database.read() as connection:
        assert await tools.silence_links(connection, shared.sync.name) == []


async def test_an_outage_is_told_of_as_one_and_loses_nothing(shared: Shared) -> None:
    await shared.silence("ab12")
    shared.server.refuse = {"POST": 503}
    with pytest.raises(ToolFailure):
        await shared.round()
    assert await shared.to_tell()
    shared.server.refuse = {}
    await shared.round()
    assert len(shared.server.active()) == 1


@both_tools
async def test_a_refusal_to_list_is_an_error_without_the_token_in_it(shared: Shared) -> None:
    shared.server.refuse = {"GET": 403}
    with pytest.raises(ToolRefused, match=r"status 403: .*not you") as refused:
        await shared.round()
    assert TOKEN not in str(refused.value)


async def test_silences_of_maintenance_windows_and_of_other_tools_are_not_told(shared: Shared) -> None:
    await shared.silence("weekly-20260301", created_by="tandem")
    await shared.silence("zabbix-1", origin="zabbix")
    assert not await shared.to_tell()
    await shared.round()
    assert shared.server.calls == []


async def test_a_silence_that_a_tool_lost_is_made_again_where_it_was_ours_and_ended_where_it_was_not(
    shared: Shared,
) -> None:
    await shared.silence("ab12")
    shared.server.make(shared.clock.now + timedelta(hours=2), CART)
    await shared.round()
    shared.server.silences.clear()
    await shared.round()
    assert [one["comment"] for one in shared.server.active()] == ["why (Tandem silence ab12)"]
    assert [one.id for one in await shared.here()] == ["ab12"]


async def test_matchers_that_cannot_be_used_here_are_left_alone(shared: Shared) -> None:
    shared.server.make(shared.clock.now + timedelta(hours=2), {**CART, "value": "(", "isRegex": True})
    await shared.round()
    assert await shared.here() == []


async def test_what_one_tool_lengthens_lasts_as_long_in_another_and_then_all_is_quiet(
    shared: Shared, database: Database, clock: Clock
) -> None:
    server = SilenceServer(clock, GRAFANA_PATH, TOKEN, created=202)
    async with server.listening(), aiohttp.ClientSession() as session:
        other = Shared(database, clock, server, SilenceSync(database, _tool("grafana", server), session))
        await shared.silence("ab12")
        await shared.round()
        await other.round()
        [there] = shared.server.silences.values()
        there["endsAt"] = (clock.now + timedelta(hours=9)).isoformat()
        for _ in range(3):
            await shared.round()
            await other.round()
        assert [one["endsAt"] for one in other.server.active()] == [there["endsAt"]]
        assert not (await shared.to_tell() or await other.to_tell())
        assert [len(side.server.calls) for side in (shared, other)] == [1, 2]
        assert [one.id for one in await shared.here()] == ["ab12"]
