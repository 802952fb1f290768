"""A night on call: incidents from alerts, a local Slack, systems that are called, and time that is moved by hand."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_sdk.web.async_client import AsyncWebClient

from bot.config.model import Config
from bot.domain.event import AlertEvent
from bot.domain.incident import Incident
from bot.domain.oncall.page import Page, Way
from bot.integrations.paging.pagers import Pagers
from bot.localslack import LocalSlack
from bot.notify.notifier import Notifier
from bot.notify.paging.slack_pages import SlackPages
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.people import People
from bot.routing.escalations.lane import Caller, Lane
from bot.routing.escalations.loop import EscalationLoop
from bot.routing.schedules.roster import Roster
from bot.storage.queries import incidents
from bot.storage.queries.oncall import calls
from tests.integration.pipeline_driver import Pipeline

ANA, BEN, CHEN = "U012AB3CD", "U0BYSTAND", "U0SECOND1"
GROUP = "S0ONCALL"
SECRETS = {"PD": "a-routing-key-1", "OG": "an-api-key-22", "HOOK": "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="}


class Killed(BaseException):
    """The process ends here."""


class Called:
    """A server that is called in the place of PagerDuty, Opsgenie and a webhook."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 202
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append((request.path_qs, dict(request.headers), await request.read()))
        return web.json_response({"status": "success"}, status=self.status)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [msgspec.json.decode(body) for at, _, body in self.requests if at.startswith(path)]

    def acts(self) -> list[str]:
        return [body["event_action"] for body in self.bodies("/pagerduty")]


async def _at_once(seconds: float) -> None:
    return


class Night:
    def __init__(self, pipeline: Pipeline, slack: LocalSlack, called: Called, session: aiohttp.ClientSession) -> None:
        self.pipeline, self.slack, self.called, self._session = pipeline, slack, called, session
        self.clock = pipeline.clock
        self.wrap: Callable[[Way, Caller], Caller] = lambda _, caller: caller

    def describe(self, written: Mapping[str, Any]) -> "Night":
        """What tandem.yaml says; everything begins as a process does that knows nothing of the one before."""
        self.written = dict(written)
        self.begin()
        return self

    def begin(self) -> None:
        config = Config.model_validate({"slack": {"ops_channel": "#ops"}} | self.written)
        database, clock = self.pipeline.database, self.clock
        client = AsyncWebClient(self.slack.bot_token, base_url=self.slack.api_url, retry_handlers=[], timeout=2)
        self.notifier = Notifier(database, SlackChannel(client, "incidents"), clock, interval=0, sleep=_at_once)
        roster = Roster(database, config.schedules, config.people, clock)
        self.loop = EscalationLoop(database, config.escalations, roster, clock)
        pages = SlackPages(
            database,
            partial(SlackChannel, client),
            partial(SlackChannel.direct, client),
            clock,
            People(client, clock).absent,
            _at_once,
        )
        pagers = Pagers(self._session, SECRETS, clock)
        callers: dict[Way, Callable[[Page, Incident], Awaitable[None]]] = {
            Way.MENTION: pages.mention,
            Way.DIRECT: pages.direct,
            Way.OPS: pages.into("#ops"),
            Way.PAGERDUTY: pagers.pagerduty,
            Way.OPSGENIE: pagers.opsgenie,
            Way.WEBHOOK: pagers.webhook,
        }
        self.lanes = [Lane(database, way, self.wrap(way, call), clock) for way, call in callers.items()]

    async def opens(self, *events: AlertEvent, escalation: str = "shop") -> Incident:
        """An incident whose route says so."""
        await self.pipeline.send(*events)
        incident = (await self.pipeline.incidents())[-1]
        routed = msgspec.structs.replace(incident, escalation=escalation, version=incident.version + 1)
        async with self.pipeline.database.write() as connection:
            await incidents.save(connection, [routed], {})
        return routed

    async def passes(self, **span: float) -> None:
        """Time passes, and everything is done that is due then."""
        self.clock.pass_(**span)
        await self.works()

    async def works(self) -> None:
        """Do all that is to be done now."""
        busy = True
        while busy:
            while await self.loop.look():
                pass
            await self.shows()
            busy = any([await lane.call_next() for lane in self.lanes])
        await self.shows()

    async def shows(self) -> None:
        try:
            while await self.notifier.reconcile():
                pass
        except Exception as error:  # Slack is down: the program tries again, and a test that passes time
            assert "chat." in str(error) or "conversations." in str(error), error

    def replies(self) -> list[dict[str, Any]]:
        [message] = self.slack.messages("incidents")
        return self.slack.replies("incidents", message["ts"])

    def mentions(self) -> list[str]:
        """Whom replies mention that the channel shows, too, in order."""
        shown = [one["text"].partition(" ")[0] for one in self.replies() if one.get("subtype") == "thread_broadcast"]
        return [text for text in shown if text.startswith("<")]

    def ops(self) -> list[str]:
        return [message["text"] for message in self.slack.messages("ops")]

    async def calls(self) -> list[Page]:
        incident = (await self.pipeline.incidents())[-1]
        async with self.pipeline.database.read() as connection:
            return await calls.of_incident(connection, incident.id)


@asynccontextmanager
async def night(pipeline: Pipeline) -> AsyncIterator[Night]:
    called, app = Called(), web.Application()
    app.router.add_post("/{way:.*}", called.take)
    async with (
        TestServer(app) as server,
        LocalSlack(channels=("incidents", "ops")) as slack,
        aiohttp.ClientSession() as session,
    ):
        called.url = str(server.make_url("")).rstrip("/")
        yield Night(pipeline, slack, called, session)


def escalation(*steps: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"escalations": {"shop": {"steps": list(steps), **more}}}


def mentioning(after: str, people: Sequence[Any]) -> dict[str, Any]:
    return {"after": after, "mention": list(people)}
