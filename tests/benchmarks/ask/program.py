"""The real program for this benchmark, and the requests that it is sent from outside."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

TOKEN = "benchmark-token-of-some-length"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
CONFIG: Mapping[str, Any] = {"correlation": {"partition_by": ["cluster"]}}


class Program:
    """``tandem run`` under an address, and a session that talks to it."""

    def __init__(self, url: str, process: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> None:
        self.url, self.process, self.session = url, process, session

    async def deliver(self, body: bytes) -> int:
        async with self.session.post(f"{self.url}/webhooks/alertmanager", data=body) as answer:
            await answer.read()
            return answer.status

    async def read(self, path: str) -> bytes:
        async with self.session.get(self.url + path) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{path} answers with {answer.status}: {await answer.text()}")
            return await answer.read()

    async def lag(self) -> int:
        """How many deliveries wait."""
        async with self.session.get(f"{self.url}/readyz") as answer:
            return int((await answer.json()).get("inbox_lag", 0))

    async def drained(self) -> None:
        while await self.lag():
            await asyncio.sleep(0.5)

    @property
    def memory(self) -> int:
        """Resident bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def running(folder: Path, more: Mapping[str, str], config: Mapping[str, Any] = CONFIG) -> AsyncIterator[Program]:
    """The program on the database of this folder; ``more`` is added to its environment."""
    (folder / "tandem.yaml").write_text(yaml.safe_dump(dict(config)))
    port = _free_port()
    environment = {**os.environ, "TANDEM_DATABASE_URL": f"sqlite:///{folder}/tandem.db", "TANDEM_WEBHOOK_TOKEN": TOKEN}
    environment |= {"TANDEM_API_TOKEN": TOKEN, **more}
    command = (sys.executable, "-m", "bot.cli", "run", "--config", str(folder / "tandem.yaml"), "--port", str(port))
    with (folder / "tandem.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
    limits = aiohttp.TCPConnector(limit=2000)
    try:
        async with aiohttp.ClientSession(headers=HEADERS, connector=limits) as session:
            program = Program(f"http://127.0.0.1:{port}", process, session)
            await _until_it_listens(program, folder)
            yield program
    finally:
        process.terminate()
        await process.wait()


async def _until_it_listens(program: Program, folder: Path) -> None:
    while True:
        try:
            await program.lag()
            return
        except (aiohttp.ClientError, json.JSONDecodeError):
            if program.process.returncode is not None:
                raise RuntimeError((folder / "tandem.log").read_text()[-2000:]) from None
            await asyncio.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def delivery(cluster: str, service: str, instances: range) -> bytes:
    """Alerts of one service, as Alertmanager sends them."""
    labels = {"alertname": "HighLatency", "service": service, "severity": "critical", "cluster": cluster}
    alerts = [
        {
            "status": "firing",
            "labels": {**labels, "instance": f"i{instance}"},
            "annotations": {"summary": f"{service} takes longer than a second"},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": f"{cluster}{service}{instance}",
        }
        for instance in instances
    ]
    group = {"alertname": "HighLatency", "service": service, "cluster": cluster}
    body = {
        "version": "4",
        "groupKey": f'{{}}:{{cluster="{cluster}", service="{service}"}}',
        "status": "firing",
        "receiver": "tandem",
        "groupLabels": group,
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "",
        "truncatedAlerts": 0,
        "alerts": alerts,
    }
    return json.dumps(body).encode()
