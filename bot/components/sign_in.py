"""Signing in to the pages with Slack, where the app's client id and secret and the pages' address are set."""

from collections.abc import Iterator
from typing import NamedTuple

import aiohttp
import structlog

from bot.components.component import Component
from bot.components.process import Process
from bot.components.slack import Slack
from bot.incidents.permissions import Actor
from bot.integrations.openid import Client, OpenId, slack_provider
from bot.notify.slack.people import People
from bot.routing.schedules.roster import Roster
from handlers.pages.slack_sign_in import PATH, SlackSignIn, Workspace
from handlers.slack.origin import Origins

log = structlog.get_logger(__name__)


class SignIn(NamedTuple):
    """``slack`` is None where nobody signs in with Slack; ``components`` end its connections."""

    slack: SlackSignIn | None = None
    components: tuple[Component, ...] = ()


def make_sign_in(process: Process, slack: Slack | None, roster: Roster) -> SignIn:
    environment = process.environment
    given = (environment.slack_client_id, environment.slack_client_secret, environment.public_url)
    client_id, secret, public_url = given
    if client_id is None or secret is None or public_url is None or slack is None:
        if any((client_id, secret)):
            missing = ", ".join(_missing(process, slack))
            log.warning("pages.no_slack_sign_in", reason=f"{missing} is not set: nobody signs in with Slack")
        return SignIn()
    if not environment.role.has_endpoints:
        return SignIn()
    session = aiohttp.ClientSession(trust_env=True, cookie_jar=aiohttp.DummyCookieJar())
    client = Client(client_id, secret.get_secret_value(), f"{public_url.rstrip('/')}{PATH}/back")
    openid = OpenId(session, slack_provider(environment.slack_api_url), client, process.services.clock)
    people = _People(process, slack, roster)
    sign_in = SlackSignIn(openid, client.secret, people.workspace, people.person, process.services.clock)
    return SignIn(sign_in, (Component("connections to sign in", stop=session.close),))


def _missing(process: Process, slack: Slack | None) -> Iterator[str]:
    given = {
        "SLACK_CLIENT_ID": process.environment.slack_client_id,
        "SLACK_CLIENT_SECRET": process.environment.slack_client_secret,
        "TANDEM_PUBLIC_URL": process.environment.public_url,
        "SLACK_BOT_TOKEN": slack,
    }
    yield from (name for name, value in given.items() if value is None)


class _People:
    """Who somebody is, as for what they do in Slack itself."""

    def __init__(self, process: Process, slack: Slack, roster: Roster) -> None:
        self._origins = Origins(slack.identity, process.config.slack.workspaces)
        self._people = People(slack.client, process.services.clock, roster.members)
        self._policy = process.config.policy

    def workspace(self) -> Workspace | None:
        home = self._origins.home
        return Workspace(home.workspaces, home.members_of) if home else None

    async def person(self, user: str, workspaces: frozenset[str]) -> Actor:
        person = await self._people.person(user, self._policy.groups, workspaces)
        return Actor(person, self._policy)
