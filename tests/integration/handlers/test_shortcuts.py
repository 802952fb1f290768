"""Shortcuts: an incident from anywhere, from a message, and a message for the timeline."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.event import AlertEvent
from tests.acceptance.harness import until
from tests.integration.handlers.slack_workspace import CHANNEL, GUEST, MEMBER, Office, office
from tests.integration.handlers.test_mentions import thread_of_incident
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def _form(found: Office, user: str = MEMBER) -> dict[str, Any]:
    async def opened() -> bool:
        return found.slack.view(user) is not None

    await until(opened, "a form is open")
    return dict(found.slack.view(user) or {})


async def _told(found: Office, words: str) -> None:
    async def shown() -> bool:
        return words in str(found.slack.view(MEMBER))

    await until(shown, f"the person is told: {words}")


def _words(view: dict[str, Any]) -> str:
    return str(view["blocks"][0]["text"]["text"])


@on_sqlite
async def test_an_incident_is_opened_from_anywhere(pipeline: Pipeline) -> None:
    async with office(pipeline, {}) as found:
        assert await found.slack.shortcut(MEMBER, "incident.open") == 200
        assert (await _form(found))["callback_id"] == "incident.open"
        assert await found.slack.submit_view(MEMBER, {"title": "Customers cannot pay", "service": "checkout"}) == {}
        assert "Incident #1 is open, high" in _words(await _form(found))
    incident = await pipeline.only_incident()
    assert (incident.title, incident.services, incident.kept_open_by) == (
        "Customers cannot pay",
        ["checkout"],
        MEMBER,
    )


@on_sqlite
async def test_an_incident_is_made_of_a_message_which_is_in_its_timeline(pipeline: Pipeline) -> None:
    async with office(pipeline, {}) as found:
        ts = await found.slack.post(GUEST, CHANNEL, "payments are timing out\nsince the deploy")
        assert await found.slack.shortcut(MEMBER, "incident.of_message", CHANNEL, ts) == 200
        view = await _form(found)
        assert view["blocks"][0]["element"]["initial_value"] == "payments are timing out"
        assert await found.slack.submit_view(MEMBER, {"title": "Payments time out"}) == {}
        assert "The message is in its timeline" in _words(await _form(found))
    lines = await pipeline.timeline_of(await pipeline.only_incident())
    assert any("since the deploy" in line and GUEST in line for line in lines)


@on_sqlite
async def test_what_cannot_be_opened_stays_in_the_form_with_the_reason(pipeline: Pipeline) -> None:
    async with office(pipeline, {"permissions": {"declare": ["U0SOMEBODY"]}}) as found:
        await found.slack.shortcut(MEMBER, "incident.open")
        await _form(found)
        errors = await found.slack.submit_view(MEMBER, {"title": "Customers cannot pay"})
        assert list(errors) == ["title"]
        assert await pipeline.incidents() == []


@on_sqlite
async def test_the_command_without_a_title_opens_the_same_form(pipeline: Pipeline) -> None:
    async with office(pipeline, {}) as found:
        await found.slack.command(MEMBER, CHANNEL, "/incident", "open")
        assert (await _form(found))["callback_id"] == "incident.open"


@on_sqlite
async def test_a_message_of_an_incidents_thread_is_noted_there_once(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="checkout"))
    async with office(pipeline, {}) as found:
        thread = await thread_of_incident(found)
        ts = await found.slack.post(MEMBER, CHANNEL, "replica 3 was restarted", thread)
        for words in ("Noted in the timeline of incident #1", "is in the timeline of incident #1 already"):
            await found.slack.shortcut(MEMBER, "incident.note_of_message", CHANNEL, ts)
            await _told(found, words)
    lines = await pipeline.timeline_of(await pipeline.only_incident())
    assert sum("replica 3 was restarted" in line for line in lines) == 1


@on_sqlite
async def test_a_message_from_elsewhere_is_noted_of_the_incident_that_is_chosen(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout"))
    async with office(pipeline, {}) as found:
        ts = await found.slack.post(GUEST, CHANNEL, "I see timeouts as well")
        await found.slack.shortcut(MEMBER, "incident.note_of_message", CHANNEL, ts)
        element = (await _form(found))["blocks"][0]["element"]
        chosen = {"selected_option": element["options"][0]}
        assert await found.slack.submit_view(MEMBER, {"incident": chosen}) == {}
        assert "Noted in the timeline of incident #1" in _words(await _form(found))
    lines = await pipeline.timeline_of(await pipeline.only_incident())
    assert any("I see timeouts as well" in line and GUEST in line for line in lines)
