"""Signing in to the pages with Slack: the browser goes to Slack and comes back with a code that only Slack can give.

What began it stands in a cookie of its own, signed, for ten minutes: nobody can be signed in by a link that another
person made (https://datatracker.ietf.org/doc/html/rfc6749#section-10.12). The session is a cookie as well, so any
replica knows it; who the person is, and whether still one of the workspace, is looked up with each page.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.access.scope import READS, Scope
from bot.incidents.permissions import Action, Actor, may
from bot.integrations.openid import NotSignedIn, OpenId
from handlers.api.tokens import Caller
from handlers.pages.sessions import LASTS, Session

COOKIE = "tandem_sign_in"
PATH = "/sign-in/slack"
LASTS_ON_THE_WAY = timedelta(minutes=10)
_HEX = r"[0-9a-f]{64}"
_ON_THE_WAY = re.compile(
    rf"(?P<signed>(?P<ends>[0-9]{{1,12}})\.(?P<state>{_HEX})\.(?P<nonce>{_HEX})\.(?P<to>[\w/.~%-]{{1,600}}))"
    rf"\.(?P<signature>{_HEX})",
    re.ASCII,
)
_SESSION = re.compile(
    rf"(?P<signed>2\.(?P<ends>[0-9]{{1,12}})\.[0-9a-f]{{32}}\.(?P<user>[UW][A-Z0-9]{{1,40}})\.(?P<team>[TE][A-Z0-9]{{1,40}}))"
    rf"\.(?P<signature>{_HEX})"
)
_MAY = READS | {Scope.INCIDENTS_WRITE}
"""What the pages offer to a person; what they may do of it, `permissions` say."""


class Workspace(NamedTuple):
    """Whose people may sign in: ids of ``workspaces``, and of all that they are ``members_of``."""

    workspaces: frozenset[str]
    members_of: frozenset[str]


LookUp = Callable[[str, frozenset[str]], Awaitable[Actor]]
"""A person by their id, as a member of any of these workspaces or not."""


class Begun(NamedTuple):
    """Where the browser is sent, and what it keeps meanwhile."""

    address: str
    cookie: str


class SlackSignIn:
    """``key`` signs; another one ends all sessions. ``workspace`` is None while Slack has not said who the bot is."""

    def __init__(
        self,
        openid: OpenId,
        key: str,
        workspace: Callable[[], Workspace | None],
        look_up: LookUp,
        clock: Callable[[], datetime],
    ) -> None:
        self._openid, self._workspace, self._look_up, self._clock = openid, workspace, look_up, clock
        self._key = hashlib.sha256(f"tandem pages\0{key}".encode()).digest()

    def begin(self, to: str) -> Begun:
        """``to`` is a page of ours."""
        state, nonce = secrets.token_hex(32), secrets.token_hex(32)
        signed = f"{self._ends(LASTS_ON_THE_WAY)}.{state}.{nonce}.{to}"
        known = self._workspace()
        only = next(iter(known.workspaces), "") if known and len(known.workspaces) == 1 else ""
        return Begun(self._openid.address(state, nonce, only), f"{signed}.{self._signature('way', signed)}")

    async def finish(self, cookie: str, state: str, code: str) -> tuple[str, str]:
        """The session of whoever came back, and the page that they wanted. Raises NotSignedIn."""
        begun = self._mine("way", _ON_THE_WAY, cookie)
        if begun is None or not hmac.compare_digest(begun["state"].encode(), state.encode(errors="replace")):
            raise NotSignedIn("this browser did not begin it, or more than ten minutes ago")
        known = self._workspace()
        if known is None:
            raise NotSignedIn("Slack has not said yet which workspace Tandem is in: try again in a minute")
        found = await self._openid.identity(code, begun["nonce"])
        if not {found.team, found.organisation} & known.workspaces:
            raise NotSignedIn("this workspace is not one that Tandem works for")
        signed = f"2.{self._ends(LASTS)}.{secrets.token_hex(16)}.{found.user}.{found.team}"
        session = f"{signed}.{self._signature('session', signed)}"
        if await self.session_of(session) is None:
            raise NotSignedIn("guests, and people who have left, see nothing here")
        return session, begun["to"]

    async def session_of(self, cookie: str) -> Session | None:
        """None where it is not ours or over, and for whoever is no member of the workspace any more."""
        found, known = self._mine("session", _SESSION, cookie), self._workspace()
        if found is None or known is None or not {found["team"]} & known.members_of:
            return None
        actor = await self._look_up(found["user"], known.members_of)
        if not may(actor, Action.LOOK, None):
            return None
        return Session(Caller(found["user"], _MAY, actor=actor), self._signature("form", found["signed"]))

    def _ends(self, lasts: timedelta) -> int:
        return int((self._clock() + lasts).timestamp())

    def _mine(self, use: str, form: re.Pattern[str], cookie: str) -> re.Match[str] | None:
        found = form.fullmatch(cookie)
        if found is None or int(found["ends"]) <= self._clock().timestamp():
            return None
        return found if hmac.compare_digest(self._signature(use, found["signed"]), found["signature"]) else None

    def _signature(self, use: str, signed: str) -> str:
        return hmac.new(self._key, f"{use}\0{signed}".encode(), hashlib.sha256).hexdigest()
