"""One turn of a conversation with a language model, through any endpoint that speaks OpenAI's chat completions.

https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import msgspec

from bot.errors import TandemError

MOST_BYTES = 64 * 1024
Message = dict[str, Any]


class Unanswered(TandemError):
    """The model gave no answer that can be used; the message says why, and nothing of what was sent."""


class Function(msgspec.Struct, frozen=True):
    name: str = ""
    arguments: str | dict[str, Any] | None = ""


class ToolCall(msgspec.Struct, frozen=True):
    id: str = ""
    function: Function = Function()


class _Said(msgspec.Struct, frozen=True):
    content: str | None = None
    tool_calls: list[ToolCall] | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Said
    finish_reason: str | None = None


class _Usage(msgspec.Struct, frozen=True):
    total_tokens: int = 0


class _Completion(msgspec.Struct, frozen=True):
    choices: list[_Choice]
    usage: _Usage | None = None


class Turn(msgspec.Struct, frozen=True):
    """What the model says, or the tools that it wants to be called; ``tokens`` is what the turn took."""

    content: str
    calls: Sequence[ToolCall]
    tokens: int


_decode = msgspec.json.Decoder(_Completion).decode


class Chat:
    """``url`` ends before ``/chat/completions``. Neither a temperature nor a bound of tokens is sent: of either, some
    models take only other values or names."""

    def __init__(self, session: aiohttp.ClientSession, url: str, model: str, key: str | None) -> None:
        self._session = session
        self._address = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def turn(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> Turn:
        """Raises Unanswered; TimeoutError is the caller's, who bounds the time."""
        body = {"model": self._model, "messages": list(messages)} | ({"tools": list(tools)} if tools else {})
        sent = msgspec.json.encode(body)
        headers = {**self._headers, "Content-Type": "application/json"}
        try:
            async with self._session.post(self._address, data=sent, headers=headers, allow_redirects=False) as response:
                return _turn_in(response.status, await _bounded(response), len(sent))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise Unanswered(f"it cannot be reached ({type(error).__name__})") from error


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_chunked(8192):
        body += chunk
        if len(body) > MOST_BYTES:
            raise Unanswered(f"its answer is longer than {MOST_BYTES // 1024} kB")
    return body


def _turn_in(status: int, body: bytes, sent: int) -> Turn:
    if status != 200:
        raise Unanswered(f"it answered with status {status}")
    try:
        completion = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unanswered("its answer is no chat completion") from error
    choice = next(iter(completion.choices), None)
    if choice is None:
        raise Unanswered("its answer is empty")
    said, usage = choice.message, completion.usage
    tokens = max(usage.total_tokens if usage else 0, (sent + len(body)) // 4 if usage is None else 0)
    if not said.tool_calls and not (said.content or "").strip():
        raise Unanswered("its answer is empty")
    if not said.tool_calls and choice.finish_reason not in (None, "stop"):
        raise Unanswered(f"its answer ended early ({choice.finish_reason[:40]})")
    return Turn(said.content or "", said.tool_calls or [], tokens)
