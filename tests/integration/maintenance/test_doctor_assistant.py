"""``tandem doctor`` says whether the language model of ``assistant`` can be reached and is there, at no cost."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from bot.commands.parts.checks.assistant import check_assistant
from bot.commands.parts.checks.finding import Mark
from bot.config import Config, read_environment
from bot.config.assistant import AssistantSection

MODELS = {"data": [{"id": "large"}, {"id": "small"}]}


@pytest.mark.parametrize(
    ("answer", "model", "mark", "text"),
    [
        (lambda: web.json_response(MODELS), "large", Mark.OK, "has the model large"),
        (lambda: web.json_response(MODELS), "huge", Mark.WARN, "does not list the model huge"),
        (lambda: web.Response(status=401), "large", Mark.WARN, "wants a key, and TANDEM_LLM_API_KEY is not set"),
        (lambda: web.Response(status=404), "large", Mark.OK, "does not list its models (status 404)"),
        (lambda: web.Response(body=b"[" * 9999), "large", Mark.OK, "does not list its models"),
    ],
)
async def test_what_the_endpoint_answers(answer: object, model: str, mark: Mark, text: str) -> None:
    async def list_models(request: web.Request) -> web.Response:
        return answer()  # type: ignore[operator,no-any-return]

    app = web.Application()
    app.router.add_get("/v1/models", list_models)
    async with TestServer(app) as server:
        section = AssistantSection(url=str(server.make_url("/v1")), model=model)
        [found] = await check_assistant(Config(assistant=section), read_environment())
    assert found.mark is mark and text in found.text


async def test_an_endpoint_that_is_away_is_a_warning_and_none_is_nothing() -> None:
    away = Config(assistant=AssistantSection(url="http://127.0.0.1:1/v1", model="large"))
    environment = read_environment().model_copy(update={"llm_api_key": SecretStr("k-1")})
    [found] = await check_assistant(away, environment)
    assert found.mark is Mark.WARN and "cannot be reached" in found.text and "k-1" not in str(found)
    assert await check_assistant(Config(), environment) == []
