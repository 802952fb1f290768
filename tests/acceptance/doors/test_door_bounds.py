"""Senders who send too much, too slowly or wrongly packed: each is told so, and none holds others up."""

import asyncio
import gzip
import json
import sqlite3
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
import pytest_asyncio

from handlers.slack.http import MAX_BODY as MAX_SLACK_BODY
from tests.acceptance.audit_log import rows
from tests.acceptance.harness import TOKEN, Tandem, alert, delivery, running, until
from tests.acceptance.wire import AUTHENTIC, send

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALERTMANAGER = "/webhooks/alertmanager"
TEN_MEGABYTES = 10 * 2**20
MAX_BODY = 5 * 2**20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tandem(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tandem]:
    async with running(tmp_path_factory.mktemp("bounds"), {}, environment={"TANDEM_MAX_BODY": "5MiB"}) as tandem:
        yield tandem


async def _in_chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(0, size, 2**16):
        yield b" " * 2**16


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
async def test_a_body_over_the_limit_is_refused(tandem: Tandem, chunked: bool) -> None:
    answer = await send(tandem.url + ALERTMANAGER, _in_chunks(TEN_MEGABYTES) if chunked else b" " * TEN_MEGABYTES)
    assert answer.status == 413
    assert str(MAX_BODY) in answer.problem


async def test_a_body_of_just_the_limit_is_taken(tandem: Tandem) -> None:
    body = json.dumps(delivery(alert(service="large"))).encode()
    assert (await send(tandem.url + ALERTMANAGER, body.ljust(MAX_BODY))).status == 202
    assert (await send(tandem.url + ALERTMANAGER, body.ljust(MAX_BODY + 1))).status == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_body_is_taken(tandem: Tandem, encoding: str) -> None:
    body = json.dumps(delivery(alert(service=encoding))).encode()
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    answer = await send(tandem.url + ALERTMANAGER, packed, AUTHENTIC | {"Content-Encoding": encoding})
    assert (answer.status, answer.json) == (202, {"accepted": 1})


PACKED = gzip.compress(json.dumps(delivery(alert(service="packed"))).encode())
WRONGLY_PACKED = {
    "not at all": ("gzip", b"{}" * 50, 400, "incorrect header"),
    "not at all and large": ("deflate", b"{}" * 2**20, 400, "incorrect header"),
    "without an end": ("gzip", PACKED[:-20], 400, "its end is missing"),
    "with a wrong checksum": ("gzip", PACKED[:-8] + bytes(8), 400, "incorrect data check"),
    "with something behind": ("gzip", PACKED + b"more", 400, "something follows its end"),
    "and empty": ("gzip", b"", 400, "its end is missing"),
    "in a way that is not taken": ("br", b"abc", 415, "only gzip and deflate"),
    "twice": ("gzip, gzip", gzip.compress(PACKED), 415, "only gzip and deflate"),
}


@pytest.mark.parametrize("case", WRONGLY_PACKED)
async def test_a_body_that_is_packed_wrongly_is_refused(tandem: Tandem, case: str) -> None:
    encoding, body, status, said = WRONGLY_PACKED[case]
    answer = await send(tandem.url + ALERTMANAGER, body, AUTHENTIC | {"Content-Encoding": encoding})
    assert answer.status == status
    assert said in answer.problem


async def test_a_body_that_unpacks_to_very_much_is_refused_before_it_fills_the_memory(tandem: Tandem) -> None:
    assert tandem.process is not None
    bomb = gzip.compress(b" " * 2**28, compresslevel=1)
    before = psutil.Process(tandem.process.pid).memory_info().rss
    answer = await send(tandem.url + ALERTMANAGER, bomb, AUTHENTIC | {"Content-Encoding": "gzip"})
    assert answer.status == 413
    assert str(MAX_BODY) in answer.problem
    assert _peak(tandem.process.pid, before) - before < 2**26


def _peak(pid: int, otherwise: int) -> int:
    """The most memory that a process ever held, where the system remembers it."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), otherwise)


async def test_senders_who_are_slow_hold_nobody_up(tandem: Tandem) -> None:
    host, port = "127.0.0.1", tandem.port
    head = f"POST {ALERTMANAGER} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n{{"
    slow = [await asyncio.open_connection(host, port) for _ in range(200)]
    try:
        for _, writer in slow:
            writer.write(head.encode())
            await writer.drain()
        async with asyncio.timeout(5):
            assert await tandem.deliver(alert(service="quick"), groupKey="") == 202
            assert (await tandem.get("/readyz"))[0] == 200
    finally:
        for _, writer in slow:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in slow))


async def test_senders_who_hang_up_in_the_middle_leave_nothing_behind(tandem: Tandem) -> None:
    for part in (b"POST ", b"POST /webhooks/alertmanager HTTP/1.1\r\n", b"nonsense\r\n\r\n", b"\x16\x03\x01\x00"):
        _, writer = await asyncio.open_connection("127.0.0.1", tandem.port)
        writer.write(part)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert tandem.process is not None
    bot = psutil.Process(tandem.process.pid)

    async def gone() -> bool:
        return not any(c.status == psutil.CONN_CLOSE_WAIT for c in bot.net_connections())

    await until(gone, "no connection is left half closed")
    assert await tandem.deliver(alert(service="after"), groupKey="") == 202


UNAUTHENTIC = {
    "a signature that is no ASCII": ("v0=\u00e9", "now", b"a=b"),
    "a body that is no UTF-8": ("v0=00", "now", b"\xff\xfe"),
    "a timestamp of a thousand digits": ("v0=00", "9" * 1000, b"a=b"),
    "a timestamp of 5000 digits": ("v0=00", "9" * 5000, b"a=b"),
    "a timestamp in other digits": ("v0=00", "\u0663\u0663", b"a=b"),
    "a timestamp that is negative": ("v0=00", "-1", b"a=b"),
}


@pytest.mark.parametrize("case", UNAUTHENTIC)
async def test_a_request_that_slack_would_never_send_is_not_authentic(tandem: Tandem, case: str) -> None:
    signature, timestamp, body = UNAUTHENTIC[case]
    at = str(int(time.time())) if timestamp == "now" else timestamp
    headers = {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": at}
    answer = await send(f"{tandem.url}/slack/events", body, headers)
    assert answer.status == 401
    assert "signature" in answer.problem


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
async def test_slacks_door_has_a_limit_as_well(tandem: Tandem, chunked: bool) -> None:
    size = MAX_SLACK_BODY * 2
    answer = await send(f"{tandem.url}/slack/events", _in_chunks(size) if chunked else b" " * size, {})
    assert answer.status == 413
    assert str(MAX_SLACK_BODY) in answer.problem


async def test_beyond_the_bound_senders_are_asked_to_come_again_and_within_it_nothing_is_lost(tmp_path: Path) -> None:
    async with running(tmp_path, {}) as tandem:
        with _locked(tmp_path):
            waiting = {asyncio.create_task(send(tandem.url + ALERTMANAGER, _large(number))) for number in range(15)}
            refused, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        answers = [task.result() for task in refused] + await asyncio.gather(*waiting)
        assert {answer.status for answer in answers} == {202, 429}
        for answer in answers:
            if answer.status == 429:
                assert "full" in answer.problem
                assert int(answer.headers["Retry-After"]) >= 1
        accepted = sum(answer.status == 202 for answer in answers)

        async def all_there() -> bool:
            return rows(tandem, "SELECT count(*) FROM alert") == [(accepted,)]

        await until(all_there, "exactly what was accepted is worked through", 30)
        assert await tandem.deliver(alert(service="after")) == 202


def _large(number: int) -> bytes:
    """A delivery of which no more than a dozen may wait at once."""
    return json.dumps(delivery(alert(instance=str(number), filler="x" * 5_200_000))).encode()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nothing can be written to the bot's databases."""
    with ExitStack() as stack:
        for file in folder.glob("tandem*.db"):
            connection = stack.enter_context(closing(sqlite3.connect(file, isolation_level=None)))
            connection.execute("BEGIN IMMEDIATE")
        yield
