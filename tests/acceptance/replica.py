"""One replica of the real program, with a way to the database and a way to Slack that can be cut."""

import asyncio
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.localslack import LocalSlack
from tests.acceptance.harness import Tandem, runbook
from tests.acceptance.postgresql_server import NAME, PostgresqlServer
from tests.acceptance.tcp_proxy import TcpProxy

MARK = """#!/usr/bin/env python3
import sys, time
with open(sys.argv[1], "a") as marks:
    marks.write(sys.argv[2] + "\\n")
time.sleep(1)
"""


class Replica:
    """One ``tandem run``, its way to the database and its way to Slack."""

    def __init__(self, name: str, tandem: Tandem, database: TcpProxy, slack: TcpProxy) -> None:
        self.name, self.tandem, self.database, self.slack = name, tandem, database, slack

    @property
    def up(self) -> bool:
        return self.tandem.process is not None and self.tandem.process.returncode is None

    def send_signal(self, number: signal.Signals) -> None:
        assert self.tandem.process is not None
        self.tandem.process.send_signal(number)

    async def ready(self) -> bool:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with asyncio.timeout(2):
                return (await self.tandem.get("/readyz"))[0] == 200
        return False


async def new_replica(
    name: str,
    folder: Path,
    server: PostgresqlServer,
    slack: LocalSlack,
    environment: Mapping[str, str],
    stack: AsyncExitStack,
) -> Replica:
    folder.mkdir()
    there = urlsplit(slack.url)
    database = await stack.enter_async_context(TcpProxy(server.connect_here))
    to_slack = await stack.enter_async_context(TcpProxy(lambda: asyncio.open_connection(there.hostname, there.port)))
    own = {
        "TANDEM_REPLICA": name,
        "TANDEM_MODEL_STORE": str(folder.parent / "models"),
        "SLACK_API_URL": f"http://127.0.0.1:{to_slack.port}/api/",
    }
    url = f"postgresql://postgres@127.0.0.1:{database.port}/{NAME}?application_name={name}"
    tandem = Tandem(folder, slack, _config(folder.parent), database_url=url, environment={**environment, **own})
    member = Replica(name, tandem, database, to_slack)
    stack.push_async_callback(_end, member)
    return member


async def _end(member: Replica) -> None:
    if member.up:
        member.send_signal(signal.SIGCONT)
    await member.tandem.kill()


def _config(folder: Path) -> dict[str, Any]:
    """A step that takes a moment and leaves one line an effect, so that a second one would show."""
    program = folder / "mark.py"
    program.write_text(MARK)
    program.chmod(0o755)
    step = {"command": {"argv": [str(program), str(folder / "marks"), "${incident.number}"]}}
    fits = {"when": {"alertname": "HighLatency"}, "steps": [step], "verify": {"within": "3s"}}
    return {"runbooks": {"restart": runbook("true") | fits}}
