"""Outgoing events from a whole process: from a webhook to a receiver, also after a restart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.app import App
from bot.config import Environment
from bot.config.model import Config
from tests.acceptance.harness import alert, delivery, until
from tests.integration.outgoing.receiving import SECRETS, Itsm, signature

TOKEN = "a-token-of-enough-length"


@asynccontextmanager
async def _app(database_url: str, itsm: Itsm) -> AsyncIterator[App]:
    settings = {"TANDEM_DATABASE_URL": database_url, "TANDEM_SEAL_KEY": TOKEN, "TANDEM_WEBHOOK_TOKEN": TOKEN}
    receiver = {
        "url": itsm.url,
        "events": ["incident.*", "run.*"],
        "secret": "ITSM",
        "headers": {"Authorization": {"secret": "LOGIN", "prefix": "Bearer "}},
        "allow_private": True,
    }
    config = Config.model_validate({"outgoing": [receiver]})
    async with App(Environment.model_validate(settings), config, port=0) as app:
        yield app


async def _deliver(app: App, service: str) -> None:
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session,
        session.post(f"{app.url}/webhooks/alertmanager", json=delivery(alert(service=service))) as answer,
    ):
        assert answer.status == 202


async def test_a_receiver_gets_what_it_missed_when_the_process_starts_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_SECRET_ITSM", SECRETS["ITSM"])
    monkeypatch.setenv("TANDEM_SECRET_LOGIN", "a-login")
    itsm, server = Itsm(), web.Application()
    server.router.add_post("/hook", itsm.take)

    async def opened(count: int) -> bool:
        return itsm.names().count("incident.opened") >= count

    async with TestServer(server) as running:
        itsm.url = str(running.make_url("/hook"))
        itsm.statuses = [500]
        async with _app(database_url, itsm) as app:
            await _deliver(app, "checkout")
            await until(lambda: opened(1), "the first attempt")
        async with _app(database_url, itsm) as app:
            await until(lambda: opened(2), "the second attempt, of the next process")
            await _deliver(app, "search")
            await until(lambda: opened(3), "what happens later")
    first, *others = [request for request, body in zip(itsm.requests, itsm.names(), strict=True) if "opened" in body]
    assert first[1]["webhook-id"] == others[0][1]["webhook-id"] != others[1][1]["webhook-id"]
    for _, headers, body in itsm.requests:
        assert headers["webhook-signature"] == signature(headers, body)
        assert headers["Authorization"] == "Bearer a-login"
