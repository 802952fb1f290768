"""The dead man's switch: who outside is told that Tandem processes, and who inside that it does not."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.domain.event import AlertEvent
from bot.errors import StorageUnavailable
from bot.health.dead_mans_switch import ping_while_healthy
from bot.health.ops_channel import OpsChannel
from bot.health.self_check import Others, SelfCheck
from bot.inbox.backlog import Backlog
from bot.inbox.inbox import Inbox
from bot.inbox.intake import Intake, entries_for
from bot.inbox.sql import SqlInbox
from bot.localslack import LocalSlack
from bot.localslack.state import channel_id_of
from bot.notify.channel import ChannelFailure
from bot.notify.slack.channel import SlackChannel
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # no other statement is made here

MakeAlert = Callable[..., AlertEvent]
OPS = "tandem-ops"


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack(channels=("incidents", OPS)) as slack:
        yield slack


class Watched:
    """A pipeline, what shows whether it processes, and what Slack is said to be like."""

    def __init__(self, pipeline: Pipeline, intake: Intake, slack: LocalSlack) -> None:
        self.pipeline, self.intake, self.slack = pipeline, intake, slack
        self.backlog = Backlog(pipeline.database, pipeline.inbox, pipeline.clock, 16)
        self.slack_says = "ok"
        self.refused = ""
        self.check = self.new_check()
        self.ops = self.new_ops()

    def new_check(self) -> SelfCheck:
        after = timedelta(minutes=5)
        return SelfCheck(
            self.backlog,
            self.intake,
            lambda: (self.slack_says, True),
            self.pipeline.clock,
            after,
            lambda: Others(minor={"messages": self.refused} if self.refused else {}),
        )

    def new_ops(self, may_speak: Callable[[], bool] = lambda: True) -> OpsChannel:
        client = AsyncWebClient(self.slack.bot_token, base_url=self.slack.api_url)
        return OpsChannel(SlackChannel(client, OPS), self.check, self.pipeline.clock, may_speak)

    async def look(self) -> list[str]:
        """What the ops channel shows after a look, the oldest first."""
        await self.backlog.look()
        await self.ops.look()
        return [json.dumps(message, ensure_ascii=False) for message in self.slack.messages(OPS)]


@pytest.fixture
async def watched(pipeline: Pipeline, slack: LocalSlack) -> AsyncIterator[Watched]:
    intake = Intake(pipeline.inbox)
    intake.start()
    with capture_logs():  # nobody reads the tracebacks of every vain attempt
        yield Watched(pipeline, intake, slack)
        await intake.stop()


async def test_a_stuck_pipeline_is_told_once_and_the_message_says_when_that_is_over(
    watched: Watched, alert: MakeAlert, clock: Clock
) -> None:
    await watched.pipeline.append(alert())
    clock.pass_(minutes=4)
    assert await watched.look() == []
    clock.pass_(minutes=2)
    assert await watched.look() == [], "perhaps it is being worked through: give it a moment"
    for _ in range(3):
        clock.pass_(seconds=15)
        [said] = await watched.look()
        assert "the oldest of 1 entries that wait does so for 6m" in said
    await watched.pipeline.worker.drain()
    clock.pass_(minutes=1)
    [said] = await watched.look()
    assert "Tandem processes again, " in said
    calls = len(watched.slack.calls)
    await watched.look()
    assert len(watched.slack.calls) == calls, "nothing is left to say"


async def test_the_next_trouble_is_a_message_of_its_own(watched: Watched, clock: Clock) -> None:
    for _ in range(2):
        watched.slack_says = "channel_not_found"
        await watched.look()
        clock.pass_(minutes=5)
        assert "incidents are not told: channel_not_found" in (await watched.look())[-1]
        watched.slack_says = "ok"
        await watched.look()
    assert ["again" in said for said in await watched.look()] == [True, True]


async def test_what_another_process_said_is_not_said_again_and_is_resolved_by_who_comes_after(
    watched: Watched, alert: MakeAlert, clock: Clock
) -> None:
    await watched.pipeline.append(alert())
    clock.pass_(minutes=6)
    await watched.look()
    clock.pass_(seconds=20)
    await watched.look()
    watched.ops = watched.new_ops()
    assert len(await watched.look()) == 1
    await watched.pipeline.worker.drain()
    watched.ops = watched.new_ops()
    [said] = await watched.look()
    assert "processes again" in said


async def test_who_may_not_speak_is_silent_except_while_nobody_can_know_who_may(
    watched: Watched, alert: MakeAlert, clock: Clock
) -> None:
    watched.ops = watched.new_ops(lambda: False)
    await watched.pipeline.append(alert())
    for _ in range(3):
        clock.pass_(minutes=3)
        assert await watched.look() == []
    watched.backlog.problem = "connection refused"
    for _ in range(2):
        await watched.ops.look()
        clock.pass_(minutes=6)
    assert [json.dumps(message) for message in watched.slack.messages(OPS)] != []


async def test_where_nobody_has_the_role_to_speak_any_says_that_nothing_is_worked_through_and_when_it_is_again(
    watched: Watched, alert: MakeAlert, clock: Clock
) -> None:
    watched.ops = watched.new_ops(lambda: False)
    await watched.pipeline.append(alert())
    clock.pass_(minutes=9)
    await watched.look()
    clock.pass_(minutes=2)
    [said] = await watched.look()
    assert "the oldest of 1 entries" in said
    await watched.pipeline.worker.drain()
    [said] = await watched.look()
    assert "processes again" in said


async def test_a_message_that_slack_refuses_is_told_at_once_names_what_it_is_and_stops_no_pings(
    watched: Watched, clock: Clock
) -> None:
    for number in (1, 2):
        watched.refused = f"it does not take the message of incident #{number} (chat.update: edit_window_closed)"
        [told] = await watched.look()
        assert f"the message of incident #{number} (chat.update: edit_window_closed)" in told
        assert watched.check.problems() == {}
    watched.refused = ""
    [told] = await watched.look()
    assert "again" in told


async def test_what_slack_does_not_take_is_said_later(watched: Watched, clock: Clock) -> None:
    watched.slack_says = "is_archived"
    await watched.look()
    clock.pass_(minutes=6)
    watched.slack.fail("chat.postMessage", "500", count=1)
    with suppress(ChannelFailure):
        await watched.look()
    assert len(await watched.look()) == 1


async def test_words_of_others_call_nobody(watched: Watched, clock: Clock) -> None:
    watched.slack_says = "<!channel> *now*"
    await watched.look()
    clock.pass_(minutes=6)
    [said] = await watched.look()
    assert "<!channel>" not in said


async def test_a_message_that_somebody_deleted_is_said_anew_while_the_trouble_lasts(
    watched: Watched, clock: Clock
) -> None:
    watched.slack_says = "is_archived"
    await watched.look()
    clock.pass_(minutes=6)
    await watched.look()
    client = AsyncWebClient(watched.slack.bot_token, base_url=watched.slack.api_url)
    [message] = watched.slack.messages(OPS)
    await client.chat_delete(channel=channel_id_of(OPS), ts=message["ts"])
    watched.slack_says = "ok"
    assert await watched.look() == []
    watched.slack_says = "is_archived"
    await watched.look()
    clock.pass_(minutes=6)
    assert len(await watched.look()) == 1


async def test_endpoints_that_failed_once_and_that_nobody_came_to_since_are_tried_before_anybody_is_told(
    watched: Watched, alert: MakeAlert, clock: Clock
) -> None:
    await _rename(watched.pipeline.inbox, "inbox", "elsewhere")
    with pytest.raises(StorageUnavailable):
        await watched.intake.append(entries_for([alert()], "test", clock.now, [], 1))
    await watched.ops.look()
    await _rename(watched.pipeline.inbox, "elsewhere", "inbox")
    clock.pass_(minutes=6)
    assert await watched.look() == []


async def test_a_database_that_hangs_without_an_error_is_a_trouble_too(watched: Watched, clock: Clock) -> None:
    await watched.backlog.look()
    clock.pass_(minutes=6)
    assert watched.check.problems() == {"storage": "the database has not answered for 6m"}
    await watched.backlog.look()
    assert watched.check.problems() == {}


@pytest.fixture
def counted() -> Iterator[Callable[[str], float]]:
    def value(outcome: str) -> float:
        return REGISTRY.get_sample_value("tandem_deadman_pings_total", {"outcome": outcome}) or 0.0

    before = {outcome: value(outcome) for outcome in ("sent", "withheld", "failed")}
    yield lambda outcome: value(outcome) - before[outcome]


class Outside:
    """A service that expects a ping."""

    def __init__(self) -> None:
        self.pings: list[str] = []
        self.status = 200
        app = web.Application()
        app.router.add_route("*", "/ping/{id}", self._take)
        self.server = TestServer(app)

    async def _take(self, request: web.Request) -> web.Response:
        self.pings.append(request.method)
        return web.Response(status=self.status)


@pytest.fixture
async def outside(watched: Watched) -> AsyncIterator[Outside]:
    outside = Outside()
    async with outside.server:
        url = str(outside.server.make_url("/ping/a-secret"))
        pinging = asyncio.create_task(ping_while_healthy(url, 0.02, watched.check))
        yield outside
        pinging.cancel()
        with suppress(asyncio.CancelledError):
            await pinging


async def _more(outside: Outside, counted: Callable[[str], float], outcome: str) -> bool:
    """Whether the next outcomes are these, and whether the service was asked meanwhile."""
    begun, asked = counted(outcome), len(outside.pings)

    async def thrice() -> bool:
        return counted(outcome) >= begun + 3

    await until(thrice, f"pings are {outcome}")
    return len(outside.pings) > asked + 1


async def test_pings_come_while_all_is_well_and_stop_while_it_is_not(
    watched: Watched, outside: Outside, counted: Callable[[str], float], alert: MakeAlert, clock: Clock
) -> None:
    assert await _more(outside, counted, "sent")
    await watched.pipeline.append(alert())
    clock.pass_(minutes=6)
    await watched.backlog.look()
    assert not await _more(outside, counted, "withheld")
    await watched.pipeline.worker.drain()
    await watched.backlog.look()
    assert await _more(outside, counted, "sent")
    watched.slack_says = "invalid_auth"
    assert not await _more(outside, counted, "withheld")
    watched.slack_says = "off"
    assert await _more(outside, counted, "sent")
    assert set(outside.pings) == {"GET"}
    outside.status = 500
    await _more(outside, counted, "failed")


async def test_endpoints_that_cannot_commit_stop_the_pings_until_they_can_though_nobody_sends_any_more(
    watched: Watched, outside: Outside, counted: Callable[[str], float], alert: MakeAlert, clock: Clock
) -> None:
    await _rename(watched.pipeline.inbox, "inbox", "elsewhere")
    with pytest.raises(StorageUnavailable):
        await watched.intake.append(entries_for([alert()], "test", clock.now, [], 1))
    assert not await _more(outside, counted, "withheld")
    assert "the endpoints cannot store" in watched.check.problems()["endpoints"]
    await _rename(watched.pipeline.inbox, "elsewhere", "inbox")
    assert await _more(outside, counted, "sent")
    await watched.pipeline.worker.drain()
    assert await watched.pipeline.incidents() == [], "what knocked is no alert"


async def _rename(inbox: Inbox, name: str, to: str) -> None:
    assert isinstance(inbox, SqlInbox)
    async with inbox.database.write() as connection:
        await connection.execute(text(f"ALTER TABLE {name} RENAME TO {to}"))
