"""Load over HTTP: wrk where it is installed, or else a client of our own."""

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

CONNECTIONS = 64


class Load(NamedTuple):
    """What a load found. ``accepted`` counts 2xx answers, ``rate`` is accepted requests a second."""

    accepted: int
    refused: int
    rate: float
    p99_ms: float


def put_load(url: str, headers: dict[str, str], body: bytes, seconds: float) -> Load:
    """POST one body over 64 connections, again and again."""
    if shutil.which("wrk"):
        return _wrk(url, headers, body, seconds)
    program = (sys.executable, "-m", "tests.benchmarks.load", url, str(seconds))
    head = "".join(f"{name}: {value}\n" for name, value in headers.items())
    done = subprocess.run(program, input=head.encode() + b"\n" + body, capture_output=True, check=True)
    accepted, refused, rate, p99_ms = done.stdout.split()
    return Load(int(accepted), int(refused), float(rate), float(p99_ms))


def _wrk(url: str, headers: dict[str, str], body: bytes, seconds: float) -> Load:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write('wrk.method = "POST"\n')
        script.writelines(f'wrk.headers["{name}"] = "{value}"\n' for name, value in headers.items())
        script.write(f"wrk.body = [==[{body.decode()}]==]\n")
        script.flush()
        options = ("-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--latency", "--timeout", "10s", "-s", script.name)
        output = subprocess.run(("wrk", *options, url), capture_output=True, text=True, check=True).stdout
    counted = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", output)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    if not counted or not slowest:
        raise RuntimeError(f"wrk said what was not expected:\n{output}")
    bad = int(refused[1]) if refused else 0
    good = int(counted[1]) - bad
    span = float(counted[2]) * {"ms": 0.001, "s": 1, "m": 60}[counted[3]]
    return Load(good, bad, good / span, float(slowest[1]) * {"us": 0.001, "ms": 1, "s": 1000}[slowest[2]])


class _Client(asyncio.Protocol):
    """One connection: sends the next request as soon as an answer is complete."""

    def __init__(self, request: bytes, deadline: float, times: list[float], counts: list[int]) -> None:
        self._request, self._deadline, self._times, self._counts = request, deadline, times, counts
        self._answer = b""
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, rest = self._answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if not end or len(rest) < int(length[1] if length else 0):
            return
        self._times.append(time.perf_counter() - self._sent)
        self._counts[0 if head[9:10] == b"2" else 1] += 1
        self._answer = b""
        if time.perf_counter() < self._deadline:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


def _same(client: _Client) -> _Client:
    return client


async def _own_client(url: str, headers: bytes, body: bytes, seconds: float) -> Load:
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n".encode()
    request = head + b"".join(line + b"\r\n" for line in headers.splitlines()) + b"\r\n" + body
    times: list[float] = []
    counts = [0, 0]
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    for _ in range(CONNECTIONS):
        client = _Client(request, began + seconds, times, counts)
        await loop.create_connection(partial(_same, client), str(parts.hostname), parts.port or 80)
        clients.append(client)
    await asyncio.gather(*(client.closed for client in clients))
    times.sort()
    return Load(counts[0], counts[1], counts[0] / (time.perf_counter() - began), times[int(len(times) * 0.99)] * 1000)


if __name__ == "__main__":
    given_headers, _, given_body = sys.stdin.buffer.read().partition(b"\n\n")
    print(*asyncio.run(_own_client(sys.argv[1], given_headers, given_body, float(sys.argv[2]))))
