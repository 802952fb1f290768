"""A channel of an incident's own: made once, with whom it concerns, kept true, and archived at the end."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.domain.incident import Incident
from bot.errors import Refused
from bot.incidents import lifecycle, ownership
from bot.incidents.beside.own_channel import ask_for_channel
from bot.localslack import LocalSlack
from bot.localslack.events import SCOPES
from bot.localslack.state import BOT_USER
from bot.notify.incident_card import card_of
from bot.notify.own_channels.keeping import ARCHIVED_AFTER, OwnChannels
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.conversations.making import SlackConversations
from bot.notify.slack.render import render
from bot.notify.view import load_view
from bot.storage.queries.deeds import own_channels
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
ANA, BEN, CHEN = "U012AB3CD", "U0BYSTAND", "U0SECOND1"
NAME = "inc-1-checkout-is-slow"


class Keeper:
    """What keeps the channels, a look at a time; ``begin`` does so anew, as another process."""

    def __init__(self, pipeline: Pipeline, slack: LocalSlack) -> None:
        self.pipeline, self.slack = pipeline, slack
        self.begin()

    def begin(self) -> None:
        client = AsyncWebClient(self.slack.bot_token, base_url=self.slack.api_url, retry_handlers=[], timeout=2)

        async def on_call(incident: Incident) -> Sequence[str]:
            return [CHEN]

        self.channels = OwnChannels(
            self.pipeline.database,
            SlackConversations(client, lambda: BOT_USER),
            lambda channel: SlackChannel(client, channel),
            on_call,
            self.pipeline.clock,
            _at_once,
        )

    async def asked(self, incident: Incident, user: str = ANA) -> None:
        await ask_for_channel(self.pipeline.database, incident.id, user, self.pipeline.clock())
        await self.look()

    async def look(self) -> Any:
        return await self.channels.look()

    def made(self) -> list[str]:
        return [call["method"] for call in self.slack.calls if call["method"] == "conversations.create" and call["ok"]]

    def text(self) -> str:
        [message] = self.slack.messages(NAME)
        return json.dumps(message["blocks"], ensure_ascii=False)

    async def message(self) -> str:
        """What every message of the incident shows."""
        [incident] = await self.pipeline.incidents()
        async with self.pipeline.database.read() as connection:
            view = await load_view(connection, incident.id, self.pipeline.clock())
        assert view is not None
        return json.dumps(render(card_of(view)).blocks, ensure_ascii=False)


async def _at_once(seconds: float) -> None:
    return


async def test_it_is_made_with_whom_it_concerns_linked_in_the_message_and_archived_when_it_is_over(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(severity="critical"))
    incident = await pipeline.only_incident()
    async with LocalSlack() as slack:
        keeper = Keeper(pipeline, slack)
        await keeper.asked(incident)
        channel = slack.channel(NAME)
        assert channel.members == [BOT_USER, ANA, CHEN]
        assert f"Channel: <#{channel.id}>" in await keeper.message()
        assert f"Has a channel of its own: #{NAME}" in await pipeline.timeline_of(incident)
        assert "🚨 triggered" in keeper.text()
        await ownership.assign(pipeline.database, incident.id, BEN, ANA, pipeline.clock())
        await keeper.look()
        assert slack.channel(NAME).members == [BOT_USER, ANA, CHEN, BEN]
        assert f"assigned to <@{BEN}>" in keeper.text()
        with pytest.raises(Refused, match=f"<#{channel.id}>"):
            await keeper.asked(incident, BEN)
        await lifecycle.resolve(pipeline.database, incident.id, BEN, pipeline.clock())
        await keeper.look()
        assert "resolved by" in keeper.text() and not slack.channel(NAME).is_archived
        pipeline.clock.pass_(seconds=(ARCHIVED_AFTER + timedelta(minutes=1)).total_seconds())
        await keeper.look()
        await keeper.look()
        assert slack.channel(NAME).is_archived
        assert len(keeper.made()) == 1


@pytest.mark.parametrize("broken", ["conversations.create", "conversations.invite", "chat.postMessage"])
async def test_whatever_call_loses_its_answer_there_is_one_channel_with_one_message(
    pipeline: Pipeline, alert: MakeAlert, broken: str
) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with LocalSlack() as slack:
        keeper = Keeper(pipeline, slack)
        slack.fail(broken, "timeout")
        await keeper.asked(incident)
        keeper.begin()
        for _ in range(3):
            await keeper.look()
        assert [one.name for one in slack.all_channels() if one.creator == BOT_USER] == [NAME]
        assert len(slack.messages(NAME)) == 1
        assert slack.channel(NAME).members == [BOT_USER, ANA, CHEN]


async def test_a_name_that_others_have_taken_gets_a_number(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with LocalSlack(channels=("incidents", NAME)) as slack:
        keeper = Keeper(pipeline, slack)
        await keeper.asked(await pipeline.only_incident())
        assert slack.channel(f"{NAME}-2").creator == BOT_USER
        assert slack.messages(NAME) == []


async def test_without_the_scope_the_thread_says_what_is_missing_and_it_can_be_asked_for_again(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with LocalSlack(scopes=SCOPES.replace(",channels:manage", "")) as slack:
        keeper = Keeper(pipeline, slack)
        await keeper.asked(incident)
        told = await pipeline.timeline_of(incident)
        assert "No channel was made" in told[-1] and "channels:manage" in told[-1]
    async with LocalSlack() as slack:
        keeper = Keeper(pipeline, slack)
        await keeper.asked(incident)
        assert len(keeper.made()) == 1


async def test_one_who_cannot_be_invited_keeps_nobody_out_and_who_left_is_not_called_back(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with LocalSlack() as slack:
        slack.deactivated.add(CHEN)
        keeper = Keeper(pipeline, slack)
        await keeper.asked(incident)
        assert slack.channel(NAME).members == [BOT_USER, ANA]
        invited = [call for call in slack.calls if call["method"] == "conversations.invite"]
        await ownership.note(pipeline.database, incident.id, "still slow", ANA, pipeline.clock())
        await keeper.look()
        assert len([call for call in slack.calls if call["method"] == "conversations.invite"]) == len(invited)


async def test_a_channel_that_somebody_archived_stays_so_and_a_new_one_may_be_asked_for(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with LocalSlack() as slack:
        keeper = Keeper(pipeline, slack)
        await keeper.asked(incident)
        slack.channel(NAME).is_archived = True
        await ownership.assign(pipeline.database, incident.id, BEN, ANA, pipeline.clock())
        await keeper.look()
        async with pipeline.database.read() as connection:
            own = await own_channels.of_incident(connection, incident.id)
        assert own is not None and own.state == "archived"
        await keeper.asked(incident)
        assert BEN in slack.channel(f"{NAME}-2").members


async def test_where_slack_refuses_the_token_or_is_down_no_channel_is_given_up(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with LocalSlack() as slack:
        keeper = Keeper(pipeline, slack)
        await keeper.asked(incident)
        await ownership.note(pipeline.database, incident.id, "still slow", ANA, pipeline.clock())
        for kind in ("revoked", "500", "429"):
            slack.fail("*", kind)
            assert await keeper.look() is not None
        assert await keeper.look() is None
        assert len(keeper.made()) == 1
