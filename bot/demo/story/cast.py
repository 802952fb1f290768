"""Everyone on stage: the local Slack, the forecast service with its checker, and the bot between them."""

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import yaml

from bot.demo.stage import START_SECONDS, Stage
from bot.demo.story.audience import StoryBroke, wait_until
from bot.demo.story.past import live_through
from bot.demo.story.teams import FORECASTING, PEOPLE, PLATFORM, Commands, config
from bot.localslack import LocalSlack

LOG = "tandem.log"
_LOG_TAIL = 30


@asynccontextmanager
async def cast(folder: Path) -> AsyncIterator[tuple[LocalSlack, Stage]]:
    """All of them, running; they write into ``folder`` only."""
    port = _free_port()
    token, url = secrets.token_hex(16), f"http://127.0.0.1:{port}"
    async with LocalSlack(
        signing_secret=secrets.token_hex(16),
        request_url=f"{url}/slack/events",
        channels=(PLATFORM, FORECASTING),
        users=PEOPLE,
    ) as slack:
        stage = Stage(folder / "stage", f"{url}/webhooks/alertmanager", token, url)
        settings = folder / "tandem.yaml"
        commands = Commands(stage.scale_out_argv, stage.scale_in_argv, stage.roll_back_argv)
        settings.write_text(yaml.safe_dump(config(commands), sort_keys=False))
        environment = _environment(folder, slack, token)
        async with stage:
            await live_through(environment["TANDEM_DATABASE_URL"], settings)
            await stage.scale_in()
            async with _bot(folder, settings, port, environment):
                yield slack, stage


def _environment(folder: Path, slack: LocalSlack, token: str) -> dict[str, str]:
    return {
        **os.environ,
        "TANDEM_DATABASE_URL": f"sqlite:///{folder}/tandem.db",
        "TANDEM_WEBHOOK_TOKEN": token,
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "SLACK_APP_TOKEN": "",
    }


@asynccontextmanager
async def _bot(folder: Path, settings: Path, port: int, environment: dict[str, str]) -> AsyncIterator[None]:
    """``tandem run``, the real program."""
    command = (sys.executable, "-m", "bot.cli", "run", "--config", str(settings), "--port", str(port))
    with (folder / LOG).open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
        try:
            await wait_until(
                START_SECONDS, "Tandem becomes ready", lambda: _ready(process, f"http://127.0.0.1:{port}/readyz")
            )
            yield
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await process.wait()


async def _ready(process: asyncio.subprocess.Process, url: str) -> bool:
    if process.returncode is not None:
        raise StoryBroke(f"Tandem ended by itself with exit code {process.returncode}")
    with suppress(aiohttp.ClientError, OSError):
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail_of_log(folder: Path) -> str:
    """How the bot's log ends, for whoever reads why the story broke."""
    log = folder / LOG
    if not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-_LOG_TAIL:]
    return "\n".join(["The bot's log ends with:", *lines])
