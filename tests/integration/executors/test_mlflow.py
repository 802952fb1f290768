"""The executor ``mlflow`` against servers that are no good registry; a real one is in tests/acceptance."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.domain.run import PlannedStep
from bot.remediation.executors import Outcome, execute
from tests.integration.executors.contexts import context

SECRETS = {"TOKEN": "s3cr3t-of-the-registry"}
HEADERS = {"Authorization": {"secret": "TOKEN", "prefix": "Bearer "}}


class Registry:
    """Answers every request as a test says; ``posted`` is how often something was to be set."""

    def __init__(self) -> None:
        self.answer: Any = {"model_version": {"version": "2"}}
        self.status = 200
        self.posted = 0
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answered)
        self.server = TestServer(app)

    async def _answered(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer s3cr3t-of-the-registry"
        self.posted += request.method == "POST"
        if self.answer is None:
            await asyncio.Event().wait()
        headers = {"Location": "http://127.0.0.1:1/"} if self.status == 307 else {}
        if isinstance(self.answer, str):
            return web.Response(text=self.answer, status=self.status, headers=headers)
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    made = Registry()
    async with made.server:
        yield made


async def step(registry: Registry, secrets: dict[str, str] = SECRETS, **given: Any) -> Outcome:
    usual = {"url": str(registry.server.make_url("/")), "headers": HEADERS, "model": "m", "alias": "champion"}
    return await execute(PlannedStep("mlflow", usual | {"from_alias": "next"} | given), context(secrets))


async def test_what_is_so_already_is_not_set_again(registry: Registry) -> None:
    assert await step(registry) == Outcome(True, "champion of m is version 2 already")
    assert registry.posted == 0


async def test_a_registry_that_sets_something_else_is_found_out(registry: Registry) -> None:
    outcome = await step(registry, from_alias=None, stage="Production", alias=None, version=2)
    assert outcome == Outcome(False, "version 2 of m was moved to Production, and is in None")
    assert registry.posted == 1


@pytest.mark.parametrize(
    "status, answer, said",
    [
        (200, "<html>", "the registry's answer is none of MLflow's"),
        (200, {"model_version": {}}, "the registry's answer is none of MLflow's"),
        (403, {"error_code": "PERMISSION_DENIED", "message": "not yours"}, "PERMISSION_DENIED not yours"),
        (500, "it broke", "HTTP 500 of the registry:  it broke"),
        (307, "elsewhere", "HTTP 307 of the registry"),
        (404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}, "m has no alias next: nothing was set"),
    ],
)
async def test_what_a_registry_does_not_do_is_said_in_its_words(
    registry: Registry, status: int, answer: Any, said: str
) -> None:
    registry.status, registry.answer = status, answer
    outcome = await step(registry)
    assert not outcome.ok and said in outcome.output
    assert registry.posted == 0


async def test_a_registry_that_does_not_answer_is_given_up(registry: Registry) -> None:
    registry.answer = None
    assert await step(registry, timeout="200ms") == Outcome(False, "no answer within 0.2 s")


async def test_secrets_are_not_shown_and_a_missing_one_is_named(registry: Registry) -> None:
    registry.status, registry.answer = 401, "who is s3cr3t-of-the-registry?"
    assert "who is ***?" in (await step(registry)).output
    assert await step(registry, {}) == Outcome(False, "not sent: the secret TOKEN is not set (TANDEM_SECRET_TOKEN)")
