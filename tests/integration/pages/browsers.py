"""A program with the pages, and what a browser does with them, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any
from unittest.mock import patch

from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from bot.config.api import ApiToken
from bot.routing.schedules.roster import Roster
from handlers.api.operation import Backend
from handlers.api.tokens import Tokens
from handlers.pages import Pages, lately
from tests.integration.pipeline_driver import Pipeline

ENVIRON = {
    "TANDEM_SECRET_ALL": "all-secret",
    "TANDEM_SECRET_EU": "eu-secret",
    "TANDEM_SECRET_MODELS": "models-secret",
    "TANDEM_SECRET_DESK": "desk-secret",
    "TANDEM_SECRET_EU_DESK": "eu-desk-secret",
}
TOKENS: list[dict[str, Any]] = [
    {"name": "all", "secret": "ALL", "scopes": ["incidents:read", "models:read"]},
    {"name": "eu", "secret": "EU", "scopes": ["incidents:read", "models:read"], "domains": ["eu-1"]},
    {"name": "models", "secret": "MODELS", "scopes": ["models:read"]},
    {"name": "desk", "secret": "DESK", "scopes": ["incidents:read", "incidents:write"]},
    {"name": "eu-desk", "secret": "EU_DESK", "scopes": ["incidents:read", "incidents:write"], "domains": ["eu-1"]},
]


class Page(HTMLParser):
    """What a browser sees: the elements with their attributes, and the text outside of styles."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        super().__init__()
        self.status, self.headers, self.size = status, headers, len(body)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._style = False
        self.feed(body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.text += data

    def form(self, path: str) -> dict[str, str]:
        """The hidden fields of the form that is sent there."""
        ours = False
        found: dict[str, str] = {}
        for tag, attributes in self.elements:
            if tag == "form":
                ours = attributes["action"] == path
            elif ours and tag == "input" and attributes["type"] == "hidden":
                found[str(attributes["name"])] = str(attributes["value"])
        return found

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


class Browser:
    def __init__(self, client: TestClient[Any, Any], environ: dict[str, str]) -> None:
        self.client, self.environ = client, environ

    async def open(self, path: str, token: str | None = None, **headers: str) -> Page:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        async with self.client.get(path, headers=sent) as answer:
            return Page(answer.status, answer.headers, await answer.read())

    async def send(self, path: str, form: dict[str, str], **headers: str) -> Page:
        """Send a form, and do not follow where it leads."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.post(path, data=form, headers=sent, allow_redirects=False) as answer:
            return Page(answer.status, answer.headers, await answer.read())

    async def sign_in(self, token: str) -> None:
        assert (await self.send("/sign-in", {"token": token})).status == 303

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.key: cookie.value for cookie in self.client.session.cookie_jar}


@asynccontextmanager
async def browser(
    pipeline: Pipeline, configured: list[dict[str, Any]] = TOKENS, roster: Roster | None = None, **backed_by: Any
) -> AsyncIterator[Browser]:
    """``backed_by`` is what pages are made of beside the usual."""
    environ = dict(ENVIRON)
    app = web.Application()
    seconds = iter(range(0, 10**6, 10))
    tokens = Tokens("sole", [ApiToken.model_validate(one) for one in configured], environ, lambda: float(next(seconds)))
    backend = Backend(pipeline.database, pipeline.rules, pipeline.clock, **backed_by)
    Pages(backend, tokens, roster).add_routes(app)
    with patch.object(lately, "PATIENCE", 60.0):  # beside a busy machine, noise is waited for
        async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
            yield Browser(client, environ)
