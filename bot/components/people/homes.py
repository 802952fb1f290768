"""App Home: what keeps the pages of people true."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import partial

from bot.components.component import Component
from bot.components.process import Process
from bot.components.routes import ROLE
from bot.components.slack import Slack
from bot.domain.access.person import Person
from bot.notify.home.collecting import Known
from bot.notify.home.home_card import OnCallLine
from bot.notify.home.homes import Homes
from bot.notify.slack.home.publishing import SlackHomes
from bot.notify.slack.links import Links
from bot.notify.slack.people import People
from bot.routing.schedules.roster import NowOnCall, Roster, notes_of
from handlers.slack.origin import Origins

_KEPT = timedelta(minutes=10)
"""For so long it is known who is in which group: Slack is asked for twenty groups a minute at most."""


def homes_component(process: Process, slack: Slack, roster: Roster) -> Component:
    services = process.services.under(ROLE)
    people = People(slack.client, services.clock, roster.members, _KEPT)
    origins = Origins(slack.identity, process.config.slack.workspaces)

    async def look(user: str, groups: Collection[str]) -> Person | None:
        home = origins.home
        return await people.person(user, groups, home.members_of) if home else None

    known = Known(process.config.policy.teams, look, partial(on_call_lines, roster), Links(slack.client).of)
    pages = SlackHomes(slack.client, partial(process.services.holds, ROLE))
    slack.connection.homes = homes = Homes(services.database, known, pages, services.clock)
    services.broadcast.on_change(homes.wake)
    return Component("pages of people", run=homes.run, role=ROLE)


async def on_call_lines(roster: Roster) -> Sequence[OnCallLine]:
    return [_line(one) for one in (await roster.now()).values()]


def _line(one: NowOnCall) -> OnCallLine:
    turn = one.turn
    return OnCallLine(one.schedule, (*one.people, *one.unknown), turn.until, tuple(turn.then), tuple(notes_of(one)))
