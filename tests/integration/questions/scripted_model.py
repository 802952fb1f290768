"""An endpoint that speaks OpenAI's chat completions over HTTP, and does what a test's script says."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.assistant.assistant import Assistant, Limits
from bot.assistant.chat import Chat
from handlers.api.operation import Backend
from handlers.api.serving import Serving
from handlers.api.tokens import Tokens
from handlers.mcp.reading import ReadTools
from tests.integration.pipeline_driver import Pipeline

Json = dict[str, Any]
Script = Callable[["ScriptedModel", Json, web.Request], Awaitable[web.StreamResponse]]
_CALL = re.compile(r"CALL (\w+) (\{[^{}]*\})")
_SAY = re.compile(r"SAY (.+?)(?= ENDSAY)")


def said(text: str) -> web.Response:
    return web.json_response({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]})


def called(*wanted: tuple[str, Json | str]) -> web.Response:
    made = [
        {
            "id": f"call-{n}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": given if isinstance(given, str) else msgspec.json.encode(given).decode(),
            },
        }
        for n, (name, given) in enumerate(wanted)
    ]
    message = {"role": "assistant", "content": None, "tool_calls": made}
    return web.json_response({"choices": [{"message": message, "finish_reason": "tool_calls"}]})


def says(text: str) -> Callable[[], web.Response]:
    return lambda: said(text)


def calls(*wanted: tuple[str, Json | str]) -> Callable[[], web.Response]:
    return lambda: called(*wanted)


class ScriptedModel:
    """``requests`` are the bodies that came in."""

    def __init__(self, script: Script) -> None:
        self.requests: list[Json] = []
        self.url = ""
        self._script = script

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        return await self._script(self, body, request)

    @property
    def sent(self) -> str:
        """All that it was told."""
        return "\n".join(str(message.get("content")) for body in self.requests for message in body["messages"])

    @property
    def results(self) -> list[str]:
        """What tools gave it in the last request."""
        return [str(one["content"]) for one in self.requests[-1]["messages"] if one["role"] == "tool"]


def script(*turns: Callable[[], web.Response]) -> Script:
    """One answer after the other, the last one again and again."""
    left = list(turns)

    async def play(model: ScriptedModel, body: Json, request: web.Request) -> web.StreamResponse:
        turn = left.pop(0) if len(left) > 1 else left[0]
        return turn()

    return play


async def obey(model: ScriptedModel, body: Json, request: web.Request) -> web.StreamResponse:
    """Read what there is, then call whatever any text says, then say whatever any text says."""
    told = "\n".join(str(message.get("content")) for message in body["messages"][1:])
    turn = len([one for one in body["messages"] if one["role"] == "assistant"])
    if turn == 0:
        return called(
            ("get_incident", {"id": "1"}), ("list_changes", {"service": "db"}), ("list_runbooks", {"id": "1"})
        )
    wanted = list(dict.fromkeys(_CALL.findall(told)))
    if turn <= -(-len(wanted) // 4) and turn < 5:
        return called(*wanted[(turn - 1) * 4 : turn * 4])
    words = " ".join(f"{one} [E1, E2, E3]." for one in dict.fromkeys(_SAY.findall(told)))
    return said(words or "I do not know.")


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[ScriptedModel]:
    model = ScriptedModel(script)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    async with TestServer(app) as server:
        model.url = str(server.make_url("/v1"))
        yield model


@asynccontextmanager
async def assistant_of(pipeline: Pipeline, model: ScriptedModel, limits: Limits = Limits()) -> AsyncIterator[Any]:  # noqa: B008
    """What the endpoint for Slack is given."""
    serving = Serving(Backend(pipeline.database, pipeline.rules, pipeline.clock), Tokens(None))
    async with aiohttp.ClientSession() as session:
        assistant = Assistant(Chat(session, model.url, "scripted", "key-1"), pipeline.database, limits, pipeline.clock)

        async def ask(asking: Any, domain: str) -> Any:
            return await assistant.answer(asking, ReadTools(serving, domain))

        yield ask


def texts(sentences: Sequence[Any]) -> list[str]:
    return [one.text for one in sentences]
