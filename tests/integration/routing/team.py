"""Incidents routed to the channels of a local Slack, each step by hand."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.access.team import Team, Teams
from bot.domain.event import AlertEvent
from bot.domain.routing.route import Route
from bot.localslack import LocalSlack
from bot.localslack.state import Json
from bot.notify.budget.budget import Budget
from bot.notify.budget.budgets import budget_of, give_budget
from bot.notify.channel import Channel, ChannelFailure, ChannelRefusal
from bot.notify.channels.reach import Reach
from bot.notify.channels.routed import Routed
from bot.notify.channels.served import Channels
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.people import People
from bot.routing.compiled import Routes
from bot.routing.router import Router
from tests.integration.pipeline_driver import Pipeline

GROUP, BOSS = "S0SHOPGRP", "U0BOSS001"
SHOP = {"match": ["team=shop"], "channel": "#shop", "mention": [GROUP], "escalation": "shop"}
PAY = {"match": ["team=pay"], "channel": "#pay"}
TEAMS = Teams({"shop": Team(services=["checkout", "cart-*"]), "pay": Team(services=["payments"])})


class Office:
    """``routes`` may be changed; ``start`` then begins anew, as a process does that knows nothing of the one before."""

    def __init__(
        self,
        pipeline: Pipeline,
        slack: LocalSlack,
        routes: Sequence[dict[str, Any]],
        budget: Budget | None = None,
        members: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """With ``members`` of teams it is looked up whom mentions reach."""
        self.members = members
        self.pipeline, self.slack = pipeline, slack
        self.client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        if budget is not None:
            give_budget(self.client, budget)
        self.start(routes)

    def start(self, routes: Sequence[dict[str, Any]]) -> None:
        self.shown: dict[str, None] = {}
        self._serving: dict[str, Notifier | None] = {}
        self.timer = _Leaps()
        known = Routes([Route.model_validate(one) for one in routes], "#incidents", TEAMS)
        self.channels = Channels(
            "#incidents",
            lambda name: SlackChannel(self.client, name),
            self._make,
            _draw,
            _on_call,
            budget_of(self.client),
            None if self.members is None else Reach(People(self.client, self._now).absent, self.members, self.timer),
        )
        self.router = Router(self.pipeline.database, known, self.pipeline.clock, self, self.timer)

    def _now(self) -> datetime:
        return self.pipeline.clock()

    def _make(self, channel: Channel, routed: Routed) -> Notifier:
        database, clock = self.pipeline.database, self.pipeline.clock
        return Notifier(database, channel, clock, interval=0, sleep=at_once, routed=routed)

    def show(self, names: Collection[str]) -> None:
        self.shown |= dict.fromkeys(names)

    def refusing(self) -> frozenset[str]:
        return self.channels.refusing()

    async def send(self, *events: AlertEvent) -> None:
        await self.pipeline.send(*events)
        await self.publish()

    async def publish(self) -> None:
        """Until nothing is left to do; a channel that fails is left out."""
        self.timer.now += 10
        await self.router.route_all()
        again = True
        while again:
            again = False
            for name in list(self.shown):
                notifier = await self._claimed(name)
                while notifier is not None and await self._reconcile(notifier):
                    again = True

    async def _claimed(self, name: str) -> Notifier | None:
        """As when its loop begins, which waits until the channel is found."""
        if name not in self._serving:
            notifier = self.channels._notifier_of(name)
            try:
                await self.channels._opened[name].key()
            except ChannelFailure as failure:
                notifier.problem, notifier.refused = str(failure), isinstance(failure, ChannelRefusal)
                return None
            self._serving[name] = await self.channels.claimed(name)
        return self._serving[name]

    async def _reconcile(self, notifier: Notifier) -> bool:
        try:
            return await notifier.reconcile()
        except ChannelFailure as failure:  # as its loop does, which then waits
            notifier.problem, notifier.refused = str(failure), isinstance(failure, ChannelRefusal)
            return False

    def blocks(self, channel: str) -> list[str]:
        """What each message of a channel shows."""
        return [_text(message) for message in self.slack.messages(channel)]

    def mentions(self, channel: str, of: str = GROUP) -> list[str]:
        """The messages of a channel, and the replies there, that call somebody: what they say in a line. Edits may name
        people, too, which reaches nobody."""
        messages = self.slack.messages(channel)
        whole = [one for message in messages for one in (message, *self.slack.replies(channel, message["ts"]))]
        calls = re.compile(rf"📣 [^\"\\\\]*[@^]{of}>")
        return [one["text"] for one in whole if calls.search(_text(one))]

    def replies(self, channel: str) -> list[Json]:
        [message] = self.slack.messages(channel)
        return self.slack.replies(channel, message["ts"])


def _text(message: Json) -> str:
    return json.dumps(message["blocks"], ensure_ascii=False)


async def at_once(seconds: float) -> None:
    return


async def _draw(channel: Channel, notifier: Notifier) -> None:
    return


async def _on_call(schedule: str) -> Sequence[str]:
    return [BOSS] if schedule == "shop" else []


class _Leaps:
    """Seconds, of which many pass between two looks of the router, and none while it looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
