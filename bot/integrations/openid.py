"""Signing in by OpenID Connect: where a browser is sent, and who came back, by a token that is checked.

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
https://docs.slack.dev/authentication/sign-in-with-slack
"""

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import aiohttp
import msgspec

from bot.errors import TandemError
from bot.integrations.http import ToolFailure, ToolRefused, call

if TYPE_CHECKING:
    from jwt import PyJWK

LEEWAY = timedelta(seconds=60)
"""By so much the provider's clock may differ from ours."""
_KEYS_KEPT, _KEYS_AGAIN = timedelta(hours=1), timedelta(minutes=1)
_ALGORITHM = "RS256"
_REQUIRED = ("iss", "aud", "sub", "exp", "iat", "nonce")
_MOST_TOKEN = 16 * 1024
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_SLACK = "https://slack.com/"


class NotSignedIn(TandemError):
    """Nobody is signed in by this; the message says why, and holds nothing of what was sent."""


class Provider(NamedTuple):
    """``issuer`` is what tokens name, the others are addresses."""

    issuer: str
    authorize: str
    token: str
    keys: str


class Client(NamedTuple):
    """``secret`` is that of the app; ``redirect`` is where browsers come back to."""

    id: str
    secret: str
    redirect: str


class Identity(NamedTuple):
    """A person of Slack, and of which workspace and organisation; the latter is empty where there is none."""

    user: str
    team: str
    organisation: str = ""


class _Given(msgspec.Struct, frozen=True):
    """https://docs.slack.dev/reference/methods/openid.connect.token"""

    ok: bool = True
    error: str = ""
    id_token: str = ""


def slack_provider(api_url: str) -> Provider:
    """As ``/.well-known/openid-configuration`` of Slack has it.

    >>> slack_provider("https://slack.com/api/").keys
    'https://slack.com/openid/connect/keys'
    """
    base = f"{api_url.rstrip('/').removesuffix('/api')}/"
    return Provider(
        (_SLACK if base == _SLACK else base).rstrip("/"),
        f"{base}openid/connect/authorize",
        f"{api_url.rstrip('/')}/openid.connect.token",
        f"{base}openid/connect/keys",
    )


class OpenId:
    """``clock`` is that of the bot. PyJWT is imported by the first who signs in."""

    def __init__(
        self, session: aiohttp.ClientSession, provider: Provider, client: Client, clock: Callable[[], datetime]
    ) -> None:
        self._session, self._provider, self._client, self._clock = session, provider, client, clock
        self._keys: Mapping[str, PyJWK] = {}
        self._read_at: datetime | None = None

    def address(self, state: str, nonce: str, team: str = "") -> str:
        """Where the browser is sent; ``team`` is the workspace that is offered there."""
        query = {
            "response_type": "code",
            "scope": "openid",
            "client_id": self._client.id,
            "redirect_uri": self._client.redirect,
            "state": state,
            "nonce": nonce,
        }
        return f"{self._provider.authorize}?{urlencode(query | ({'team': team} if team else {}))}"

    async def identity(self, code: str, nonce: str) -> Identity:
        """Whose code it is. Raises NotSignedIn."""
        claims = await self._claims(await self._exchanged(code))
        if not hmac.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()):
            raise NotSignedIn("the token is for another attempt")
        user, team = claims.get("https://slack.com/user_id"), claims.get("https://slack.com/team_id")
        if not isinstance(user, str) or not isinstance(team, str) or not user or user != claims.get("sub"):
            raise NotSignedIn("the token does not say who it is for")
        return Identity(user, team, str(claims.get("https://slack.com/enterprise_id") or ""))

    async def _exchanged(self, code: str) -> str:
        form = {
            "client_id": self._client.id,
            "client_secret": self._client.secret,
            "code": code,
            "grant_type": "authorization_code",
            "redirect_uri": self._client.redirect,
        }
        body = await self._called("POST", self._provider.token, urlencode(form).encode())
        try:
            given = msgspec.json.decode(body, type=_Given)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise NotSignedIn("Slack's answer cannot be read") from error
        if not given.ok or not given.id_token or len(given.id_token) > _MOST_TOKEN:
            why = given.error if given.error.isidentifier() and len(given.error) < 60 else "no token"
            raise NotSignedIn(f"Slack does not take it ({why})")
        return given.id_token

    async def _claims(self, token: str) -> Mapping[str, Any]:
        """What a token says, once its signature, issuer, audience and times are right."""
        import jwt

        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid") or ""))
            options: Any = {
                "require": list(_REQUIRED),
                "strict_aud": True,
                "verify_exp": False,  # by our clock, below
                "verify_iat": False,
                "verify_nbf": False,
            }
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._client.id,
                issuer=self._provider.issuer,
                options=options,
            )
        except jwt.PyJWTError as error:
            raise NotSignedIn(f"the token is not right ({type(error).__name__})") from error
        self._check_times(claims)
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock().timestamp()
        ends, begins = claims["exp"], max(_moment(claims["iat"]), _moment(claims.get("nbf", claims["iat"])))
        if _moment(ends) <= now - LEEWAY.total_seconds():
            raise NotSignedIn("the token is over")
        if begins > now + LEEWAY.total_seconds():
            raise NotSignedIn("the token is of the future: compare the clocks")

    async def _key(self, name: str) -> "PyJWK":
        """One of the provider's; they are read again after an hour, and at most once a minute for one that is new."""
        now, read_at = self._clock(), self._read_at
        fresh = read_at is not None and timedelta() <= now - read_at < _KEYS_KEPT
        if not fresh or (name not in self._keys and read_at is not None and now - read_at >= _KEYS_AGAIN):
            self._keys, self._read_at = await self._read_keys(), now
        if name not in self._keys:
            raise NotSignedIn("the token is signed by a key that is not Slack's")
        return self._keys[name]

    async def _read_keys(self) -> Mapping[str, "PyJWK"]:
        import jwt

        body = await self._called("GET", self._provider.keys)
        try:
            known = jwt.PyJWKSet.from_json(body.decode())
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise NotSignedIn("Slack's keys cannot be read") from error
        return {str(key.key_id): key for key in known.keys if key.key_id and key.algorithm_name == _ALGORITHM}

    async def _called(self, method: str, url: str, data: bytes | None = None) -> bytes:
        try:
            return await call(self._session, method, url, _FORM if data else {}, data=data)
        except (ToolFailure, ToolRefused) as error:
            raise NotSignedIn(f"Slack: {error}") from error


def _moment(given: object) -> float:
    if not isinstance(given, int | float) or isinstance(given, bool):
        raise NotSignedIn("the token has no moment where one belongs")
    return float(given)
