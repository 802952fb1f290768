"""Notes that people make of what they write in an incident's thread: by a mention of the bot, or by a reaction."""

import json
from collections.abc import Callable
from datetime import timedelta

import aiohttp
import msgspec
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.incident import TimelineEntry, TimelineKind
from bot.localslack.events import SCOPES
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from bot.storage.queries import audit, incidents
from bot.storage.queries.deeds import own_channels
from bot.storage.queries.deeds.own_channels import OwnChannel, OwnState
from tests.acceptance.harness import until
from tests.integration.handlers.slack_workspace import CHANNEL, GUEST, MEMBER, Office, office
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
SECOND = "U0MEMBER2"


async def _shown(at: Office) -> str:
    """The message of the only incident."""
    channel = SlackChannel(AsyncWebClient(at.slack.bot_token, base_url=at.slack.api_url), "#incidents")
    notifier = Notifier(at.pipeline.database, channel, at.clock, interval=0.0)
    while await notifier.reconcile():
        pass
    return str(at.slack.messages(CHANNEL)[0]["ts"])


async def _notes(at: Office) -> list[TimelineEntry]:
    incident = await at.pipeline.only_incident()
    async with at.pipeline.database.read() as connection:
        found = await incidents.timeline_of(connection, incident.id)
    return [entry for _, entry in found if entry.kind is TimelineKind.NOTE]


async def _mentioned(at: Office, user: str, thread: str, text: str) -> str:
    """What the bot answers in the thread."""

    def answers() -> list[str]:
        found = at.slack.replies(CHANNEL, thread)
        return [str(one["text"]) for one in found if one.get("bot_id") and not one.get("metadata")]

    async def answered() -> bool:
        return len(answers()) > before

    before = len(answers())
    await at.slack.post(user, CHANNEL, text, thread)
    await until(answered, f"{user} is answered")
    return answers()[-1]


async def _answered(at: Office, user: str, before: int) -> str:
    async def answered() -> bool:
        return len(at.slack.ephemerals(user)) > before

    await until(answered, f"{user} is answered")
    return str(at.slack.ephemerals(user)[before]["text"])


async def test_what_is_written_to_the_bot_after_note_is_a_note_of_the_thread(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        thread = await _shown(at)
        said = await _mentioned(at, MEMBER, thread, "@tandem Note: replica 3 &amp; its disk were replaced")
        assert said == "📝 Noted in the timeline of incident #1."
        [note] = await _notes(at)
        assert (note.text, note.actor, note.posted) == ("replica 3 & its disk were replaced", MEMBER, True)
        before = len(at.slack.replies(CHANNEL, thread))
        await _shown(at)
        assert len(at.slack.replies(CHANNEL, thread)) == before, "the thread does not say it twice"
        async with at.pipeline.database.read() as connection:
            entries = await audit.entries(connection)
        assert [(one["actor"], one["action"]) for one in entries][-1] == (MEMBER, "incident.note")


async def test_a_reaction_on_a_reply_makes_it_a_note_once_whoever_reacts_and_however_often(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        at.slack.users[SECOND] = "may"
        thread = await _shown(at)
        reply = await at.slack.post(MEMBER, CHANNEL, "It was the disk of <https://db.example|db-3>", thread)
        await at.slack.react(MEMBER, CHANNEL, reply, "eyes")
        await at.slack.react(SECOND, CHANNEL, reply, "memo")
        assert await _answered(at, SECOND, 0) == "Noted in incident #1."
        await at.slack.react(MEMBER, CHANNEL, reply, "pushpin")
        assert "already" in await _answered(at, MEMBER, 0)
        [note] = await _notes(at)
        assert note.text == f"It was the disk of https://db.example — @{MEMBER}"
        assert (note.actor, note.person) == (SECOND, MEMBER)


async def test_a_note_that_was_written_by_a_mention_is_not_made_again_by_a_reaction(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        thread = await _shown(at)
        await _mentioned(at, MEMBER, thread, "@tandem note it was the disk")
        [ts] = [one["ts"] for one in at.slack.replies(CHANNEL, thread) if one["user"] == MEMBER]
        await at.slack.react(MEMBER, CHANNEL, ts, "memo")
        assert "already" in await _answered(at, MEMBER, 0)
        assert len(await _notes(at)) == 1


async def test_what_is_written_in_an_incidents_own_channel_is_about_it_and_its_thread_says_so(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        incident = await pipeline.only_incident()
        now = at.clock()
        own = OwnChannel(incident_id=incident.id, name=CHANNEL, asked_by=MEMBER, asked_at=now, changed_at=now)
        async with pipeline.database.write() as connection:
            made = msgspec.structs.replace(own, channel="C0INCIDENTS", state=OwnState.MADE)
            await own_channels.save(connection, made)
        alone = await at.slack.post(MEMBER, CHANNEL, "it was the disk")
        await at.slack.react(MEMBER, CHANNEL, alone, "memo")
        assert await _answered(at, MEMBER, 0) == "Noted in incident #1."
        other = await at.slack.post(MEMBER, CHANNEL, "@tandem note and the fan")

        async def noted() -> bool:
            return bool(at.slack.replies(CHANNEL, other))

        await until(noted, "the bot answers")
        assert [(note.text, note.posted) for note in await _notes(at)] == [
            ("it was the disk", False),
            ("and the fan", False),
        ]


async def test_a_reaction_that_slack_sends_again_is_taken_once(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        thread = await _shown(at)
        reply = await at.slack.post(MEMBER, CHANNEL, "it was the disk", thread)
        await at.slack.react(MEMBER, CHANNEL, reply, "memo")
        await _answered(at, MEMBER, 0)
        at.clock.shift += timedelta(seconds=2)
        assert await at.slack.send_event_again() == 200
        other = await at.slack.post(MEMBER, CHANNEL, "and the fan", thread)
        await at.slack.react(MEMBER, CHANNEL, other, "pushpin")
        assert await _answered(at, MEMBER, 1) == "Noted in incident #1."
        assert [note.text for note in await _notes(at)] == ["it was the disk", "and the fan"]
        assert len(at.slack.ephemerals(MEMBER)) == 2, "nobody is told of what came twice"


async def test_who_may_not_write_notes_may_not_do_so_by_mention_or_reaction(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        thread = await _shown(at)
        assert "You may not write a note" in await _mentioned(at, GUEST, thread, "@tandem note I know better")
        reply = await at.slack.post(MEMBER, CHANNEL, "a reply", thread)
        await at.slack.react(GUEST, CHANNEL, reply, "memo")
        assert "You may not write a note" in await _answered(at, GUEST, 0)
        assert await _notes(at) == []


async def test_what_cannot_be_a_note_is_said_and_what_stands_elsewhere_is_let_be(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        thread = await _shown(at)
        assert "nothing written" in await _mentioned(at, MEMBER, thread, "@tandem note")
        assert "up to 2000" in await _mentioned(at, MEMBER, thread, f"@tandem note {'x' * 2001}")
        alone = await at.slack.post(MEMBER, CHANNEL, "this is in no thread")
        await at.slack.react(MEMBER, CHANNEL, alone, "memo")
        await at.slack.react(MEMBER, CHANNEL, thread, "memo")
        own = at.slack.replies(CHANNEL, thread)
        await at.slack.react(MEMBER, CHANNEL, next(one["ts"] for one in own if one.get("metadata")), "memo")
        await _mentioned(at, MEMBER, thread, "@tandem note this one")
        assert [note.text for note in await _notes(at)] == ["this one"]


async def test_an_app_without_the_scopes_gets_no_events_and_all_else_works(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    old = SCOPES.replace(",app_mentions:read,reactions:read", "")
    async with office(pipeline, {}, scopes=old) as at:
        thread = await _shown(at)
        reply = await at.slack.post(MEMBER, CHANNEL, "@tandem note it was the disk", thread)
        await at.slack.react(MEMBER, CHANNEL, reply, "memo")
        assert await at.typed(MEMBER, "note 1 written") == "Noted in incident #1."
        assert [note.text for note in await _notes(at)] == ["written"]


async def test_slack_is_answered_when_it_asks_whether_events_may_be_sent_here(pipeline: Pipeline) -> None:
    async with office(pipeline, {}) as at:
        body = json.dumps({"type": "url_verification", "token": "unused", "challenge": "3eZbrw1aB"})
        headers = at.slack.sign(body.encode(), int(at.clock().timestamp())) | {"Content-Type": "application/json"}
        assert at.slack.request_url is not None
        async with (
            aiohttp.ClientSession() as session,
            session.post(at.slack.request_url, data=body.encode(), headers=headers) as answer,
        ):
            assert answer.status == 200
            assert "3eZbrw1aB" in await answer.text()
