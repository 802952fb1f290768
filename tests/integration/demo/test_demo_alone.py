"""The demo's third chapter, told to its end: the pool starves again, Tandem acts alone, and loses that when stopped.

What happens on the stage is made up here, so that no process is needed; Tandem, its past and the chapter are real.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, cast

import aiohttp
import pytest
import yaml
from rich.console import Console

from bot.app import App
from bot.config import Environment, load_config
from bot.demo.story import past
from bot.demo.story.alone import fourth_time
from bot.demo.story.chapters import Chapter
from bot.demo.story.teams import FORECASTING, PEOPLE, PLATFORM, Commands, config
from bot.demo.tools import FOR, tools
from bot.localslack import LocalSlack
from tests.acceptance.harness import TOKEN

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STARVED = {"p95_ms": 1300.0, "queue_depth": 20, "contention": 0.8, "accuracy": 0.95}
WELL = {"p95_ms": 60.0, "queue_depth": 0, "contention": 0.0, "accuracy": 0.95}


class Stats(NamedTuple):
    workers: int
    p95_ms: float


class MadeStage:
    """A pool that starves while it is small; scaling it out makes a file. Its tools send what has changed."""

    def __init__(self, folder: Path) -> None:
        self.scaled = folder / "scaled-out"
        self.runs = 0
        self._starves = False
        self._tools = tools()[:2]

    @property
    def commands(self) -> Commands:
        return Commands(["touch", str(self.scaled)], ["rm", "-f", str(self.scaled)], ["true"])

    async def scale_in(self) -> None:
        self.scaled.unlink(missing_ok=True)
        self._starves = True

    async def stats(self) -> Stats:
        return Stats(10, 60.0) if self.scaled.exists() else Stats(1, 1300.0)

    async def play(self, url: str) -> None:
        """Measure and send, until it is cancelled."""
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
            while True:
                if self._starves and self.scaled.exists():
                    self._starves, self.runs = False, self.runs + 1
                now = datetime.now(UTC)
                for tool in self._tools:
                    for at in (now - FOR, now):
                        tool.check(STARVED if self._starves else WELL, at)
                    if tool.due(now):
                        async with session.post(f"{url}/webhooks/alertmanager", json=tool.delivery()) as answer:
                            tool.record_delivery(answer.status == 202, now)
                await asyncio.sleep(0.2)


@asynccontextmanager
async def playing(stage: MadeStage, database_url: str, folder: Path) -> AsyncIterator[LocalSlack]:
    written = config(stage.commands)
    book = written["runbooks"]["scale-forecast-pool"]
    book["autonomy"]["notice"] = "5s"
    book["verify"]["stable_for"] = "1s"
    settings = folder / "tandem.yaml"
    settings.write_text(yaml.safe_dump(written))
    await past.live_through(database_url, settings)
    stage.scaled.unlink(missing_ok=True)
    loaded, _ = load_config(settings)
    async with LocalSlack(channels=(PLATFORM, FORECASTING), users=PEOPLE) as slack:
        environment: dict[str, Any] = {
            "TANDEM_DATABASE_URL": database_url,
            "TANDEM_WEBHOOK_TOKEN": TOKEN,
            "SLACK_API_URL": slack.api_url,
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
        }
        async with App(Environment.model_validate(environment), loaded, port=0) as app:
            slack.request_url = f"{app.url}/slack/events"
            task = asyncio.create_task(stage.play(app.url))
            yield slack
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_the_fourth_time_tandem_acts_alone_and_a_run_that_is_stopped_takes_the_right_away(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "DAYS_AGO", (4, 3, 2))  # the first chapter's approval is the third of them there
    stage, told = MadeStage(tmp_path), StringIO()
    async with playing(stage, database_url, tmp_path) as slack:
        chapter = Chapter(slack, cast("Any", stage), auto=True, out=Console(file=told, width=200))
        await fourth_time(chapter)
        said = told.getvalue()
        assert "Approved by tandem, verified: 10 workers, p95 60 ms" in said
        assert "Tandem has lost the right to act alone" in said
        assert stage.runs == 1 and not stage.scaled.exists(), "the run that was stopped did nothing"
        shown = str(slack.messages(PLATFORM))
        assert "run.stop" not in shown, "nothing is announced any more"
