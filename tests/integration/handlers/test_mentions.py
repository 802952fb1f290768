"""Messages to the bot are taken once, from whoever may write to it, and answered in their thread."""

from collections.abc import Callable
from typing import Any

from bot.domain.event import AlertEvent
from bot.localslack import LocalSlack
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage
from tests.acceptance.harness import until
from tests.integration.handlers.slack_workspace import CHANNEL, MEMBER, STRANGER, Office, office
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


async def test_a_person_of_another_workspace_is_known_as_one(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="checkout"))
    async with office(pipeline, {}) as found:
        thread = await thread_of_incident(found)
        assert "checkout" in await asked(found, thread, "@tandem status?", STRANGER)
