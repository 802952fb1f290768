"""Where a request of Slack comes from: workspace, organisation and app, checked for HTTP and Socket Mode alike.

A request of another workspace, or for another app, is refused whatever its signature.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, NamedTuple

import structlog
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.notify.slack.identity import Identity
from bot.observability.metrics import REQUESTS_REFUSED
from handlers.slack.privately import tell_privately

_NOT_YET = "Slack has not told Tandem yet which workspace it is in: nothing was done. Please try again in a minute."
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

    def __init__(self, identity: Identity, configured: Collection[str] = ()) -> None:
        self._identity = identity
        self._configured = frozenset(configured)
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def home(self) -> Home | None:
        """None where Slack has not said yet who the bot is, and nothing is configured."""
        bot = self._identity.bot
        if bot is None:
            return Home(self._configured) if self._configured else None
        own = {bot.team} | ({bot.enterprise} if bot.whole_organisation else set())
        return Home(self._configured or frozenset(own - {""}), bot.enterprise, bot.app)

    async def refuse_strangers(
        self, req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse:
        """A middleware of Bolt: lets on what comes from a workspace of ours."""
        home = self.home
        if home is None:
            log.warning("slack.request_refused", reason="Slack has not said yet who the bot is")
            return self._postpone(req.body)
        why = stranger(req.body, home)
        if not why:
            return await next()
        REQUESTS_REFUSED.labels("403").inc()
        log.warning("slack.request_refused", reason=why)
        if "command" in req.body:
            return BoltResponse(status=200, body={"response_type": "ephemeral", "text": _NOT_FROM_HERE})
        if (req.body.get("view") or {}).get("type") == "modal" and req.body.get("type") == "view_submission":
            return BoltResponse(status=200, body={"response_action": "clear"})
        return BoltResponse(status=403, body={"error": _NOT_FROM_HERE})

    def _postpone(self, body: Mapping[str, Any]) -> BoltResponse:
        """Whoever clicked, typed or filled in learns that nothing was done."""
        if "command" in body:
            return BoltResponse(status=200, body={"response_type": "ephemeral", "text": _NOT_YET})
        if body.get("type") == "event_callback":
            return BoltResponse(status=503, body=_NOT_YET)  # Slack sends it again
        if body.get("type") == "block_suggestion":
            return BoltResponse(status=200, body={"options": []})
        if body.get("type") == "view_submission":
            first = next((block["block_id"] for block in body["view"]["blocks"] if block["type"] == "input"), "")
            return BoltResponse(status=200, body={"response_action": "errors", "errors": {first: _NOT_YET}})
        if (body.get("user") or {}).get("id"):
            telling = asyncio.create_task(tell_privately(self._identity.client, body, _NOT_YET))
            self._telling.add(telling)  # not waited for: Slack wants its answer within three seconds
            telling.add_done_callback(self._telling.discard)
        return BoltResponse(status=200, body="")


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
