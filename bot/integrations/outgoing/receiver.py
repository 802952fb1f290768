"""A receiver of outgoing events, and one attempt to send it one."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from yarl import URL

from bot.domain.outgoing.event import OutgoingEvent, message_id
from bot.errors import CallRefused
from bot.integrations.http import call
from bot.integrations.outgoing.guard import check_destination, open_guarded
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
    return open_guarded(receiver.url, receiver.allow_private, most)


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
        await check_destination(receiver.url)
    body = event.body.encode()
    secret = secrets[receiver.secret] if receiver.secret is not None else None
    own = signed_headers(message_id(event.incident_id, event.position), now, body, secret)
    headers = {**receiver.headers(), **own, "Content-Type": _CONTENT_TYPE}
    await call(session, "POST", receiver.url, headers, data=body)
