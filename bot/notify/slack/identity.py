"""Who the bot is in Slack: found once, before the endpoints open, so that no request waits for it."""

import asyncio
import random
from contextlib import suppress
from typing import NamedTuple

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.notify.backoff import is_worth_a_line
from bot.notify.slack.failures import TOKEN_REFUSED, code_of

START_WAIT = 3.0
"""For so many seconds a start waits for Slack; then the endpoints open without it, as alerts are to be taken."""
CHECK_EVERY = 60.0
_LONGEST_WAIT = 30.0
_ATTEMPT = 10.0
_OTHER = (SlackClientError, aiohttp.ClientError, OSError, TimeoutError, AttributeError, TypeError, ValueError)

NEEDED = (
    "chat:write",
    "files:write",
    "channels:read",
    "channels:history",
    "groups:read",
    "groups:history",
    "users:read",
    "users:read.email",
    "usergroups:read",
    "im:write",
    "im:history",
    "commands",
)
WITHOUT = {
    "app_mentions:read": "nobody who mentions the bot is answered",
    "reactions:read": "no reaction makes a note",
    "links:read": "no card under a link to a report",
    "links:write": "no card under a link to a report",
    "assistant:write": "no questions are suggested beside a conversation with the bot",
    "channels:manage": "no incident gets a channel of its own",
}
"""Scopes without which all else goes on, each with what does not work then."""

log = structlog.get_logger(__name__)


class Bot(NamedTuple):
    """Ids as auth.test and bots.info give them; empty where Slack does not say one."""

    team: str
    enterprise: str
    user: str
    bot: str
    app: str
    whole_organisation: bool


class Identity:
    """``bot`` is None until Slack has answered. ``refused``: why Slack does not take the token, None where it does."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.client = client
        self._found = asyncio.Event()
        self.bot: Bot | None = None
        self.refused: str | None = None

    async def start(self) -> None:
        """Look for a moment; :meth:`run` goes on looking."""
        with suppress(TimeoutError):
            async with asyncio.timeout(START_WAIT):
                await self._look_until_found()

    async def run(self) -> None:
        """Look until it is found, then from time to time whether the token still holds, until cancelled."""
        await self._look_until_found()
        while True:
            await asyncio.sleep(CHECK_EVERY)
            await self._check_token()

    async def _check_token(self) -> None:
        try:
            async with asyncio.timeout(_ATTEMPT):
                await self.client.auth_test()
        except _OTHER as error:
            self._note_refusal(error)
        else:
            self.refused = None

    def _note_refusal(self, error: Exception) -> None:
        """What is no refusal of the token changes nothing: an outage of Slack is not our token's fault."""
        code = code_of(error) if isinstance(error, SlackApiError) else ""
        if code in TOKEN_REFUSED:
            if self.refused is None:
                log.error("slack.token_refused", reason=code)
            self.refused = code

    async def _look_until_found(self) -> None:
        attempts = 0
        while self.bot is None:
            try:
                async with asyncio.timeout(_ATTEMPT):
                    self.bot = await self._look()
                    self.refused = None
            except _OTHER as error:
                self._note_refusal(error)
                attempts += 1
                wait = _wait_after(error, attempts)
                if is_worth_a_line(attempts):
                    log.warning("slack.own_identity_unknown", reason=str(error)[:200] or "no answer", retry_in=wait)
                await asyncio.sleep(wait)

    async def _look(self) -> Bot:
        known = await self.client.auth_test()
        bot = str(known.get("bot_id") or "")
        self._note_scopes(known)
        return Bot(
            team=str(known.get("team_id") or ""),
            enterprise=str(known.get("enterprise_id") or ""),
            user=str(known.get("user_id") or ""),
            bot=bot,
            app=await self._app(bot),
            whole_organisation=bool(known.get("is_enterprise_install")),
        )

    def _note_scopes(self, answer: AsyncSlackResponse) -> None:
        """An app that was installed for an older release may lack some: all goes on that needs none of them."""
        granted = scopes_of(answer)
        missing = [scope for scope in (*NEEDED, *WITHOUT) if scope not in granted]
        if granted and missing:
            advice = "add them under OAuth & Permissions, then install the app again; what needs none of them goes on"
            log.warning("slack.scopes_missing", scopes=missing, advice=advice)

    async def _app(self, bot: str) -> str:
        """The app's id, where the bot may ask for it."""
        try:
            about = await self.client.bots_info(bot=bot)
        except SlackApiError:
            return ""
        return str((about.get("bot") or {}).get("app_id") or "")


def scopes_of(answer: AsyncSlackResponse) -> frozenset[str]:
    """What the token may do; nothing where Slack does not say."""
    headers = {name.lower(): str(value) for name, value in answer.headers.items()}
    return frozenset(filter(None, (scope.strip() for scope in headers.get("x-oauth-scopes", "").split(","))))


def _wait_after(error: Exception, attempts: int) -> float:
    """Seconds, with jitter: replicas that start together do not come back together."""
    if isinstance(error, SlackApiError):
        given = str(error.response.headers.get("Retry-After", "")) if error.response.status_code == 429 else ""
        if given.isdecimal():
            return min(float(given), _LONGEST_WAIT)
    return min(0.5 * 2.0 ** min(attempts, 10), _LONGEST_WAIT) * random.uniform(0.5, 1.0)
