"""Messages to the bot are taken once, from whoever may write to it, and answered in their thread."""

from collections.abc import Callable
from typing import Any

from bot.domain.event import AlertEvent
from bot.incidents import lifecycle
from bot.localslack import LocalSlack
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage
from tests.acceptance.harness import until
from tests.integration.handlers.slack_workspace import CHANNEL, GUEST, MEMBER, STRANGER, Office, office
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


async def thread_of_incident(found: Office) -> str:
    """The message of the only incident, as the notifier would have posted it."""
    incident = await found.pipeline.only_incident()
    ts = await found.slack.post(MEMBER, CHANNEL, "the incident's message")
    async with found.pipeline.database.write() as connection:
        message = ChannelMessage(incident_id=incident.id, channel="C0INCIDENTS", ts=ts, threaded=True)
        await channel_messages.save(connection, message)
    return ts


def answers(slack: LocalSlack, thread: str) -> list[dict[str, Any]]:
    return [one for one in slack.replies(CHANNEL, thread) if one.get("bot_id")]


async def asked(found: Office, thread: str, text: str, user: str = MEMBER) -> str:
    """What the bot answers to a person."""
    before = len(answers(found.slack, thread))
    await found.slack.post(user, CHANNEL, text, thread)

    async def answered() -> bool:
        return len(answers(found.slack, thread)) > before

    await until(answered, "the bot answers in the thread")
    return str(answers(found.slack, thread)[-1]["text"])


async def test_a_mention_in_the_thread_of_an_incident_is_answered_there(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="checkout"))
    async with office(pipeline, {}) as found:
        thread = await thread_of_incident(found)
        assert "checkout" in await asked(found, thread, "@tandem status?")


async def test_an_event_that_slack_sends_again_is_answered_once(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="checkout"))
    async with office(pipeline, {}) as found:
        thread = await thread_of_incident(found)
        await asked(found, thread, "@tandem status?")
        assert await found.slack.send_event_again() == 200
        await asked(found, thread, "@tandem status?")
        assert len(answers(found.slack, thread)) == 2


async def test_what_does_not_mention_the_bot_is_left_alone_and_what_is_written_to_it_alone_is_answered(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout"))
    async with office(pipeline, {}) as found:
        thread = await thread_of_incident(found)
        await found.slack.post(MEMBER, CHANNEL, "what changed?", thread)
        first = await found.slack.post(MEMBER, MEMBER, "what is wrong?")

        async def answered() -> bool:
            return bool(found.slack.replies(MEMBER, first))

        await until(answered, "the bot answers directly")
        assert answers(found.slack, thread) == []


async def test_who_may_not_ask_is_told_so_and_nothing_of_the_incident(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="checkout"))
    async with office(pipeline, {}) as found:
        thread = await thread_of_incident(found)
        for user in (STRANGER, GUEST):
            refused = await asked(found, thread, "@tandem status?", user)
            assert "You may not ask in incident #1" in refused and "checkout" not in refused
    async with office(pipeline, {"permissions": {"ask": [GUEST]}}) as found:
        thread = await thread_of_incident(found)
        assert "checkout" in await asked(found, thread, "@tandem status?", GUEST)
        assert "You may not ask" in await asked(found, thread, "@tandem status?", MEMBER)


async def test_what_is_not_understood_offers_questions_that_are_answered_on_a_click_once(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout"))
    async with office(pipeline, {}) as found:
        thread = await thread_of_incident(found)
        assert "I have no answer to “sing a song”" in await asked(found, thread, "@tandem sing a song")
        last = answers(found.slack, thread)[-1]
        buttons = [element for block in last["blocks"] for element in block.get("elements", [])]
        assert [one["text"]["text"] for one in buttons][:2] == ["What changed?", "How does it stand?"]
        assert await found.slack.click(MEMBER, CHANNEL, last["ts"], "ask.status") == 200

        async def answered() -> bool:
            return "triggered, warning" in answers(found.slack, thread)[-1]["text"]

        await until(answered, "the click is answered in the thread")
        assert await found.slack.click(GUEST, CHANNEL, last["ts"], "ask.status") == 200

        async def refused() -> bool:
            return bool(found.slack.ephemerals(GUEST))

        await until(refused, "the guest is refused")
        assert len(answers(found.slack, thread)) == 2


async def test_outside_of_threads_an_incident_is_named_by_its_number_where_the_channel_shows_it(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout"))
    async with office(pipeline, {}) as found:
        thread = await thread_of_incident(found)
        await pipeline.send(alert(service="hidden", cluster="other"))
        other = await found.slack.post(MEMBER, CHANNEL, "a thread about lunch")
        assert "checkout" in await asked(found, other, "@tandem status of #1?")
        assert "There is no incident #2 here" in await asked(found, other, "@tandem status of #2?")
        assert "checkout" in await asked(found, other, "@tandem what is going on?")
        assert answers(found.slack, thread) == []


async def test_people_are_named_in_an_answer_and_not_called_by_it(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="checkout"))
    await lifecycle.acknowledge(pipeline.database, (await pipeline.only_incident()).id, MEMBER, pipeline.clock.now)
    async with office(pipeline, {}) as found:
        thread = await thread_of_incident(found)
        await asked(found, thread, "@tandem who has it?")

        async def named() -> bool:
            return f"<@{MEMBER}>" in answers(found.slack, thread)[-1]["text"]

        await until(named, "the edit names who has it")
        posted = [call for call in found.slack.calls if call["method"] in ("chat.postMessage", "chat.update")]
        assert [call["method"] for call in posted] == ["chat.postMessage", "chat.update"]


async def test_nothing_from_outside_is_markup_in_an_answer(pipeline: Pipeline, alert: MakeAlert) -> None:
    bad = "<!channel> *x* <https://evil.example|click> <@U0MEMBER1>"
    await pipeline.send(alert(service=bad, alertname=bad))
    async with office(pipeline, {}) as found:
        thread = await thread_of_incident(found)
        for question in ("status", "which alerts fire?", "what changed?", "what depends on it?", bad, "compare"):
            said = await asked(found, thread, f"@tandem {question}")
            shown = str(answers(found.slack, thread)[-1]["blocks"])
            for mark in ("<!channel", "<https://evil", "<@U0MEMBER1"):
                assert mark not in said and mark not in shown
