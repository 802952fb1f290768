"""An agent whose lengths are not true gets an answer or none, learns nothing, and others go on."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from bot.domain.event import AlertEvent
from handlers.api.serving import MOST_BODY
from tests.integration.api.programs import Programs, api
from tests.integration.api.test_mcp import agent
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CALL = msgspec.json.encode(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "get_incident", "arguments": {"id": "1"}},
    }
)
_MOMENT = 1.0
"""Seconds after which a client that lied hangs up."""
HEAD = (
    b"POST /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer look-secret\r\n"
    b"Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
)


def _sized(length: object, body: bytes = CALL) -> bytes:
    return HEAD + f"Content-Length: {length}\r\n\r\n".encode() + body


LIES = {
    "more than comes": _sized(len(CALL) + 1000),
    "less than comes": _sized(10),
    "nothing": _sized(0),
    "below nothing": _sized(-5),
    "no number": _sized("many"),
    "far beyond the bound": _sized(10**12),
    "beyond any number": _sized("9" * 400),
    "two that differ": HEAD + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\n" + CALL,
    "a length beside chunks": HEAD + b'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n0\r\n\r\n',
    "a chunk that is longer than it says": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n" + CALL + b"\r\n0\r\n\r\n",
    "a chunk that never ends": HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n" + CALL,
    "a chunk of no size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + CALL,
    "small and packed, large unpacked": _sized(len(packed := gzip.compress(b"x" * 50 * MOST_BODY)), packed).replace(
        b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1
    ),
}


@pytest.fixture
async def programs(pipeline: Pipeline, alert: MakeAlert) -> AsyncIterator[Programs]:
    await pipeline.send(alert(service="checkout"))
    async with api(pipeline) as found:
        yield found


async def _sent(programs: Programs, request: bytes) -> bytes:
    """What comes back: who is waited for sends no more after a moment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", programs.client.port)
    try:
        writer.write(request)
        await writer.drain()
        first = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MOMENT):
                first = await reader.read(2**16)
        if first and b"checkout" in first:
            return first
        writer.write_eof()
        async with asyncio.timeout(60):
            return first + await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("lie", LIES)
async def test_a_length_that_is_not_true_gets_no_result_and_harms_nobody_else(programs: Programs, lie: str) -> None:
    answer = await _sent(programs, LIES[lie])
    assert b"checkout" not in answer and b" 500 " not in answer.partition(b"\r\n")[0]
    async with agent(programs, "look-secret") as client:
        found = await client.call_tool("get_incident", {"id": "1"})
        assert found.structured_content is not None and found.structured_content["number"] == 1


async def test_the_same_call_with_its_true_length_is_answered(programs: Programs) -> None:
    request = _sized(len(CALL)).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    answer = b""
    for _ in range(20):  # beside a busy machine one may hang up before it is answered
        answer = answer or await _sent(programs, request)
    assert b"checkout" in answer


@pytest.mark.parametrize("given", [{"limit": 10**9}, {"limit": -1}, {"limit": "9" * 400}, {"cursor": 10**40}])
async def test_a_number_of_entries_that_cannot_be_is_refused(programs: Programs, given: dict[str, Any]) -> None:
    async with agent(programs, "look-secret") as client:
        refused = await client.call_tool("list_incidents", given)
        assert refused.is_error and "checkout" not in str(refused.content)
