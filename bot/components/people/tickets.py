"""Tickets of incidents: what opens them in the tracker of tandem.yaml."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import aiohttp

from bot.components.component import Component
from bot.components.process import Process
from bot.components.tools import ROLE
from bot.config.environment import secrets_from
from bot.config.tickets import TicketsSection
from bot.integrations.http import ToolRefused
from bot.integrations.tickets.github import GitHub
from bot.integrations.tickets.gitlab import GitLab
from bot.integrations.tickets.jira import Jira
from bot.integrations.tickets.opening import Tickets
from bot.integrations.tickets.tracker import Api, Tracker
from bot.remediation.executors.web import Headers, SecretMissing, filled
from bot.storage.database import Database
from bot.storage.queries.deeds import tickets


def ticket_components(process: Process) -> Iterator[Component]:
    """Where tandem.yaml names no tracker, that is written down, so that nobody offers a ticket."""
    section = process.config.tickets
    if section is None:
        yield Component("no tracker", start=partial(_describe, process.services.database, ""))
        return
    services = process.services.under(ROLE)
    session = aiohttp.ClientSession(trust_env=True)
    tracker = tracker_of(section, session)
    changed = services.broadcast.publish_change
    opening = Tickets(services.database, tracker, services.clock, partial(process.services.holds, ROLE), changed)
    services.broadcast.on_change(opening.wake)
    yield Component("connections to the tracker", stop=session.close)
    start = partial(_describe, process.services.database, tracker.name)
    yield Component("tickets", run=opening.run, role=ROLE, start=start)


async def _describe(database: Database, tracker: str) -> None:
    async with database.write() as connection:
        await tickets.describe(connection, tracker)


def tracker_of(section: TicketsSection, session: aiohttp.ClientSession) -> Tracker:
    if section.github is not None:
        github = section.github
        return GitHub(Api(session, github.url, _filling(github.headers)), github.repository, github.labels)
    if section.gitlab is not None:
        gitlab = section.gitlab
        return GitLab(Api(session, gitlab.url, _filling(gitlab.headers)), gitlab.project, gitlab.labels)
    assert section.jira is not None
    jira = section.jira
    return Jira(Api(session, jira.url, _filling(jira.headers)), jira.project, jira.type, jira.labels)


def _filling(headers: Headers) -> Callable[[], Mapping[str, str]]:
    def fill() -> Mapping[str, str]:
        try:
            return {"Accept": "application/json", **filled(headers, secrets_from())}
        except SecretMissing as missing:
            raise ToolRefused(str(missing), 0) from missing

    return fill
