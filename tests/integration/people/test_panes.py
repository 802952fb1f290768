"""Conversations with the bot beside what a person looks at: which incident is meant, and what is suggested."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.event import AlertEvent
from bot.localslack.events import SCOPES
from bot.localslack.state import Json
from bot.questions.question import all_questions
from bot.questions.understanding import understood
from bot.storage.queries.shown import channel_messages
from bot.storage.queries.shown.channel_messages import ChannelMessage
from tests.acceptance.harness import until
from tests.integration.handlers.slack_workspace import CHANNEL, GUEST, MEMBER, STRANGER, Office, office
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
OLDER = pytest.mark.parametrize("agent_view", [True, False], ids=["agent_view", "assistant_view"])


async def two_incidents(found: Office, alert: MakeAlert) -> str:
    """The first is shown in the channel, by the message that is given; the second nowhere yet."""
    await found.pipeline.send(alert(service="checkout"))
    incident = await found.pipeline.only_incident()
    ts = await found.slack.post(MEMBER, CHANNEL, "the incident's message")
    async with found.pipeline.database.write() as connection:
        message = ChannelMessage(incident_id=incident.id, channel="C0INCIDENTS", ts=ts, threaded=True)
        await channel_messages.save(connection, message)
    await found.pipeline.send(alert(service="billing", cluster="other", severity="critical"))
    return ts


async def suggested(found: Office, thread: str, wanted: str, user: str = MEMBER) -> Json:
    """What is suggested once it has a heading like this."""

    async def there() -> bool:
        return wanted in found.slack.pane(user, thread)["heading"]

    await until(there, f"a heading with {wanted}")
    return found.slack.pane(user, thread)


async def answer_to(found: Office, text: str, thread: str = "", user: str = MEMBER) -> tuple[str, str]:
    """What the bot answers there, and the thread in which it does."""
    before = len(_said(found, user, thread)) if thread else 0
    first = await found.slack.post(user, user, text, thread or None)

    async def answered() -> bool:
        return len(_said(found, user, thread or first)) > before

    await until(answered, "an answer")
    return str(_said(found, user, thread or first)[-1]["text"]), thread or first


def _said(found: Office, user: str, thread: str) -> list[Json]:
    return [one for one in found.slack.replies(user, thread) if one.get("bot_id")]


@OLDER
async def test_the_channel_that_a_person_looks_at_decides_which_incident_is_meant(
    pipeline: Pipeline, alert: MakeAlert, agent_view: bool
) -> None:
    async with office(pipeline, {}, agent_view=agent_view) as found:
        await two_incidents(found, alert)
        thread = await found.slack.open_assistant(MEMBER, CHANNEL)
        pane = await suggested(found, thread, "#1")
        assert pane["prompts"][0] == {"title": "What changed?", "message": "#1: What changed?"}
        said, asked_in = await answer_to(found, "how does it stand?", thread)
        assert "checkout" in said and "billing" not in said
        assert "#1" in (await answer_to(found, "how does it stand?", asked_in))[0], "the thread goes on about it"


@OLDER
async def test_from_elsewhere_the_open_incidents_are_offered_and_a_click_asks_about_one(
    pipeline: Pipeline, alert: MakeAlert, agent_view: bool
) -> None:
    async with office(pipeline, {}, agent_view=agent_view) as found:
        await two_incidents(found, alert)
        thread = await found.slack.open_assistant(MEMBER, None)
        pane = await suggested(found, thread, "Which incident?")
        titles = [one["title"] for one in pane["prompts"]]
        assert titles[0].startswith("#2 ") and titles[1].startswith("#1 "), "the worst first"
        said, asked_in = await answer_to(found, pane["prompts"][0]["message"], thread)
        assert "critical" in said
        pane = await suggested(found, thread, "Ask about #2")
        assert pane["prompts"][0]["message"] == "#2: What changed?"
        said, _ = await answer_to(found, "which alerts fire?", asked_in)
        assert "billing" in said, "the same incident, without its number"


async def test_whoever_goes_to_the_channel_of_another_incident_means_that_one(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    async with office(pipeline, {}, agent_view=False) as found:
        await two_incidents(found, alert)
        thread = await found.slack.open_assistant(MEMBER, None)
        await suggested(found, thread, "Which incident?")
        await answer_to(found, "#2: how does it stand?", thread)
        title = found.slack.pane(MEMBER, thread)["title"]

        async def titled() -> bool:
            return str(found.slack.pane(MEMBER, thread)["title"]).startswith("#2 ")

        await until(titled, f"a title, not {title}")
        await found.slack.look_at(MEMBER, CHANNEL, thread)
        await suggested(found, thread, "Ask about #1")
        assert "checkout" in (await answer_to(found, "how does it stand?", thread))[0]


async def test_a_message_that_a_person_looks_at_names_its_incident(pipeline: Pipeline, alert: MakeAlert) -> None:
    async with office(pipeline, {}) as found:
        ts = await two_incidents(found, alert)
        await found.slack.open_assistant(MEMBER, None)
        await found.slack.look_at(MEMBER, CHANNEL, message=ts)
        await suggested(found, "", "Ask about #1")


@OLDER
async def test_slack_says_that_the_bot_is_at_work_until_it_has_answered(
    pipeline: Pipeline, alert: MakeAlert, agent_view: bool
) -> None:
    async with office(pipeline, {}, agent_view=agent_view) as found:
        await two_incidents(found, alert)
        thread = await found.slack.open_assistant(MEMBER, CHANNEL)
        await suggested(found, thread, "#1")
        _, asked_in = await answer_to(found, "what changed?", thread)
        made = [call["method"] for call in found.slack.calls]
        assert made.index("assistant.threads.setStatus") < made.index("chat.postMessage")
        assert found.slack.pane(MEMBER, asked_in)["status"] == ""


@OLDER
@pytest.mark.parametrize("user", [GUEST, STRANGER])
async def test_who_may_not_ask_is_suggested_nothing_and_learns_of_no_incident(
    pipeline: Pipeline, alert: MakeAlert, agent_view: bool, user: str
) -> None:
    async with office(pipeline, {}, agent_view=agent_view) as found:
        await two_incidents(found, alert)
        thread = await found.slack.open_assistant(user, CHANNEL)
        pane = await suggested(found, thread, "No incident is open that you may ask about", user)
        assert "checkout" not in str(pane) and "billing" not in str(pane)
        said, _ = await answer_to(found, "what is wrong?", thread, user)
        assert "checkout" not in said and "billing" not in said
        said, _ = await answer_to(found, "status of #2?", thread, user)
        assert "You may not ask" in said and "billing" not in said


async def test_a_team_that_alone_may_ask_is_offered_its_own_incidents_and_no_others(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    teams = {"shop": {"services": ["checkout"], "members": [MEMBER]}}
    async with office(pipeline, {"permissions": {"ask": ["team"]}, "teams": teams}) as found:
        await two_incidents(found, alert)
        await found.slack.open_assistant(MEMBER, None)
        pane = await suggested(found, "", "#")
        assert "#1" in pane["heading"] and "billing" not in str(pane) and "#2" not in str(pane)


async def test_what_stands_in_another_workspace_is_nothing_that_is_looked_at(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    async with office(pipeline, {}) as found:
        await two_incidents(found, alert)
        entity: Any = {"type": "slack#/types/channel_id", "value": "C0INCIDENTS", "team_id": "T0FOREIGN"}
        about = {"type": "app_context_changed", "user": MEMBER, "channel": f"D0{MEMBER[1:]}"}
        await found.slack.happened("app_context_changed", {**about, "context": {"entities": [entity]}})
        await suggested(found, "", "Which incident?")
        for odd in ({}, {"entities": "x"}, {"entities": [None, {"type": 1}, {"type": "slack#/types/channel_id"}]}, [1]):
            await found.slack.happened("app_context_changed", {**about, "context": odd})
        assert "checkout" in (await answer_to(found, "#1: how does it stand?"))[0], "it goes on"


async def test_no_answer_waits_for_slack_to_say_that_the_bot_is_at_work(pipeline: Pipeline, alert: MakeAlert) -> None:
    async with office(pipeline, {}, agent_view=False) as found:
        await two_incidents(found, alert)
        thread = await found.slack.open_assistant(MEMBER, CHANNEL)
        await suggested(found, thread, "#1")
        found.slack.fail("assistant.threads.setStatus", "timeout_before", count=1000)
        assert "checkout" in (await answer_to(found, "how does it stand?", thread))[0]
        assert not [call for call in found.slack.calls if "setStatus" in call["method"] and call["ok"]]


async def test_an_app_that_may_not_suggest_answers_all_the_same(pipeline: Pipeline, alert: MakeAlert) -> None:
    lesser = ",".join(scope for scope in SCOPES.split(",") if scope != "assistant:write")
    async with office(pipeline, {}, scopes=lesser, agent_view=False) as found:
        await two_incidents(found, alert)
        thread = await found.slack.open_assistant(MEMBER, CHANNEL)
        found.slack.fail("assistant.threads.setStatus", "500", count=5)

        async def tried() -> bool:
            return any(call["error"] == "missing_scope" for call in found.slack.calls)

        await until(tried, "the suggestion is refused")
        assert "checkout" in (await answer_to(found, "how does it stand?", thread))[0]


def test_each_suggested_question_is_understood_as_what_its_label_says() -> None:
    understood_as = {one.name: understood(f"#12: {one.label}") for one in all_questions().values()}
    assert {name: one and one.name for name, one in understood_as.items()} == {name: name for name in understood_as}
