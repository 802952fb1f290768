"""Who is on call, and escalations: what reads schedules, what takes the steps, and a lane for each way of calling."""

from collections.abc import Iterator, Mapping
from functools import partial

import aiohttp

from bot.components.component import Component
from bot.components.process import Process
from bot.components.routes import ROLE
from bot.components.slack import Slack
from bot.config.environment import secrets_from
from bot.domain.incident import Incident
from bot.domain.oncall.page import Page, Way
from bot.errors import CallRefused
from bot.integrations.oncall.fetching import Fetching
from bot.integrations.paging.pagers import Pagers
from bot.notify.kinds import Opening, open_channel
from bot.notify.paging.slack_pages import SlackPages
from bot.notify.slack.channel import SlackChannel
from bot.notify.slack.people import People
from bot.routing.escalations.lane import Caller, Lane
from bot.routing.escalations.loop import EscalationLoop
from bot.routing.escalations.steady_clock import SteadyClock
from bot.routing.schedules.reading import ScheduleReading, nobody_known
from bot.routing.schedules.roster import Roster

TOOLS = "tools"


def make_roster(process: Process) -> Roster:
    config, services = process.config, process.services
    return Roster(services.database, config.schedules, config.people, services.clock)


def on_call_components(process: Process, slack: Slack | None, roster: Roster) -> Iterator[Component]:
    """Nothing where tandem.yaml describes neither schedules nor escalations."""
    if not (process.config.schedules or process.config.escalations):
        return
    session = aiohttp.ClientSession(trust_env=True)
    yield Component("connections of on call", stop=session.close)
    if process.config.schedules:
        yield _reading(process, slack, session)
    if process.config.escalations:
        yield from _escalations(process, slack, roster, session)


def _reading(process: Process, slack: Slack | None, session: aiohttp.ClientSession) -> Component:
    services, config = process.services.under(TOOLS), process.config
    fetching = Fetching(session, process.environment, secrets_from())
    look_up = People(slack.client, services.clock).by_address if slack else nobody_known
    reading = ScheduleReading(services.database, config.schedules, config.people, fetching, services.clock, look_up)
    return Component("schedules", run=reading.run, role=TOOLS)


def _escalations(
    process: Process, slack: Slack | None, roster: Roster, session: aiohttp.ClientSession
) -> Iterator[Component]:
    services = process.services.under(ROLE)
    clock = SteadyClock(services.clock)
    lanes = {
        way: Lane(
            services.database,
            way,
            caller,
            clock,
            on_change=services.broadcast.publish_change,
        )
        for way, caller in _callers(process, slack, session).items()
    }

    def wake_lanes() -> None:
        for lane in lanes.values():
            lane.wake()

    loop = EscalationLoop(services.database, process.config.escalations, roster, clock, wake_lanes)
    services.broadcast.on_change(loop.wake)
    services.broadcast.on_change(wake_lanes)
    yield Component("escalations", run=loop.run, role=ROLE)
    for way, lane in lanes.items():
        yield Component(f"escalations: {way}", run=lane.run, role=ROLE)


def _callers(process: Process, slack: Slack | None, session: aiohttp.ClientSession) -> Mapping[Way, Caller]:
    clock, may = process.services.clock, partial(process.services.holds, ROLE)
    pagers = Pagers(session, secrets_from(), clock, may)
    others = {Way.PAGERDUTY: pagers.pagerduty, Way.OPSGENIE: pagers.opsgenie, Way.WEBHOOK: pagers.webhook}
    if slack is None:
        return others | dict.fromkeys((Way.MENTION, Way.DIRECT, Way.OPS), _without_slack)
    pages = SlackPages(
        process.services.database,
        partial(open_channel, opening=Opening({"slack": slack.client}, may, urgent=True)),
        partial(SlackChannel.direct, slack.client, may=may, urgent=True),
        clock,
        People(slack.client, clock).absent,
    )
    ops = process.config.slack.ops_channel
    return others | {
        Way.MENTION: pages.mention,
        Way.DIRECT: pages.direct,
        Way.OPS: pages.into(ops) if ops else _nowhere,
    }


async def _without_slack(page: Page, incident: Incident) -> None:
    raise CallRefused("no Slack is configured: SLACK_BOT_TOKEN is not set")


async def _nowhere(page: Page, incident: Incident) -> None:
    raise CallRefused(f"slack.ops_channel is not set, so nobody was told: {page.text}")
