"""What every channel does, in the same words for Slack and for a file; and one incident in several channels."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import text

from bot.domain.event import AlertEvent
from bot.domain.incident import TimelineEntry, TimelineKind
from bot.errors import ConfigError, LostLease
from bot.localslack import LocalSlack
from bot.notify.card import Notice, ThreadUpdate
from bot.notify.channel import (
    Channel,
    ChannelFailure,
    Mark,
    MessageGone,
    Posted,
    incident_mark,
    thread_mark,
    trouble_mark,
)
from bot.notify.kinds import Opening, open_channel
from bot.notify.notifier import Notifier
from bot.storage.queries.shown import channel_messages
from tests.conftest import Clock
from tests.integration.notify import file_channel
from tests.integration.pipeline_driver import Pipeline
from tests.unit.strategies import NOON

MakeAlert = Callable[..., AlertEvent]
Opener = Callable[[Callable[[], bool]], Channel]
NOTICE = Notice("Tandem is not processing as it should", ("the disk is full",))
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@asynccontextmanager
async def _in_slack(_folder: Path) -> AsyncIterator[Opener]:
    async with LocalSlack() as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        yield lambda may: open_channel("incidents", Opening({"slack": client}, may))


@asynccontextmanager
async def _in_a_file(folder: Path) -> AsyncIterator[Opener]:
    yield lambda may: open_channel(f"file:{folder / 'channel.jsonl'}", Opening(may=may))


@pytest.fixture(params=[_in_slack, _in_a_file], ids=["slack", "file"])
async def opener(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    async with request.param(tmp_path) as opener:
        yield opener


@pytest.fixture
def channel(opener: Opener) -> Channel:
    return opener(lambda: True)


async def found(channel: Channel, mark: Mark, thread: str | None = None) -> list[Posted]:
    return [message async for message in channel.find(mark, thread=thread)]


def entry(words: str) -> ThreadUpdate:
    return ThreadUpdate((TimelineEntry(incident_id="i", at=NOON, kind=TimelineKind.NOTE, text=words),))


async def test_a_message_is_found_by_what_it_is_about_and_by_nothing_else(channel: Channel) -> None:
    posted = await channel.post(NOTICE, incident_mark("one"))
    other = await channel.post(NOTICE, incident_mark("two"))
    assert posted.id != other.id
    assert await found(channel, incident_mark("one")) == [posted]
    assert await found(channel, incident_mark("three")) == []
    assert await found(channel, trouble_mark(over=False)) == []


async def test_a_message_posted_before_a_moment_is_not_found(channel: Channel) -> None:
    posted = await channel.post(NOTICE, incident_mark("one"))
    later = [one async for one in channel.find(incident_mark("one"), since=posted.at + timedelta(hours=1))]
    assert later == []


async def test_an_edited_message_stays_where_it_is_and_has_its_new_mark(channel: Channel) -> None:
    posted = await channel.post(NOTICE, trouble_mark(over=False))
    await channel.update(posted.id, NOTICE, trouble_mark(over=True))
    assert await found(channel, trouble_mark(over=False)) == []
    assert await found(channel, trouble_mark(over=True)) == [posted]


async def test_a_reply_is_found_in_its_thread_only(channel: Channel) -> None:
    posted = await channel.post(NOTICE, incident_mark("one"))
    reply = await channel.reply(posted.id, entry("x"), thread_mark("one", 7))
    assert await found(channel, thread_mark("one", 7), posted.id) == [reply]
    assert await found(channel, thread_mark("one", 8), posted.id) == []
    assert await found(channel, thread_mark("one", 7)) == []


async def test_a_deleted_message_is_gone_and_cannot_be_edited_or_deleted(channel: Channel) -> None:
    posted = await channel.post(NOTICE, incident_mark("one"))
    await channel.delete(posted.id)
    assert await found(channel, incident_mark("one")) == []
    with pytest.raises(MessageGone):
        await channel.update(posted.id, NOTICE, incident_mark("one"))
    with pytest.raises(MessageGone):
        await channel.delete(posted.id)


async def test_a_file_is_uploaded_first_and_shared_in_a_thread_afterwards(channel: Channel) -> None:
    posted = await channel.post(NOTICE, incident_mark("one"))
    file = await channel.upload("chart.png", b"\x89PNG", "a chart")
    await channel.share(file, "<a> chart", posted.id)


async def test_the_key_of_a_channel_is_the_same_each_time_it_is_opened(opener: Opener) -> None:
    assert await opener(lambda: True).key() == await opener(lambda: True).key()


async def test_nothing_is_sent_without_the_lease(opener: Opener) -> None:
    channel = opener(lambda: True)
    await channel.key()
    posted = await channel.post(NOTICE, incident_mark("one"))
    with pytest.raises(LostLease):
        await opener(lambda: False).post(NOTICE, incident_mark("two"))
    assert await found(channel, incident_mark("two")) == []
    assert await found(channel, incident_mark("one")) == [posted]


def test_a_kind_of_channel_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match=r"teams:x: there is no channel of the kind teams; known are .*slack"):
        open_channel("teams:x", Opening())


class Rooms:
    """Incidents shown in two files; ``places`` says in which ones, the first with the thread."""

    def __init__(self, pipeline: Pipeline, folder: Path) -> None:
        self.pipeline = pipeline
        self.channels = [file_channel.FileChannel(folder / name, Opening()) for name in ("a", "b")]
        self.places = [channel.name for channel in self.channels]
        self.start()

    def start(self) -> None:
        self.notifiers = [
            Notifier(
                self.pipeline.database,
                channel,
                self.pipeline.clock,
                interval=0,
                sleep=_at_once,
                channels_of=lambda _: self.places,
            )
            for channel in self.channels
        ]

    async def publish(self) -> None:
        for notifier in self.notifiers:
            while await notifier.reconcile():
                pass

    def kinds(self) -> list[list[str]]:
        return [[line["mark"]["kind"] for line in channel.lines()] for channel in self.channels]


async def _at_once(seconds: float) -> None:
    return


@pytest.fixture
def rooms(pipeline: Pipeline, tmp_path: Path) -> Rooms:
    return Rooms(pipeline, tmp_path)


async def test_an_incident_has_one_message_in_each_of_its_channels_and_its_thread_in_the_first(
    rooms: Rooms, alert: MakeAlert
) -> None:
    await rooms.pipeline.send(alert())
    await rooms.publish()
    assert rooms.kinds() == [["incident", "thread"], ["incident"]]
    await rooms.pipeline.send(alert("resolved"))
    await rooms.publish()
    assert rooms.kinds() == [["incident", "thread", "thread"], ["incident"]]
    assert {channel.lines()[0]["content"]["status"] for channel in rooms.channels} == {"resolved"}
    rooms.start()
    await rooms.publish()
    assert rooms.kinds() == [["incident", "thread", "thread"], ["incident"]]


@on_sqlite
async def test_the_thread_stays_in_its_channel_when_another_one_becomes_the_first(
    rooms: Rooms, alert: MakeAlert
) -> None:
    rooms.places = [rooms.channels[1].name]
    await rooms.pipeline.send(alert())
    await rooms.publish()
    assert rooms.kinds() == [[], ["incident", "thread"]]
    rooms.places = [channel.name for channel in rooms.channels]
    await rooms.pipeline.send(alert(shard="2"))
    await rooms.publish()
    assert rooms.kinds() == [["incident"], ["incident", "thread", "thread"]]


@on_sqlite
async def test_an_incident_that_is_over_is_not_brought_into_a_channel_that_did_not_show_it(
    rooms: Rooms, alert: MakeAlert
) -> None:
    rooms.notifiers.pop()
    await rooms.pipeline.send(alert(), alert("resolved"))
    await rooms.publish()
    rooms.start()
    await rooms.publish()
    assert rooms.kinds()[1] == []


@on_sqlite
async def test_a_channel_that_fails_delays_no_other(
    rooms: Rooms, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> Posted:
        raise ChannelFailure("down")

    await rooms.pipeline.send(alert())
    monkeypatch.setattr(rooms.channels[0], "post", fail)
    with pytest.raises(ChannelFailure):
        await rooms.notifiers[0].reconcile()
    while await rooms.notifiers[1].reconcile():
        pass
    assert rooms.kinds() == [[], ["incident"]]


@on_sqlite
async def test_content_that_a_channel_refuses_is_posted_in_its_simplest_form(rooms: Rooms, alert: MakeAlert) -> None:
    await rooms.pipeline.send(alert(alertname="refuse me"))
    await rooms.publish()
    assert [kinds[0] for kinds in rooms.kinds()] == ["incident", "incident"]


async def test_what_the_release_before_posted_is_edited_and_not_posted_again(
    rooms: Rooms, alert: MakeAlert, clock: Clock
) -> None:
    """It knows one channel, and its table; it may lead again during a rolling upgrade."""
    channel = rooms.channels[0]
    rooms.places = [channel.name]
    await rooms.pipeline.send(alert())
    incident = await rooms.pipeline.only_incident()
    posted = await channel.post(NOTICE, incident_mark(incident.id))
    async with rooms.pipeline.database.write() as connection:
        await connection.execute(
            text(
                "INSERT INTO slack_message (incident_id, channel, ts, shown_version, thread_position, shown_behind)"
                " VALUES (:incident, NULL, :ts, 0, 0, FALSE)"
            ),
            {"incident": incident.id, "ts": posted.id},
        )
    await rooms.publish()
    assert rooms.kinds() == [["incident", "thread"], []]
    assert channel.lines()[0]["content"]["number"] == incident.number

    moved = await channel.post(NOTICE, incident_mark(incident.id))
    async with rooms.pipeline.database.write() as connection:
        await connection.execute(text("UPDATE slack_message SET ts = :ts"), {"ts": moved.id})
    rooms.start()
    await rooms.publish()
    async with rooms.pipeline.database.read() as connection:
        kept = await channel_messages.of_incident(connection, incident.id, await channel.key())
    assert kept.ts == moved.id
    assert kept.threaded
