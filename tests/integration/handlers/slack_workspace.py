"""A workspace with people, and the bot's endpoint for it in the test's process."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_sdk.web.async_client import AsyncWebClient

from bot.config.model import Config
from bot.localslack import LocalSlack
from bot.notify.slack.conversations.messages import Messages
from bot.notify.slack.conversations.panes import Panes
from bot.notify.slack.identity import Identity
from bot.notify.slack.links import Links
from bot.notify.slack.people import People
from bot.notify.slack.sharing.files import Files
from bot.notify.slack.sharing.unfurls import Unfurls
from bot.routing.schedules.roster import Roster
from handlers.slack import SlackEndpoint, add_slack_route, make_bolt_app
from handlers.slack.origin import Origins
from tests.acceptance.harness import until
from tests.integration.pipeline_driver import Pipeline

CHANNEL = "incidents"
MEMBER, GUEST, STRANGER = "U0MEMBER1", "U0GUEST11", "U0STRANGE"
TEAM, APP = "T0LOCAL", "A0TANDEM"


class ShiftedClock:
    """The time, moved by hand; by less than the five minutes for which Bolt takes a signature."""

    def __init__(self) -> None:
        self.shift = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift


@dataclass
class Office:
    """``pipeline`` makes the incidents that people of ``slack`` see."""

    slack: LocalSlack
    pipeline: Pipeline
    clock: ShiftedClock
    roster: Roster

    async def typed(self, user: str, text: str, slash: str = "/incident") -> str:
        """What the command answers, to this person alone."""
        before = len(self.slack.ephemerals(user))
        assert (status := await self.slack.command(user, CHANNEL, slash, text)) == 200, status
        return await self._shown(user, before)

    async def clicked(
        self, user: str, action: str, value: str, *, answered: bool = False, **changed: Any
    ) -> tuple[int, str]:
        """Post a click as Slack does, with parts of it changed; the status, and what the person is shown then."""
        before = len(self.slack.ephemerals(user))
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": "x", "team_id": self.slack.foreign.get(user, TEAM)},
            "team": {"id": TEAM},
            "enterprise": None,
            "channel": {"id": "C0INCIDENTS"},
            "container": {"type": "message", "message_ts": "1.1", "channel_id": "C0INCIDENTS"},
            "api_app_id": APP,
            "actions": [{"type": "button", "action_id": action, "block_id": "b", "value": value}],
            **changed,
        }
        status = await self.posted(urlencode({"payload": json.dumps(payload)}))
        return status, await self._shown(user, before) if answered else ""

    async def _shown(self, user: str, before: int) -> str:
        """What a person alone is shown beside the first so many messages; it comes after the acknowledgement."""

        async def answered() -> bool:
            return len(self.slack.ephemerals(user)) > before

        await until(answered, f"{user} is answered")
        return "\n".join(str(one["text"]) for one in self.slack.ephemerals(user)[before:])

    async def posted(self, form: str) -> int:
        """Post a signed request."""
        assert self.slack.request_url is not None
        headers = self.slack.sign(form.encode(), int(self.clock().timestamp()))
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.slack.request_url, data=form.encode(), headers=headers) as answer,
        ):
            return answer.status


@asynccontextmanager
async def office(
    pipeline: Pipeline,
    written: Mapping[str, Any],
    scopes: str | None = None,
    assistant: Any = None,
    models: Any = None,
    agent_view: bool = True,
) -> AsyncIterator[Office]:
    """``written`` is what tandem.yaml says; ``assistant`` is asked beside the rules."""
    config = Config.model_validate(written)
    users = {MEMBER: "mia", GUEST: "gus", STRANGER: "sam"}
    more: dict[str, Any] = {"scopes": scopes} if scopes is not None else {}
    clock = ShiftedClock()
    async with LocalSlack(users=users, clock=lambda: clock().timestamp(), agent_view=agent_view, **more) as slack:
        slack.guests.add(GUEST)
        slack.foreign[STRANGER] = "T0FOREIGN"
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        identity = Identity(client)
        await identity.start()
        roster = Roster(pipeline.database, config.schedules, config.people, clock)
        endpoint = SlackEndpoint(
            pipeline.database,
            config.runbooks,
            clock,
            on_change=lambda: None,
            policy=config.policy,
            people=People(client, clock, roster.members),
            origins=Origins(identity, config.slack.workspaces),
            links=Links(client),
            files=Files(client),
            messages=Messages(client),
            roster=roster,
            rules=pipeline.rules,
            assistant=assistant,
            models=models,
            unfurls=Unfurls(client),
            panes=Panes(client),
        )
        app = web.Application()
        bolt = make_bolt_app(client, slack.signing_secret, endpoint)
        add_slack_route(app, bolt, client, slack.signing_secret, endpoint)
        async with TestServer(app) as server:
            slack.request_url = str(server.make_url("/slack/events"))
            yield Office(slack, pipeline, clock, roster)
