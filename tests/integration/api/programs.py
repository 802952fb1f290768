"""Programs that use the API, each with a token, for tests."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.config.api import ApiToken
from bot.domain.access.permission import Policy
from bot.domain.access.team import Team, Teams
from handlers.api.operation import Backend
from handlers.api.server import Api, Health
from handlers.api.tokens import Tokens
from handlers.mcp import McpEndpoint
from tests.integration.pipeline_driver import Pipeline

ALL = ["incidents:read", "incidents:write", "silences:write", "runs:propose", "models:read"]
ENVIRON = {"TANDEM_SECRET_CI": "ci-secret", "TANDEM_SECRET_EU": "eu-secret", "TANDEM_SECRET_LOOK": "look-secret"}
TOKENS: list[dict[str, Any]] = [
    {"name": "ci", "secret": "CI", "scopes": ALL},
    {"name": "eu", "secret": "EU", "scopes": ALL, "domains": ["eu-1"]},
    {"name": "look", "secret": "LOOK", "scopes": ["incidents:read"]},
]


class Program:
    """A program with a token."""

    def __init__(self, client: TestClient[Any, Any], token: str) -> None:
        self.client, self.token = client, token

    async def __call__(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Authorization"] = f"Bearer {self.token}"
        async with self.client.request(method, path, json=body, headers=named) as answer:
            assert answer.status < 500, await answer.text()
            if answer.status >= 400:
                assert answer.content_type == "application/problem+json"
            return answer.status, await answer.json(content_type=None), answer.headers

    async def ok(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> dict[str, Any]:
        given, answer, _ = await self(method, path, body, **headers)
        assert given == status, answer
        return answer

    async def problem(self, status: int, method: str, path: str, body: Any = None, **headers: str) -> str:
        given, answer, _ = await self(method, path, body, **headers)
        assert given == status, answer
        return str(answer["detail"])


class Programs:
    def __init__(self, client: TestClient[Any, Any], server: Api) -> None:
        self.client, self.server = client, server
        self.ci, self.eu, self.look = (Program(client, f"{name}-secret") for name in ("ci", "eu", "look"))
        self.sole = Program(client, "sole-secret")


@asynccontextmanager
async def api(
    pipeline: Pipeline,
    configured: list[dict[str, Any]] = TOKENS,
    environ: dict[str, str] = ENVIRON,
    backed_by: Mapping[str, Any] = MappingProxyType({}),
    **more: Any,
) -> AsyncIterator[Programs]:
    """``backed_by`` is what operations work with beside the usual."""
    app = web.Application()
    tokens = Tokens("sole-secret", [ApiToken.model_validate(one) for one in configured], environ, **more)
    policy = Policy(teams=Teams({"shop": Team(services=["check*"]), "stock": Team(services=["stock"])}))
    backend = Backend(pipeline.database, pipeline.rules, pipeline.clock, policy=policy, **backed_by)
    health = Health(lambda: ("off", True))
    server = Api(
        pipeline.database, pipeline.inbox, "sole-secret", health, pipeline.clock, tokens=tokens, backend=backend
    )
    server.add_routes(app)
    McpEndpoint(server.serving).add_routes(app)
    async with TestClient(TestServer(app)) as client:
        yield Programs(client, server)
