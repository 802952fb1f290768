"""Where a request of Slack comes from: workspace, organisation and app, checked for HTTP and Socket Mode alike.

A request of another workspace, or for another app, is refused whatever its signature.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, NamedTuple

import aiohttp
import structlog
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.observability.metrics import REQUESTS_REFUSED

WITHIN = 2.0
_NOT_FROM_HERE = "This workspace is not one that Tandem works for: nothing was done."

log = structlog.get_logger(__name__)


class Home(NamedTuple):
    """The workspaces and organisations whose requests are taken.

    ``organisation`` is the bot's own, ``app`` the one that requests must be for; both are empty where there is none, or
    Slack does not say it.
    """

    workspaces: frozenset[str]
    organisation: str = ""
    app: str = ""

    @property
    def members_of(self) -> frozenset[str]:
        """Where its people are from."""
        return self.workspaces | {self.organisation} - {""}


class Origins:
    """Knows whose requests are taken. ``configured`` are ids of workspaces; without them, the bot's own is the one."""

    def __init__(self, client: AsyncWebClient, configured: Collection[str] = ()) -> None:
        self._client = client
        self._configured = frozenset(configured)
        self._home: Home | None = None
        self._looking = asyncio.Lock()

    async def home(self) -> Home | None:
        """None where Slack does not say who the bot is, and nothing is configured."""
        async with self._looking:
            if self._home is None:
                self._home = await self._look()
            return self._home or (Home(self._configured) if self._configured else None)

    async def _look(self) -> Home | None:
        try:
            async with asyncio.timeout(WITHIN):
                bot = await self._client.auth_test()
                organisation = str(bot.get("enterprise_id") or "")
                own = {str(bot.get("team_id") or "")} | ({organisation} if bot.get("is_enterprise_install") else set())
                app = await self._app(str(bot.get("bot_id") or ""))
                return Home(self._configured or frozenset(own - {""}), organisation, app)
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("slack.own_workspace_unknown", reason=str(error)[:200])
            return None

    async def _app(self, bot: str) -> str:
        """The app's id; empty where Slack does not say it."""
        try:
            about = await self._client.bots_info(bot=bot)
        except SlackApiError:
            return ""
        return str((about.get("bot") or {}).get("app_id") or "")

    async def refuse_strangers(
        self, req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse:
        """A middleware of Bolt: lets on what comes from a workspace of ours."""
        home = await self.home()
        why = "Slack does not say who the bot is" if home is None else stranger(req.body, home)
        if not why:
            return await next()
        REQUESTS_REFUSED.labels("403").inc()
        log.warning("slack.request_refused", reason=why)
        if "command" in req.body:
            return BoltResponse(status=200, body={"response_type": "ephemeral", "text": _NOT_FROM_HERE})
        if (req.body.get("view") or {}).get("type") == "modal" and req.body.get("type") == "view_submission":
            return BoltResponse(status=200, body={"response_action": "clear"})
        return BoltResponse(status=403, body={"error": _NOT_FROM_HERE})


def stranger(body: Mapping[str, Any], home: Home) -> str:
    """Why a request is not taken; empty where it is."""
    app = str(body.get("api_app_id") or "")
    if home.app and app != home.app:
        return f"for the app {app[:40] or '(none named)'}, which is not this one"
    team, organisation = _id_in(body, "team"), _id_in(body, "enterprise")
    if not {team, organisation} & home.workspaces:
        return f"from the workspace {team[:40] or '(none named)'}, of which nothing is taken"
    if organisation and organisation not in home.members_of:
        return f"from the organisation {organisation[:40]}, which is not the bot's"
    return ""


def _id_in(body: Mapping[str, Any], of: str) -> str:
    """Commands have it flat, as ``team_id``; interactions as an object."""
    one = body.get(of)
    return str((one.get("id") if isinstance(one, dict) else body.get(f"{of}_id")) or "")


def is_external(body: Mapping[str, Any], home: Home) -> bool:
    """Whether the person is of another workspace than those whose requests are taken, as with Slack Connect."""
    user = body.get("user")
    team = user.get("team_id") if isinstance(user, dict) else None
    return bool(team) and team not in home.members_of
