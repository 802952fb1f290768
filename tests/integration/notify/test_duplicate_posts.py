"""One message an incident, though a replica that has lost its role posts late."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import msgspec
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.localslack import LocalSlack
from bot.notify.card import Notice, ThreadUpdate
from bot.notify.channel import Mark, incident_mark, thread_mark
from bot.notify.notifier import Notifier
from bot.notify.outlet import SETTLE
from bot.notify.slack.channel import SlackChannel
from bot.storage.queries import incidents
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # no other statement is made here

MakeAlert = Callable[..., AlertEvent]


class Successor:
    """A notifier that finds the marker of a post that another replica has begun, and what comes of that post.

    Its clock begins at the present moment, as Slack's does; only what waits moves it.
    """

    def __init__(self, pipeline: Pipeline, slack: LocalSlack) -> None:
        self.pipeline, self.slack, self.clock = pipeline, slack, pipeline.clock
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        self.channel = SlackChannel(client, "incidents")
        self.notifier = Notifier(pipeline.database, self.channel, self.clock, interval=0, sleep=self._sleep)
        self.slept: list[float] = []
        self.arrives_while_it_waits = False
        self.arriving: tuple[Mark, str] | None = None

    async def begin(self, alert: AlertEvent, ago: float) -> None:
        await self.pipeline.send(alert)
        self.incident: Incident = await self.pipeline.only_incident()
        since = self.clock.now - timedelta(seconds=ago)
        async with self.pipeline.database.write() as connection:
            await channel_messages.save(
                connection,
                ChannelMessage(
                    incident_id=self.incident.id, channel=await self.channel.key(), posting_since=since, threaded=True
                ),
            )

    async def arrive(self) -> str:
        """The post of the other replica reaches Slack."""
        if self.arriving:
            mark, thread = self.arriving
            late = TimelineEntry(incident_id=self.incident.id, at=self.clock.now, kind=TimelineKind.NOTE, text="late")
            return (await self.channel.reply(thread, ThreadUpdate((late,)), mark)).id
        return (await self.channel.post(Notice("late", ()), incident_mark(self.incident.id))).id

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.pass_(seconds=seconds)
        if self.arrives_while_it_waits:
            await self.arrive()

    async def publish_all(self) -> list[str]:
        """The messages that stand in the channel then."""
        while await self.notifier.reconcile():
            pass
        return [message["ts"] for message in self.slack.messages("incidents")]

    async def kept(self) -> str | None:
        async with self.pipeline.database.read() as connection:
            return (await channel_messages.of_incident(connection, self.incident.id, await self.channel.key())).ts


@pytest.fixture
async def successor(pipeline: Pipeline, clock: Clock) -> AsyncIterator[Successor]:
    clock.now = datetime.now(clock.now.tzinfo)
    async with LocalSlack() as slack:
        yield Successor(pipeline, slack)


async def test_a_post_that_was_just_begun_elsewhere_is_waited_for_and_then_found(
    successor: Successor, alert: MakeAlert
) -> None:
    await successor.begin(alert(), ago=1)
    successor.arrives_while_it_waits = True
    [shown] = await successor.publish_all()
    assert successor.slept == [pytest.approx(SETTLE - 1)]
    assert await successor.kept() == shown


async def test_a_reply_that_was_just_begun_elsewhere_is_waited_for_and_then_found(
    successor: Successor, alert: MakeAlert
) -> None:
    await successor.begin(alert(), ago=20)
    [shown] = await successor.publish_all()
    before = len(successor.slack.replies("incidents", shown))
    await successor.pipeline.send(alert("resolved"))
    async with successor.pipeline.database.write() as connection:
        position = (await incidents.timeline_of(connection, successor.incident.id))[-1][0]
        message = await channel_messages.of_incident(connection, successor.incident.id, await successor.channel.key())
        await channel_messages.save(connection, msgspec.structs.replace(message, thread_posting=position))
    successor.arrives_while_it_waits = True
    successor.arriving = thread_mark(successor.incident.id, position), shown
    await successor.publish_all()
    assert [reply["text"] for reply in successor.slack.replies("incidents", shown)[before:]] == ["late"]


async def test_a_post_that_arrives_after_its_successors_is_taken_away_a_while_later(
    successor: Successor, alert: MakeAlert, clock: Clock
) -> None:
    await successor.begin(alert(), ago=20)
    [ours] = await successor.publish_all()
    late = await successor.arrive()
    clock.pass_(seconds=50)
    assert await successor.publish_all() == [ours, late]
    clock.pass_(seconds=11)
    assert await successor.publish_all() == [ours] == [await successor.kept()]
    await successor.arrive()
    clock.pass_(minutes=9)
    assert await successor.publish_all() == [ours], "who was stopped for minutes is looked for once more"
    calls = len(successor.slack.calls)
    clock.pass_(hours=1)
    await successor.publish_all()
    assert len(successor.slack.calls) == calls


async def test_of_two_messages_none_is_taken_away_where_a_person_has_removed_ours(
    successor: Successor, alert: MakeAlert, clock: Clock
) -> None:
    await successor.begin(alert(), ago=20)
    [ours] = await successor.publish_all()
    late = await successor.arrive()
    await successor.channel.delete(ours)
    clock.pass_(minutes=2)
    assert await successor.publish_all() == [late]


async def test_what_slack_does_not_take_away_stays_and_holds_up_nobody(
    successor: Successor, alert: MakeAlert, clock: Clock
) -> None:
    await successor.begin(alert(), ago=20)
    await successor.publish_all()
    await successor.arrive()
    successor.slack.fail("conversations.history", "revoked", count=2)
    clock.pass_(minutes=15)
    assert len(await successor.publish_all()) == 2
    assert successor.notifier.problem is None
