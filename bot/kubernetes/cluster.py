"""Calls to the API server: bounded in time and size, with failures that say what to do about them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal, TypeVar

import aiohttp
import msgspec

from bot.kubernetes.connecting import IN_CLUSTER, connected
from bot.kubernetes.errors import ClusterFailure, ClusterGone, ClusterRefused
from bot.kubernetes.resources import Where

Verb = Literal["get", "list", "watch", "create", "patch", "delete"]
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
FIELD_MANAGER = "tandem"

_METHODS: Mapping[Verb, str] = {"get": "GET", "list": "GET", "watch": "GET", "create": "POST"}
_JSON = "application/json"
_MOST = 64 * 2**20
_LONGEST_LINE = 8 * 2**20
_IN_A_THREAD = 256 * 1024
_LONGEST_REASON = 300
_AGAIN = (408, 425, 429)
_RECONNECT_EVERY = 30.0
_Shape = TypeVar("_Shape")


@dataclass(frozen=True)
class Access:
    """The context by which a cluster is reached, and the namespaces that are looked at; none stands for all."""

    context: str = IN_CLUSTER
    namespaces: tuple[str, ...] = ()
    connections: int = 100


@dataclass(frozen=True)
class Request:
    """``most`` bounds the answer in bytes, ``timeout`` the call in seconds, ``idle`` the silence in a watch."""

    verb: Verb
    where: Where
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content: str = _JSON
    accept: str = _JSON
    timeout: float = 30.0
    idle: float | None = None
    most: int = _MOST


class _Status(msgspec.Struct, frozen=True):
    message: str = ""
    reason: str = ""


class Cluster:
    """One API server. It is connected to with the first call, and anew when it knows us no longer."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._client: Any = None
        self._connected_at = 0.0
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def call(self, request: Request) -> bytes:
        """The body of the answer. Raises ClusterFailure, ClusterRefused."""
        try:
            async with asyncio.timeout(request.timeout), self._answer(request) as answer:
                return await _bounded(answer, request)
        except TimeoutError as error:
            raise ClusterFailure(f"no answer within {request.timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ClusterFailure(f"it cannot be reached: {error or type(error).__name__}") from error

    async def read(self, request: Request) -> dict[str, Any]:
        """The answer as an object of JSON. Raises ClusterFailure, ClusterRefused."""
        return await decoded(await self.call(request), dict[str, Any])

    async def lines(self, request: Request) -> AsyncGenerator[bytes, None]:
        """The lines of a watch, until the server closes it. Raises ClusterFailure, ClusterRefused, ClusterGone."""
        try:
            async with self._answer(request) as answer:
                kept = bytearray()
                async for chunk in answer.content.iter_any():
                    kept += chunk
                    if len(kept) > _LONGEST_LINE:
                        raise ClusterFailure(f"an event is longer than {_LONGEST_LINE // 2**20} MB")
                    *whole, rest = kept.split(b"\n")
                    kept = bytearray(rest)
                    for line in whole:
                        if line.strip():
                            yield bytes(line)
        except ClusterRefused as refused:
            if refused.status == 410:
                raise ClusterGone(str(refused)) from refused
            raise
        except TimeoutError as error:
            raise ClusterFailure("it says nothing any more") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ClusterFailure(f"the watch broke off: {error or type(error).__name__}") from error

    @asynccontextmanager
    async def _answer(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        client = await self._connect()
        headers = {"Accept": request.accept, "Content-Type": request.content, "User-Agent": FIELD_MANAGER}
        await client.update_params_for_auth(headers, [], ["BearerToken"])
        timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=request.idle)
        method = _METHODS.get(request.verb, request.verb.upper())
        url = client.configuration.host + request.where.path
        answer: aiohttp.ClientResponse = await client.rest_client.request(
            method,
            url,
            query_params=list(request.query.items()),
            headers=headers,
            body=request.body,
            _preload_content=False,
            _request_timeout=timeout,
        )
        try:
            if not 200 <= answer.status < 300:
                await self._fail(answer, request)
            yield answer
        finally:
            answer.close()  # what was not read to its end is no connection for others

    async def _connect(self) -> Any:
        async with self._lock:
            if self._client is None:
                self._client = await connected(self.access.context, self.access.connections)
                self._connected_at = monotonic()
            return self._client

    async def _fail(self, answer: aiohttp.ClientResponse, request: Request) -> None:
        status, said = answer.status, _status_in(await answer.content.read(65536))
        if status == 401 and monotonic() - self._connected_at > _RECONNECT_EVERY:
            await self.close()  # a token of an exec plugin or a file that was replaced: the next call reads it anew
            raise ClusterFailure("401: it does not know us any more")
        if status in _AGAIN or status >= 500:
            after = _seconds(answer.headers.get("Retry-After"))
            raise ClusterFailure(f"status {status}: {said}".rstrip(": "), after, status)
        if status == 403:
            raise ClusterRefused(_missing_right(request, said), status)
        raise ClusterRefused(f"status {status}: {said}".rstrip(": "), status)


def _missing_right(request: Request, said: str) -> str:
    where = request.where
    space = f" in namespace {where.namespace}" if where.namespace and where.resource.namespaced else ""
    why = f": {said}" if said else ""
    return f"403: the role lacks the verb {request.verb!r} on {where.governed}{space}{why}"


async def decoded(body: bytes, shape: type[_Shape]) -> _Shape:
    """What is long is read in a thread. Raises ClusterFailure."""
    try:
        if len(body) < _IN_A_THREAD:
            return msgspec.json.decode(body, type=shape)
        return await asyncio.to_thread(msgspec.json.decode, body, type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ClusterFailure(f"its answer cannot be read: {error}") from error


async def _bounded(answer: aiohttp.ClientResponse, request: Request) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > request.most:
            raise ClusterFailure(f"its answer is longer than {request.most} bytes")
    return bytes(body)


def _status_in(body: bytes) -> str:
    """What the server says of a failure, in one line."""
    try:
        status = msgspec.json.decode(body, type=_Status)
        text = status.message or status.reason
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        text = body[:2000].decode(errors="replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST_REASON]


def _seconds(text: str | None) -> float | None:
    return min(float(text), 600.0) if text and text.isdecimal() and len(text) < 7 else None
