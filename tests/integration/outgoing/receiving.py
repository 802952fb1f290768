"""A receiver of outgoing events over real HTTP, and deliveries to it whose time is moved by hand."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.domain.outgoing.event import OutgoingEvent
from bot.integrations.outgoing.delivery import AT_ONCE, Delivery, begin
from bot.integrations.outgoing.receiver import Receiver, open_session, send
from bot.storage.database import Database
from tests.conftest import Clock

KEY = b"a key of 24 bytes at least"
SECRETS = {"ITSM": f"whsec_{base64.b64encode(KEY).decode()}"}


class Itsm:
    """It answers with ``statuses`` in turn, and then takes everything."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self.location = ""
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append((request.path, dict(request.headers), await request.read()))
        status = self.statuses.pop(0) if self.statuses else 204
        return web.Response(status=status, headers={"Location": self.location} if self.location else {})

    def bodies(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(body) for _, _, body in self.requests]

    def names(self) -> list[str]:
        return [body["type"] for body in self.bodies()]


class Sending:
    """One receiver's delivery; ``restart`` leaves nothing of it but the database."""

    def __init__(self, database: Database, clock: Clock, receiver: Receiver, session: aiohttp.ClientSession) -> None:
        self._database, self.clock, self.receiver, self.session = database, clock, receiver, session
        self.wrap: Callable[[Any], Any] = lambda attempt: attempt
        self.restart()

    def restart(self) -> None:
        attempt = self.wrap(self._attempt)
        self.delivery = Delivery(self._database, self.receiver, attempt, self.clock)

    async def _attempt(self, event: OutgoingEvent) -> None:
        await send(self.session, self.receiver, event, SECRETS, self.clock())

    async def works(self, **span: float) -> None:
        """So much time passes, and everything is sent that is due then."""
        self.clock.pass_(**span)
        while await self.delivery.collect() or await self.delivery.send_due():
            pass
        while await self.delivery.send_due():
            pass


@asynccontextmanager
async def sending(database: Database, clock: Clock, **changed: Any) -> AsyncIterator[tuple[Itsm, Sending]]:
    itsm, app = Itsm(), web.Application()
    app.router.add_route("*", "/{path:.*}", itsm.take)
    async with TestServer(app) as server:
        itsm.url = str(server.make_url("/hook"))
        receiver = Receiver(itsm.url, ["incident.*", "run.*"], "ITSM", True, dict)
        receiver = replace(
            receiver, **{key: value(itsm) if callable(value) else value for key, value in changed.items()}
        )
        async with open_session(receiver, AT_ONCE) as session:
            await begin(database, receiver)
            yield itsm, Sending(database, clock, receiver, session)


def signature(headers: dict[str, str], body: bytes) -> str:
    """By the formula of the specification."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()}"
