"""Slack: the connection, what keeps its messages true, and the endpoint for what people click and type."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import aiohttp
import structlog
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot.components.assistant import Answering
from bot.components.component import Component
from bot.components.process import Process
from bot.components.rewriter import rewriter_components
from bot.components.routes import ROLE, routes_component
from bot.domain.access.person import schedule_of
from bot.health.self_check import Others
from bot.incidents.guarding import guards_of
from bot.notify.budget.budgets import budget_of
from bot.notify.channel import Channel
from bot.notify.channels.reach import Reach
from bot.notify.channels.routed import Routed
from bot.notify.channels.served import Channels
from bot.notify.charts.uploads import ChartUploads
from bot.notify.digest.quiet import QuietDigests
from bot.notify.findings.replies import FindingReplies
from bot.notify.home.homes import Homes
from bot.notify.kinds import Opening, open_channel
from bot.notify.notifier import Notifier
from bot.notify.silence_notices import SilenceNotices
from bot.notify.slack.conversations.messages import Messages
from bot.notify.slack.conversations.panes import Panes
from bot.notify.slack.identity import Identity
from bot.notify.slack.links import Links
from bot.notify.slack.people import People
from bot.notify.slack.proxy import make_client
from bot.notify.slack.sharing.files import Files
from bot.notify.slack.sharing.unfurls import Unfurls
from bot.notify.slack.socket_mode import SocketMode
from bot.remediation.starting import PersonLookup
from bot.routing.schedules.roster import Roster
from handlers.slack import SlackEndpoint, add_slack_route, first_time, make_bolt_app
from handlers.slack.origin import Origins

if TYPE_CHECKING:
    from bot.watches.models.watch import ModelsWatch

_WELL = ("ok", "off", "connecting")
_TIMEOUT = aiohttp.ClientTimeout(total=15)

log = structlog.get_logger(__name__)


@dataclass
class Connection:
    """``socket_mode`` is None where Slack reaches us over HTTP, or not at all; ``homes`` shows the pages of people."""

    socket_mode: SocketMode | None = None
    homes: Homes | None = None


@dataclass(frozen=True)
class Slack:
    """A workspace that is configured. ``channels`` is None where another process does that work."""

    session: aiohttp.ClientSession
    client: AsyncWebClient
    channels: Channels | None
    identity: Identity
    connection: Connection


def connect_to_slack(process: Process, roster: Roster) -> Slack | None:
    """None where no token is set: incidents are kept, and nobody sees them in Slack."""
    token = process.environment.slack_bot_token
    if token is None:
        log.warning("slack.off", reason="SLACK_BOT_TOKEN is not set: incidents are kept, but nobody is told")
        return None
    session = aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True)
    client = make_client(token.get_secret_value(), process.environment.slack_api_url, session)
    channels = _make_channels(process, client, roster) if process.environment.role.works else None
    return Slack(session, client, channels, Identity(client), Connection())


def person_lookup(process: Process, slack: Slack | None, roster: Roster) -> PersonLookup | None:
    """Who is in which user groups and on call, of a workspace that is configured."""
    if slack is None:
        return None
    return partial(People(slack.client, process.services.clock, roster.members).person, workspaces=())


def _opening(process: Process, client: AsyncWebClient) -> Opening:
    return Opening({"slack": client}, partial(process.services.holds, ROLE))


def _make_channels(process: Process, client: AsyncWebClient, roster: Roster) -> Channels:
    """What is shown in channels: messages and threads, beside them the charts."""
    services = process.services.under(ROLE)
    topology = services.rules.depends_on
    described = {*topology, *(other for others in topology.values() for other in others)}
    opening = _opening(process, client)

    called = {
        name: [one for step in rules.steps for who in step.people if (one := schedule_of(who))]
        for name, rules in process.config.escalations.items()
    }

    def make(channel: Channel, routed: Routed) -> Notifier:
        routed.schedules = called
        return Notifier(
            services.database, channel, services.clock, backlog=process.backlog, described=described, routed=routed
        )

    async def draw(channel: Channel, notifier: Notifier) -> None:
        setbacks, wanted = notifier.setbacks, notifier.thread_published
        charts = ChartUploads(services.database, channel, services.clock, setbacks=setbacks, wanted=wanted)
        findings = FindingReplies(services.database, channel, services.clock, wanted=notifier.thread_grown)
        async with asyncio.TaskGroup() as group:
            group.create_task(charts.run())
            group.create_task(findings.run())

    members = {name: team.members for name, team in process.config.teams.items()}
    reach = Reach(People(client, services.clock).absent, members, time.monotonic)
    opens = partial(open_channel, opening=opening)
    return Channels(process.config.slack.channel, opens, make, draw, roster.to_call, budget_of(client), reach)


def health_of(slack: Slack | None) -> tuple[str, bool]:
    """``ok``, ``off`` or what is wrong, and whether Tandem is ready all the same."""
    notifier = slack.channels.default if slack and slack.channels else None
    if slack and slack.identity.refused:
        return f"Slack refuses the token SLACK_BOT_TOKEN: {slack.identity.refused}", False
    if notifier is None:
        return "off", True
    if notifier.problem is None:
        return "ok", True
    return notifier.problem, notifier.reached and not notifier.refused


def others_of(slack: Slack | None) -> Others:
    """What else is wrong with Slack: clicks that do not arrive, messages that it refuses while it takes others."""
    refused = slack.channels.refused_in_words() if slack and slack.channels else ""
    channels = slack.channels.problems_in_words() if slack and slack.channels else ""
    socket, _ = socket_health_of(slack)
    homes = slack.connection.homes.problem if slack and slack.connection.homes else ""
    late = slack.channels.lags.in_words() if slack and slack.channels else ""
    reach = slack.channels.reach.in_words() if slack and slack.channels and slack.channels.reach else ""
    messages = f"it does not take {refused}" if refused else ""
    minor = {"messages": messages, "channels": channels, "homes": homes, "late": late, "mentions": reach}
    return Others(
        serious={"clicks": f"no click and no command arrives: {socket}"} if socket not in _WELL else {},
        minor={kind: text for kind, text in minor.items() if text},
    )


def socket_health_of(slack: Slack | None) -> tuple[str, bool]:
    """``ok``, ``off``, ``connecting`` or what is wrong with Socket Mode, and whether Tandem is ready all the same."""
    socket_mode = slack.connection.socket_mode if slack else None
    return socket_mode.health() if socket_mode else ("off", True)


def slack_components(process: Process, slack: Slack) -> Iterator[Component]:
    """The connection; and whom incidents concern, and what is shown in their channels."""
    yield Component("connections to Slack", stop=slack.session.close, lingers=True)
    if not process.environment.role.has_endpoints:
        yield identity_component(slack)
    if slack.channels is None:
        return
    services = process.services.under(ROLE)
    yield Component("channels", run=slack.channels.run, role=ROLE)
    services.broadcast.on_change(slack.channels.default.wake)
    yield routes_component(process, slack.channels)
    channel = open_channel(process.config.slack.channel, _opening(process, slack.client))
    silences = SilenceNotices(services.database, channel, services.clock)
    yield Component("silence notices", run=silences.run, role=ROLE)
    opens = partial(open_channel, opening=_opening(process, slack.client))
    quiet = QuietDigests(services.database, opens, slack.channels.keys, slack.channels.routed(), services.clock)
    yield Component("quiet hours", run=quiet.run, role=ROLE)
    yield from rewriter_components(process)


def slack_endpoint(
    process: Process, slack: Slack, http: web.Application, models: "ModelsWatch | None", answering: Answering
) -> Iterator[Component]:
    """For what people click and type: a route, or a connection of our own in Socket Mode."""
    services, config = process.services, process.config
    secret, app_token = process.environment.slack_signing_secret, process.environment.slack_app_token
    watched = {**config.logs.watch, **config.metrics.watch}
    changed, behind = services.broadcast.publish_change, process.backlog.behind
    roster = answering.roster
    slack_requests = SlackEndpoint(
        services.database,
        config.runbooks,
        services.clock,
        changed,
        watched,
        models,
        behind,
        config.policy,
        People(slack.client, services.clock, roster.members),
        Origins(slack.identity, config.slack.workspaces),
        Links(slack.client),
        Files(slack.client),
        guards=guards_of(services.rules),
        rules=services.rules,
        roster=roster,
        messages=Messages(slack.client),
        knowledge=answering.knowledge,
        assistant=answering.ask_model,
        unfurls=Unfurls(slack.client),
        panes=Panes(slack.client),
        patches=config.patches,
    )
    bolt = make_bolt_app(slack.client, secret.get_secret_value() if secret else None, slack_requests, slack.identity)
    yield identity_component(slack)
    if app_token is not None:
        socket_mode = SocketMode(bolt, app_token.get_secret_value(), partial(first_time, slack_requests))
        slack.connection.socket_mode = socket_mode
        yield Component("socket mode", run=socket_mode.run, lingers=True)
    elif secret is not None:
        add_slack_route(http, bolt, slack.client, secret.get_secret_value(), slack_requests)
    else:
        log.warning("slack.one_way", reason="set SLACK_SIGNING_SECRET or SLACK_APP_TOKEN, or no button will work")


def identity_component(slack: Slack) -> Component:
    return Component("who we are in Slack", start=slack.identity.start, run=slack.identity.run)
