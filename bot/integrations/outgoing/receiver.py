"""A receiver of outgoing events, and one attempt to send it one."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from aiohttp.helpers import get_env_proxy_for_url
from yarl import URL

from bot.domain.outgoing.event import OutgoingEvent, message_id
from bot.errors import CallRefused
from bot.integrations.http import call
from bot.integrations.outgoing.guard import GuardedResolver, check_literal, check_name
from bot.integrations.standard_webhooks import signed_headers

_CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


@dataclass(frozen=True)
class Receiver:
    """``headers`` gives those of its own, and may raise TandemError where a secret is missing."""

    url: str
    events: Sequence[str]
    secret: str | None
    allow_private: bool
    headers: Callable[[], Mapping[str, str]]

    @property
    def key(self) -> str:
        """Its name in the database: an address may hold a token."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    @property
    def shown(self) -> str:
        return f"{URL(self.url).host} ({self.key[:6]})"


def open_session(receiver: Receiver, most: int) -> aiohttp.ClientSession:
    """Connects to what was checked; or to the proxy of the environment, which mostly has a private address itself."""
    resolver = None if receiver.allow_private or goes_by_proxy(receiver.url) else GuardedResolver()
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, limit=most)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True)


def goes_by_proxy(url: str) -> bool:
    """By the rule of aiohttp itself, so that no call is neither guarded nor sent to a proxy."""
    try:
        get_env_proxy_for_url(URL(url))
    except LookupError:
        return False
    return True


async def send(
    session: aiohttp.ClientSession,
    receiver: Receiver,
    event: OutgoingEvent,
    secrets: Mapping[str, str],
    now: datetime,
) -> None:
    """Raises TandemError where it was not taken: ToolFailure, ToolRefused, AddressRefused, CallRefused."""
    if receiver.secret is not None and receiver.secret not in secrets:
        raise CallRefused(f"not sent: TANDEM_SECRET_{receiver.secret} is not set")
    if not receiver.allow_private:
        check_literal(receiver.url)
        if goes_by_proxy(receiver.url):
            await check_name(receiver.url)
    body = event.body.encode()
    secret = secrets[receiver.secret] if receiver.secret is not None else None
    own = signed_headers(message_id(event.incident_id, event.position), now, body, secret)
    headers = {**receiver.headers(), **own, "Content-Type": _CONTENT_TYPE}
    await call(session, "POST", receiver.url, headers, data=body)
