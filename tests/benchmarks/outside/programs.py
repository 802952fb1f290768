"""The programs that are measured: each a process of its own on a new folder, with what it is sent and what it takes."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.acceptance.harness import free_port

TOKEN = "benchmark-token-of-some-length"
PATIENCE = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


@dataclass(frozen=True)
class Program:
    """A program under an address. ``path`` takes what ``body`` makes of alerts."""

    name: str
    pid: int
    path: str
    body: Callable[[Sequence[Mapping[str, object]]], bytes]
    session: aiohttp.ClientSession

    async def deliver(self, alerts: Sequence[Mapping[str, object]]) -> None:
        await self.post(self.body(alerts))

    async def post(self, body: bytes) -> None:
        async with self.session.post(self.path, data=body) as answer:
            if answer.status >= 300:
                raise RuntimeError(f"{self.name} answers with {answer.status}: {await answer.text()}")

    async def read(self, path: str) -> bytes:
        async with self.session.get(path) as answer:
            return await answer.read()

    async def drained(self) -> None:
        """Return when everything that was taken in is in incidents."""
        while self.name == "tandem" and json.loads(await self.read("/readyz")).get("inbox_lag", 0):
            await asyncio.sleep(0.05)

    @property
    def cpu(self) -> float:
        """Seconds of processor time of the process and of its children."""
        return sum(map(_cpu_of, _tree(self.pid)))

    @property
    def resident(self) -> float:
        """MB."""
        kilobytes = [
            int(line.split()[1]) for one in _tree(self.pid) for line in _lines(one) if line.startswith("VmRSS")
        ]
        return sum(kilobytes) / 1024


def _tree(pid: int) -> list[int]:
    found, at = [pid], 0
    while at < len(found):
        children = Path(f"/proc/{found[at]}/task/{found[at]}/children")
        found += map(int, children.read_text().split()) if children.exists() else ()
        at += 1
    return found


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _lines(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()


def alert(number: int, cluster: str, service: str) -> dict[str, object]:
    labels = {"alertname": "HighLatency", "service": service, "instance": f"i{number}", "severity": "critical"}
    return {
        "status": "firing",
        "labels": {**labels, "cluster": cluster},
        "annotations": {"summary": f"{service} takes longer than a second"},
        "startsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": f"{cluster}-{service}-{number}",
    }


def _as_webhook(alerts: Sequence[Mapping[str, object]]) -> bytes:
    body = {
        "version": "4",
        "groupKey": '{}:{alertname="HighLatency"}',
        "status": "firing",
        "receiver": "tandem",
        "groupLabels": {"alertname": "HighLatency"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "truncatedAlerts": 0,
        "alerts": list(alerts),
    }
    return json.dumps(body).encode()


def _as_api(alerts: Sequence[Mapping[str, object]]) -> bytes:
    wanted = ("labels", "annotations", "startsAt", "generatorURL")
    return json.dumps([{key: one[key] for key in wanted} for one in alerts]).encode()


@asynccontextmanager
async def tandem(environment: Mapping[str, str] | None = None) -> AsyncIterator[Program]:
    """A new installation with default settings."""
    with tempfile.TemporaryDirectory(prefix="tandem-outside-") as folder:
        port = free_port()
        own = {**os.environ, "TANDEM_DATABASE_URL": f"sqlite:///{folder}/tandem.db", "TANDEM_WEBHOOK_TOKEN": TOKEN}
        command = (sys.executable, "-m", "bot.cli", "run", "--port", str(port))
        async with _running(
            folder, command, {**own, **(environment or {})}, f"http://127.0.0.1:{port}", "/readyz"
        ) as run:
            yield Program("tandem", run[0], "/webhooks/alertmanager", _as_webhook, run[1])


@asynccontextmanager
async def alertmanager() -> AsyncIterator[Program]:
    """Alertmanager, which groups by alert name and cluster and tells nobody."""
    assert ALERTMANAGER
    with tempfile.TemporaryDirectory(prefix="tandem-outside-") as folder:
        port = free_port()
        config = Path(folder) / "config.yml"
        config.write_text("route: {receiver: none, group_by: [alertname, cluster]}\nreceivers: [{name: none}]\n")
        places = (f"--config.file={config}", f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}")
        command = (ALERTMANAGER, *places, "--cluster.listen-address=")
        async with _running(folder, command, os.environ, f"http://127.0.0.1:{port}", "/-/ready") as run:
            yield Program("alertmanager", run[0], "/api/v2/alerts", _as_api, run[1])


@asynccontextmanager
async def _running(
    folder: str, command: Sequence[str], environment: Mapping[str, str], url: str, ready: str
) -> AsyncIterator[tuple[int, aiohttp.ClientSession]]:
    """The process, when it answers that it is ready, and a session of many connections to it."""
    root = Path(__file__).parents[3]
    own = {**environment, "PYTHONPATH": str(root)}
    log = (Path(folder) / "log").open("wb")
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=own, stdout=log, stderr=log)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    connector, patience = aiohttp.TCPConnector(limit=200), aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with aiohttp.ClientSession(url, headers=headers, connector=connector, timeout=patience) as session:
            await _until_ready(session, ready, process, Path(folder) / "log")
            yield process.pid, session
    finally:
        process.kill()
        await process.wait()
        log.close()


async def _until_ready(
    session: aiohttp.ClientSession, path: str, process: asyncio.subprocess.Process, log: Path
) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.returncode is None:
        try:
            async with session.get(path) as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.02)
    raise RuntimeError(f"it is not ready:\n{log.read_text()[-2000:]}")
