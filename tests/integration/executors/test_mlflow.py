"""The executor ``mlflow`` against servers that are no good registry; a real one is in tests/acceptance."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from bot.domain.run import PlannedStep
from bot.remediation.executors import Foreseen, Outcome, execute, foresee
from bot.remediation.executors.mlflow import MlflowParameters, describe
from tests.integration.executors.contexts import context

SECRETS = {"TOKEN": "s3cr3t-of-the-registry"}
HEADERS = {"Authorization": {"secret": "TOKEN", "prefix": "Bearer "}}


class Registry:
    """Answers every request as a test says; ``posted`` is how often something was to be set."""

    def __init__(self) -> None:
        self.answer: Any = {"model_version": {"version": "2"}}
        self.status = 200
        self.posted = 0
        self.asked: list[str] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answered)
        self.server = TestServer(app)

    async def _answered(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer s3cr3t-of-the-registry"
        self.posted += request.method == "POST"
        self.asked.append(request.query.get("filter", ""))
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


VERSIONS = {
    "model_versions": [
        {"version": "1", "current_stage": "Archived"},
        {"version": "2", "status": "FAILED_REGISTRATION"},
        {"version": "3", "current_stage": "Production"},
    ]
}


class Served:
    """A registry whose ``champion`` is a version, as an ordinary promotion left it."""

    def __init__(self, champion: str | None) -> None:
        self.champion, self.stages = champion, {"1": "Archived", "3": "Production"}
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answered)
        self.server = TestServer(app)

    async def _answered(self, request: web.Request) -> web.Response:
        if request.path.endswith("search"):
            return web.json_response(VERSIONS)
        if request.method == "POST":
            given = await request.json()
            if "alias" in given:
                self.champion = given["version"]
            else:
                self.stages[given["version"]] = given["stage"]
            return web.json_response({})
        if request.path.endswith("model-versions/get"):
            number = request.query["version"]
            return web.json_response({"model_version": {"version": number, "current_stage": self.stages[number]}})
        if self.champion is None:
            return web.json_response({"error_code": "RESOURCE_DOES_NOT_EXIST"}, status=404)
        return web.json_response({"model_version": {"version": self.champion}})


async def back(served: Served, **given: Any) -> Outcome:
    async with served.server:
        usual = {"url": str(served.server.make_url("/")), "model": "m", "before": "current"}
        return await execute(PlannedStep("mlflow", usual | given), context({}))


async def test_the_version_before_the_current_one_is_served_again() -> None:
    served = Served("3")
    outcome = await back(served, alias="champion")
    assert outcome == Outcome(True, "champion of m is version 1; it was version 3") and served.champion == "1"
    staged = Served(None)
    assert await back(staged, stage="Production") == Outcome(
        True, "version 1 of m is in Production; it was in Archived"
    )


@pytest.mark.parametrize(
    "champion, given, why",
    [
        ("1", {"alias": "champion"}, "m has no version before 1 that is ready"),
        (None, {"alias": "champion"}, "m has no alias champion"),
        (None, {"stage": "Staging"}, "m has no version in stage Staging"),
        ("3", {"alias": "champion", "instead_of": "2"}, "is version 3, not version 2"),
    ],
)
async def test_where_there_is_nothing_to_go_back_to_nothing_is_set(
    champion: str | None, given: dict[str, Any], why: str
) -> None:
    outcome = await back(Served(champion), **given)
    assert not outcome.ok and why in outcome.output


def test_going_back_from_the_current_version_is_never_repeated() -> None:
    usual = {"url": "https://mlflow.example", "model": "m", "alias": "champion", "before": "current"}
    parameters = MlflowParameters.model_validate(usual)
    assert not parameters.repeatable and "before the one that it has now" in describe(parameters)
    with pytest.raises(ValidationError, match="leave out repeatable"):
        MlflowParameters.model_validate(usual | {"repeatable": True})


@pytest.mark.parametrize(
    "given, seen",
    [
        ({}, Foreseen(True, "champion of m would be version 2 already: nothing would change", "version 2")),
        (
            {"from_alias": None, "stage": "Production", "alias": None, "version": 2},
            Foreseen(True, "version 2 of m would be in Production; it is in None now", "version 2"),
        ),
    ],
)
async def test_a_preview_says_which_version_would_be_served_and_sets_nothing(
    registry: Registry, given: dict[str, Any], seen: Foreseen
) -> None:
    usual = {"url": str(registry.server.make_url("/")), "headers": HEADERS, "model": "m", "alias": "champion"}
    planned = PlannedStep("mlflow", usual | {"from_alias": "next"} | given)
    assert await foresee(planned, context(SECRETS)) == seen
    assert registry.posted == 0


@pytest.mark.parametrize(
    "given", [{"prompt": "p"}, {"model": None}, {"model": None, "prompt": "p", "stage": "Production"}]
)
def test_a_step_is_of_a_model_or_of_a_prompt(given: dict[str, Any]) -> None:
    usual = {"url": "https://mlflow.example", "model": "m", "from_alias": "next"}
    with pytest.raises(ValidationError):
        MlflowParameters.model_validate(usual | ({} if "stage" in given else {"alias": "champion"}) | given)


async def test_the_versions_of_a_prompt_are_looked_for_among_prompts(registry: Registry) -> None:
    registry.answer = {"model_versions": [{"version": "1"}, {"version": "2"}], "model_version": {"version": "1"}}
    outcome = await step(registry, model=None, prompt="answer", from_alias=None, before=2)
    assert outcome == Outcome(True, "champion of answer is version 1 already")
    assert any("mlflow.prompt.is_prompt" in asked for asked in registry.asked)


async def test_a_registry_that_is_away_for_a_moment_is_asked_again_and_one_that_stays_away_is_named(
    registry: Registry,
) -> None:
    registry.status, registry.answer = 503, "restarting"
    began = asyncio.create_task(step(registry))
    while len(registry.asked) < 2:
        await asyncio.sleep(0.01)
    registry.status, registry.answer = 200, {"model_version": {"version": "2"}}
    assert await began == Outcome(True, "champion of m is version 2 already")
    registry.status = 503
    assert await step(registry, timeout="3s") == Outcome(False, "HTTP 503 of the registry: it is away")
    outcome = await step(registry, timeout="3s", url="http://127.0.0.1:9")
    assert not outcome.ok and "Cannot connect to host" in outcome.output
