"""Steps within a step: a request or a command whose answer is JSON that the step itself reads."""

import asyncio
from typing import Any, NamedTuple

import aiohttp
from pydantic import BaseModel, ConfigDict, model_validator

from bot.remediation.executors import command, http
from bot.remediation.executors.answers import decoded, json_in
from bot.remediation.executors.command import CommandParameters
from bot.remediation.executors.http import HttpParameters
from bot.remediation.executors.step import MAX_OUTPUT, StepContext, presentable
from bot.remediation.executors.web import SecretMissing, answered, filled, session

INNER_KINDS = ("http", "command")
_SHOWN = 500


class Request(BaseModel):
    """``http: {…}``, whose answer is JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    http: HttpParameters


class JsonStep(BaseModel):
    """``http: {…}`` or ``command: {…}``, whose answer is JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    http: HttpParameters | None = None
    command: CommandParameters | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "JsonStep":
        if (self.http is None) == (self.command is None):
            raise ValueError("say either http or command")
        return self


class JsonAnswer(NamedTuple):
    """``value`` is the JSON that was answered, None where there was none; ``text`` is the answer for people, cut."""

    ok: bool
    value: Any
    text: str


def described(one: JsonStep | Request) -> str:
    if one.http is not None:
        return http.describe(one.http)
    assert isinstance(one, JsonStep) and one.command is not None  # as its validator saw to
    return command.describe(one.command)


async def perform(one: JsonStep | Request, context: StepContext) -> JsonAnswer:
    """Perform it once. What goes wrong is what was heard, not an error of ours."""
    if one.http is not None:
        return await _requested(one.http, context)
    assert isinstance(one, JsonStep) and one.command is not None  # as its validator saw to
    outcome = await command.run(one.command, context)
    return JsonAnswer(outcome.ok, json_in(outcome.output), outcome.output[-_SHOWN:])


async def _requested(parameters: HttpParameters, context: StepContext) -> JsonAnswer:
    seconds, secrets = parameters.timeout.total_seconds(), context.secrets
    body = None if parameters.body is None else http.encoded(parameters.body)
    usual = {"Content-Type": "application/json"} if isinstance(parameters.body, dict | list) else {}
    try:
        headers = filled(parameters.headers, secrets)
        async with asyncio.timeout(seconds), session(usual) as client:
            answer = await answered(client, parameters.method, parameters.url, headers=headers, data=body)
    except TimeoutError:
        return JsonAnswer(False, None, f"no answer within {seconds:g} s")
    except SecretMissing as error:
        return JsonAnswer(False, None, str(error))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        text = presentable(f"not answered: {error or type(error).__name__}".encode(), 0, context.hidden)
        return JsonAnswer(False, None, text)
    text = presentable(answer.body[:MAX_OUTPUT], max(0, len(answer.body) - MAX_OUTPUT), context.hidden)[:_SHOWN]
    return JsonAnswer(parameters.expects(answer.status), decoded(answer.body), f"HTTP {answer.status}\n{text}".strip())
