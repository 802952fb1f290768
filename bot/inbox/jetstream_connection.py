"""A connection to NATS JetStream: made when it is first needed, and again by its client whenever it is lost.

The client is nats-py; what it has no function for (direct gets in batches, ADR-31) is asked by the server's own API:
https://docs.nats.io/reference/reference-protocols/nats_api_reference
"""

import asyncio
import re
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, unquote

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from bot.errors import ConfigError, StorageUnavailable

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0
OLDEST_SERVER = (2, 12)
"""The first that stores a batch of messages whole or not at all (ADR-50)."""
_FORM = "write nats://USER:PASSWORD@HOST:4222[,HOST:4222…][/?stream=NAME&replicas=3&max_bytes=…]"
_STREAM = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SCHEMES = ("nats", "tls")
T = TypeVar("T")

log = structlog.get_logger(__name__)


class Address(NamedTuple):
    """Where the stream is; what it is made with, should it be new."""

    servers: list[str]
    user: str | None
    password: str | None
    token: str | None
    stream: str
    replicas: int
    max_bytes: int

    def __str__(self) -> str:
        """Without the secrets."""
        return f"{', '.join(self.servers)}, stream {self.stream}"


class _Lost(StorageUnavailable):
    """The connection went before the answer came."""


class Refusal(Exception):
    """JetStream's answer is an error: its code like HTTP's, its own number, and its words."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(str(error.get("description", "an error without words")))
        self.code = int(error.get("code", 0))
        self.number = int(error.get("err_code", 0))


def parse_address(url: str) -> Address:
    """Raises ConfigError, whose message holds nothing of the address: there may be a password in it."""
    scheme, _, rest = url.partition("://")
    hosts, _, query = rest.partition("?")
    secrets, _, hosts = hosts.rstrip("/").rpartition("@")
    servers = [f"{scheme}://{host.strip()}" for host in hosts.split(",") if host.strip()]
    options = dict(parse_qsl(query))
    stream, replicas, most = (
        options.pop(*pair) for pair in (("stream", "TANDEM"), ("replicas", "1"), ("max_bytes", ""))
    )
    numbers = replicas.isdecimal() and 1 <= int(replicas) <= 5 and (not most or most.isdecimal())
    if scheme not in _SCHEMES or not servers or options or not numbers or not _STREAM.fullmatch(stream):
        raise ConfigError(f"TANDEM_INBOX_URL: {_FORM}")
    user, colon, password = secrets.partition(":")
    return Address(
        servers,
        user=unquote(user) if colon else None,
        password=unquote(password) if colon else None,
        token=None if colon else unquote(user) or None,
        stream=stream,
        replicas=int(replicas),
        max_bytes=int(most) if most else -1,
    )


class JetStream:
    """Raises StorageUnavailable from every method where no server answers in time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._direct = f"$JS.API.DIRECT.GET.{address.stream}"
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._up = asyncio.Event()
        self._problem = ""
        self._under_way: set[asyncio.Task[Any]] = set()

    @property
    def max_payload(self) -> int:
        """How many bytes of headers and payload a server takes in one message; its default until one has answered."""
        return self._client.max_payload if self._client else 2**20

    async def client(self) -> Client:
        """The client, connected."""
        if self._client is not None and self._up.is_set():
            return self._client
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                async with self._connecting:
                    self._client = client = self._client or await self._connect()
                await self._up.wait()
        except TimeoutError as error:
            raise StorageUnavailable(f"NATS at {self.address} cannot be reached {self._problem}".strip()) from error
        return client

    async def _connect(self) -> Client:
        client = Client()
        try:
            await client.connect(
                servers=self.address.servers,
                user=self.address.user,
                password=self.address.password,
                token=self.address.token,
                name="tandem",
                connect_timeout=2,
                reconnect_time_wait=1,
                max_reconnect_attempts=-1,
                error_cb=self._failed,
                disconnected_cb=self._went_down,
                reconnected_cb=self._came_up,
                closed_cb=self._was_closed,
            )
        except BaseException:
            await client.close()
            raise
        version = client.connected_server_version
        if (version.major, version.minor) < OLDEST_SERVER:
            await client.close()
            raise ConfigError(f"TANDEM_INBOX_URL: the server is NATS {version.major}.{version.minor}: 2.12 is needed")
        self._up.set()
        return client

    async def _failed(self, error: Exception) -> None:
        self._problem = f"({type(error).__name__}: {error})"
        log.warning("nats.problem", reason=self._problem)

    async def _went_down(self) -> None:
        self._up.clear()
        for task in self._under_way:
            task.cancel()

    async def _came_up(self) -> None:
        self._problem = ""
        self._up.set()
        log.info("nats.connected_again")

    async def _was_closed(self) -> None:
        """Its client gives up where a server says an error, such as that a user is not taken any more."""
        self._client = None

    async def _unless_lost(self, asked: Coroutine[Any, Any, T]) -> T:
        """The answer. Raises StorageUnavailable at once where the connection is lost before it comes."""
        task = asyncio.create_task(asked)
        self._under_way.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise
            raise _Lost(f"NATS at {self.address}: the connection was lost") from None
        finally:
            self._under_way.discard(task)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def call_api(self, what: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """One request to the API, such as ``STREAM.INFO.TANDEM``. Raises Refusal."""
        answer = await self.request(f"$JS.API.{what}", msgspec.json.encode(request))
        return answer_of(answer.data)

    async def request(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, timeout: float = ANSWER_SECONDS
    ) -> Msg:
        client = await self.client()
        with outages(self.address):
            return await self._unless_lost(client.request(subject, payload, timeout=timeout, headers=headers))

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> None:
        """Send, and never know whether it arrived."""
        client = await self.client()
        with outages(self.address):
            await client.publish(subject, payload, headers=headers)

    async def get(self, request: Mapping[str, Any]) -> list[Msg]:
        """Messages of the stream, by a direct get with ``batch``: all that come before the end of the batch."""
        try:
            return await self._get(request)
        except _Lost:  # to read twice changes nothing
            return await self._get(request)

    async def next_of(self, subject: str, seq: int) -> Msg | None:
        """The first message of a subject at a sequence or behind it: unlike :meth:`get`, nothing is counted for it."""
        asked = msgspec.json.encode({"seq": seq, "next_by_subj": subject})
        try:
            found = await self.request(self._direct, asked)
        except _Lost:
            found = await self.request(self._direct, asked)
        status = (found.headers or {}).get("Status")
        if status not in (None, "404"):
            raise StorageUnavailable(f"NATS at {self.address} does not give entries: status {status}")
        return found if status is None else None

    async def _get(self, request: Mapping[str, Any]) -> list[Msg]:
        client = await self.client()
        found: list[Msg] = []
        status: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def take(message: Msg) -> None:
            code = (message.headers or {}).get("Status")
            if code is None:
                found.append(message)
            elif not status.done():
                status.set_result(code)

        with outages(self.address):
            reply = client.new_inbox()
            subscription = await client.subscribe(reply, cb=take)
            try:
                asked = msgspec.json.encode(request)
                await client.publish(self._direct, asked, reply=reply)
                ended = await self._unless_lost(asyncio.wait_for(status, ANSWER_SECONDS))
            finally:
                if not client.is_closed:
                    await subscription.unsubscribe()
        if ended not in ("204", "404"):  # the end of the batch, and no message at all
            raise StorageUnavailable(f"NATS at {self.address} does not give entries: status {ended}")
        return found


def answer_of(data: bytes) -> dict[str, Any]:
    """Raises Refusal where the answer is an error."""
    answer = msgspec.json.decode(data, type=dict[str, Any])
    if "error" in answer:
        raise Refusal(answer["error"])
    return answer


@contextmanager
def outages(address: Address) -> Iterator[None]:
    """Tells what is the server's or the network's fault."""
    try:
        yield
    except NoRespondersError as error:
        why = "has no such stream, or no leader of it, or no JetStream"
        raise StorageUnavailable(f"NATS at {address} {why}") from error
    except (NatsError, OSError, TimeoutError) as error:
        raise StorageUnavailable(f"NATS at {address}: {str(error) or type(error).__name__}") from error
