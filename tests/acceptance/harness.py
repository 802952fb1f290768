"""The real program under test: ``tandem run`` as a process of its own, with a local Slack beside it."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bot.localslack import LocalSlack
from tests.migrated import copy_migrated
from tests.programs import Running, start_program

TOKEN = "acceptance-token-of-some-length"
CHANNEL = "incidents"
START_SECONDS = 60
ON_CALL, BYSTANDER, SECOND = "U012AB3CD", "U0BYSTAND", "U0SECOND1"


class Tandem:
    """A bot that can be started, killed and started again on the same database and port.

    It is forked from a process that has imported it, and finds a database with the newest schema; who measures its
    memory begins it from nothing.
    """

    def __init__(
        self,
        folder: Path,
        slack: LocalSlack,
        config: Mapping[str, Any],
        database_url: str | None = None,
        environment: Mapping[str, str] | None = None,
        forked: bool = True,
    ) -> None:
        self.folder, self.slack = folder, slack
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database_url = database_url or f"sqlite:///{folder}/tandem.db"
        self.log = folder / "tandem.log"
        self.environment = dict(environment or {})
        self.module = "bot.cli"
        self.process: Running | None = None
        self._forked = forked
        self._prepared = not forked or database_url is not None
        self.configure(config)
        slack.request_url = f"{self.url}/slack/events"

    def configure(self, config: Mapping[str, Any]) -> None:
        (self.folder / "tandem.yaml").write_text(yaml.safe_dump(dict(config)))

    async def start(self) -> None:
        environment = {
            **os.environ,
            "TANDEM_DATABASE_URL": self.database_url,
            "TANDEM_WEBHOOK_TOKEN": TOKEN,
            "SLACK_API_URL": self.slack.api_url,
            **({} if self.database_url.startswith("sqlite") else {"TANDEM_SEAL_KEY": TOKEN}),
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_SIGNING_SECRET": self.slack.signing_secret,
            **self.environment,
        }
        if not self._prepared:
            await asyncio.to_thread(copy_migrated, self.folder)
            self._prepared = True
        self.process = await self._begin(environment)
        await until(self._listens, "the bot listens", START_SECONDS)

    async def _begin(self, environment: Mapping[str, str]) -> Running:
        command = ("run", "--config", str(self.folder / "tandem.yaml"), "--port", str(self.port))
        if self._forked:
            return await start_program(self.module, *command, environment=environment, out=self.log)
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self.module, *command), env=environment, stdout=log, stderr=log
            )

    async def _listens(self) -> bool:
        assert self.process is not None
        if self.process.returncode is not None:
            raise AssertionError(f"the bot ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}")
        with suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/healthz") as answer:
                return answer.status == 200
        return False

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        return await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        return await self.process.wait()

    async def post(self, path: str, body: bytes | Mapping[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **headers}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url + path, data=data, headers=given) as answer,
        ):
            return answer.status, json.loads(await answer.text() or "{}")

    async def deliver(self, *alerts: Mapping[str, Any], **fields: Any) -> int:
        status, _ = await self.post("/webhooks/alertmanager", delivery(*alerts, **fields))
        return status

    async def get(self, path: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession() as session, session.get(self.url + path, headers=headers) as answer:
            return answer.status, await answer.json()

    async def incidents(self) -> list[dict[str, Any]]:
        """All of them, the newest first."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            _, page = await self.get(f"/api/incidents?limit=500{cursor}")
            found += page["incidents"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"

    async def message(self, *parts: str, absent: str = "\0", seconds: float = 30) -> dict[str, Any]:
        """The first message of the channel that holds all ``parts``, once there is one."""

        async def shown() -> bool:
            return any(_holds(message, parts, absent) for message in self.slack.messages(CHANNEL))

        try:
            await until(shown, f"the channel shows {parts}", seconds)
        except AssertionError as error:
            seen = json.dumps(self.slack.messages(CHANNEL), indent=1, ensure_ascii=False)[-4000:]
            raise AssertionError(f"{error}\n{seen}\n{self.log.read_text()[-2000:]}") from error
        return next(message for message in self.slack.messages(CHANNEL) if _holds(message, parts, absent))


def _holds(message: Mapping[str, Any], parts: tuple[str, ...], absent: str) -> bool:
    text = json.dumps(message, ensure_ascii=False)
    return all(part in text for part in parts) and absent not in text


@asynccontextmanager
async def running(folder: Path, config: Mapping[str, Any], **options: Any) -> AsyncIterator[Tandem]:
    """A local Slack and a bot that has started."""
    async with LocalSlack() as slack:
        tandem = Tandem(folder, slack, config, **options)
        try:
            await tandem.start()
            yield tandem
        finally:
            await tandem.kill()


async def until(holds: Callable[[], Awaitable[bool]], what: str, seconds: float = 30) -> None:
    """Return as soon as it holds; the bound is for a machine that is busy with other things."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain until {what}"
        await asyncio.sleep(0.05)


def alert(status: str = "firing", **labels: str) -> dict[str, Any]:
    """One alert as Alertmanager sends it, that began at this moment."""
    labels = {"alertname": "HighLatency", "service": "checkout", "severity": "critical", **labels}
    return {
        "status": status,
        "labels": labels,
        "annotations": {"summary": f"{labels['alertname']} on {labels['service']}"},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
    }


def delivery(*alerts: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A version 4 webhook of Alertmanager."""
    firing = any(alert["status"] == "firing" for alert in alerts)
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": "tandem",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": list(alerts),
        **fields,
    }


def runbook(*argv: str, **fields: Any) -> dict[str, Any]:
    """A runbook for the service ``checkout`` with one command."""
    return {
        "title": "Restart checkout",
        "when": {"service": "checkout"},
        "steps": [{"command": {"argv": list(argv)}}],
        "verify": {"within": "20s"},
        "approval": {"approvers": [ON_CALL]},
        **fields,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
