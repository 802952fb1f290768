"""The menu of a message: what is chosen there does what a button of that action would do."""

from collections.abc import Callable
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from tests.acceptance.harness import until
from tests.integration.handlers.slack_workspace import CHANNEL, MEMBER, Office, office
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


async def _shown(at: Office) -> list[str]:
    """The messages of all incidents, by number."""
    channel = SlackChannel(AsyncWebClient(at.slack.bot_token, base_url=at.slack.api_url), "#incidents")
    notifier = Notifier(at.pipeline.database, channel, at.clock, interval=0.0)
    while await notifier.reconcile():
        pass
    found = {message["text"].split()[1]: message["ts"] for message in at.slack.messages(CHANNEL)}
    return [found[number] for number in sorted(found)]


async def _form(at: Office) -> dict[str, Any]:
    async def opened() -> bool:
        return at.slack.view(MEMBER) is not None

    await until(opened, "a form is open")
    return at.slack.view(MEMBER) or {}


async def test_silence_is_chosen_in_the_menu(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        [ts] = await _shown(at)
        assert await at.slack.click(MEMBER, CHANNEL, ts, "incident.silence") == 200
        assert (await _form(at))["callback_id"] == "incident.silence"


async def test_an_incident_is_merged_into_another_that_is_chosen_in_a_form(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    await pipeline.send(alert(service="mail"))
    async with office(pipeline, {}) as at:
        _, second = await _shown(at)
        assert await at.slack.click(MEMBER, CHANNEL, second, "incident.merge") == 200
        form = await _form(at)
        [option] = form["blocks"][0]["element"]["options"]
        assert (form["callback_id"], option["text"]["text"]) == ("incident.merge", "#1 checkout is slow")
        assert await at.slack.submit_view(MEMBER, {"into": {"selected_option": option}}) == {}
    first, gone = await pipeline.incidents()
    assert (gone.part_of, sorted(first.services)) == (first.id, ["checkout", "mail"])


async def test_merge_says_where_there_is_nothing_to_merge_with(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        [ts] = await _shown(at)
        before = len(at.slack.ephemerals(MEMBER))
        assert await at.slack.click(MEMBER, CHANNEL, ts, "incident.merge") == 200

        async def answered() -> bool:
            return len(at.slack.ephemerals(MEMBER)) > before

        await until(answered, "the person is answered")
        assert "No other incident is open" in at.slack.ephemerals(MEMBER)[-1]["text"]


async def test_owner_severity_and_note_are_given_in_one_form(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {}) as at:
        [ts] = await _shown(at)
        assert await at.slack.click(MEMBER, CHANNEL, ts, "incident.lead") == 200
        form = await _form(at)
        assert form["callback_id"] == "incident.lead"
        option = form["blocks"][1]["element"]["options"][0]
        assert "Fill in" in (await at.slack.submit_view(MEMBER, {}))["owner"]
        filled = {
            "owner": {"selected_user": MEMBER},
            "severity": {"selected_option": option},
            "note": {"value": "it was the disk"},
        }
        assert await at.slack.submit_view(MEMBER, filled) == {}
    incident = await pipeline.only_incident()
    assert (incident.owner, incident.severity, incident.severity_by) == (MEMBER, "critical", MEMBER)
    assert "it was the disk" in await pipeline.timeline_of(incident)


async def test_what_a_form_asks_for_and_cannot_be_is_said_at_its_field(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {"permissions": {"severity": ["U0SOMEBODY"]}}) as at:
        [ts] = await _shown(at)
        await at.slack.click(MEMBER, CHANNEL, ts, "incident.lead")
        option = (await _form(at))["blocks"][1]["element"]["options"][0]
        filled = {"owner": {"selected_user": MEMBER}, "severity": {"selected_option": option}}
        errors = await at.slack.submit_view(MEMBER, filled)
        assert "You may not set the severity" in errors["severity"]
    assert (await pipeline.only_incident()).severity == "warning"
