"""The retail story of ``tandem demo``, on real processes: bot, local Slack, forecast service, CPU hog."""

import asyncio
import os
import secrets
import signal
import socket
import sys
import tempfile
import time
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from rich.console import Console

from bot.demo.features import DATASET, MODEL
from bot.demo.stage import START_SECONDS, Stage
from bot.errors import TandemError
from bot.localslack import LocalSlack

ON_CALL = "U012AB3CD"
CHANNEL = "incidents"
WINDOW_ROWS = 400
CALM_SECONDS = 4
STABLE = "5s"
"""What has resolved stays so for this long, rather than for the usual half a minute: the story is short."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOG_TAIL = 30


class StoryBroke(TandemError):
    """A chapter did not end as it should."""


async def run_story(auto: bool, out: Console) -> int:
    """Tell the story; returns the exit code, 0 only if every part ended as it should."""
    began = time.monotonic()
    ending = _cancelled_by_signals()
    with tempfile.TemporaryDirectory(prefix="tandem-") as name:
        folder = Path(name)
        try:
            async with _cast(folder, _free_port()) as (slack, stage):
                await _first_chapter(slack, stage, auto, out)
                await _second_chapter(slack, stage, auto, out)
                out.print(f"The end, after {time.monotonic() - began:.0f} s.")
                if not auto:
                    out.print("Everything keeps running: look around, try /incident list. Ctrl-C ends it.")
                    await _until_interrupted()
        except StoryBroke as error:
            out.print(f"✗ {error}")
            out.print(_tail(folder / "tandem.log"))
            return 1
        except asyncio.CancelledError:
            return 128 + (ending[0] if ending else signal.SIGINT)
    return 0


def _cancelled_by_signals() -> list[int]:
    """Cancel this task at the first signal to end, and keep which it was; later ones do not disturb the clearing up.

    asyncio does so for SIGINT alone, and not where that was ignored when the process began, as it is in the background
    of a script.
    """
    task, received = asyncio.current_task(), list[int]()
    assert task is not None

    def end(number: int) -> None:
        if not received:
            task.cancel()
        received.append(number)

    for number in ENDING:
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    return received


@asynccontextmanager
async def _cast(folder: Path, port: int) -> AsyncIterator[tuple[LocalSlack, Stage]]:
    """Everyone on stage: Slack, the forecast service with its checker, and the bot between them."""
    token, url = secrets.token_hex(16), f"http://127.0.0.1:{port}"
    async with LocalSlack(signing_secret=secrets.token_hex(16), request_url=f"{url}/slack/events") as slack:
        stage = Stage(folder / "stage", f"{url}/webhooks/alertmanager", token, url)
        config = folder / "tandem.yaml"
        config.write_text(yaml.safe_dump(_config(stage), sort_keys=False))
        async with _bot(folder, config, port, _environment(folder, slack, token)), stage:
            yield slack, stage


def _config(stage: Stage) -> dict[str, Any]:
    runbook = {
        "title": "Scale out the forecast pool",
        "when": {"service": "forecast-pool", "cause": "resource"},
        "steps": [{"command": {"argv": stage.scale_out_argv, "timeout": "60s", "repeatable": True}}],
        "rollback": [{"command": {"argv": stage.scale_in_argv, "timeout": "60s", "repeatable": True}}],
        "verify": {"alerts_resolved": True, "within": "3m", "stable_for": STABLE},
        "approval": {"approvers": [ON_CALL], "required": 1, "expires": "1h"},
    }
    roll_back = {
        "title": "Roll the weather features back",
        "when": {"cause": "data"},
        "steps": [{"command": {"argv": stage.roll_back_argv, "timeout": "60s", "repeatable": True}}],
        "verify": {"alerts_resolved": True, "within": "3m", "stable_for": STABLE},
        "approval": {"approvers": [ON_CALL], "required": 1, "expires": "1h"},
    }
    drift = {"kind": "drift", "window": {"rows": WINDOW_ROWS}}
    return {
        "slack": {"channel": f"#{CHANNEL}"},
        "services": {"forecast-api": {"depends_on": ["forecast-pool"]}, "forecast-pool": {}, DATASET: {}},
        "models": {MODEL: {"served_by": "forecast-api", "reads": [DATASET], "monitors": [drift]}},
        "runbooks": {"scale-forecast-pool": runbook, "roll-back-features": roll_back},
    }


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
async def _bot(folder: Path, config: Path, port: int, environment: dict[str, str]) -> AsyncIterator[None]:
    """``tandem run``, the real program."""
    command = (sys.executable, "-m", "bot.cli", "run", "--config", str(config), "--port", str(port))
    with (folder / "tandem.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
        try:
            await _wait_until(
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


async def _first_chapter(slack: LocalSlack, stage: Stage, auto: bool, out: Console) -> None:
    """A noisy neighbour starves the model's workers; scaling the pool out helps."""
    out.print("Chapter 1: the noisy neighbour")
    out.print(f"  The channel {CHANNEL} of a local Slack: {slack.url}")
    if not auto:
        webbrowser.open(slack.url)
    before = await _calm(stage)
    out.print(f"  The demand-forecast model answers in {before.p95_ms:.0f} ms (p95), accuracy {before.accuracy:.0%}.")
    await stage.start_hog()
    out.print("  A batch job takes the CPU of the forecast pool …")
    message = await _message(slack, 120, "one incident is shown, with an offer", _offers_help)
    worst = await stage.stats()
    out.print(f"  … and it shows: p95 {worst.p95_ms:.0f} ms, accuracy {worst.accuracy:.0%}.")
    message = await _approve(slack, message, auto, out)
    after = await stage.stats()
    out.print(f"  The pool has {after.workers} workers now; p95 {after.p95_ms:.0f} ms, accuracy {after.accuracy:.0%}.")
    out.print(f"  Tandem: {message['text']}")
    _expect_messages(slack, 1)


async def _second_chapter(slack: LocalSlack, stage: Stage, auto: bool, out: Console) -> None:
    """The data drifts after a change of its pipeline; scaling is no help, rolling the pipeline back is."""
    out.print("Chapter 2: the data that changed")
    await stage.start_features("2026-w46")
    out.print(f"  {MODEL} reads {DATASET}; what it was trained on is its reference 2026-w46.")
    await asyncio.sleep(CALM_SECONDS)
    _expect_messages(slack, 1)
    await stage.release_bad_features()
    out.print(f"  A new release of {DATASET} tells the temperature in another unit …")
    message = await _message(slack, 120, "an incident names the feature and the change", _names_the_change)
    message = await _approve(slack, message, auto, out)
    out.print(f"  Tandem: {message['text']}")
    _expect_messages(slack, 2)


async def _approve(slack: LocalSlack, message: dict[str, Any], auto: bool, out: Console) -> dict[str, Any]:
    """Click, or wait for a person who does; returns the message once the run succeeded."""
    out.print(f"  Tandem: {message['text']}")
    if auto:
        await slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
        out.print("  Approved by the on-call engineer.")
    else:
        out.print("  Your turn: look at the message in the browser and click Approve (as ana, who is on call).")
    patience = 240 if auto else 3600  # longer than a verification may take
    fixed = _says_fixed_of(message["ts"])
    return await _message(slack, patience, "the run succeeds and the incident resolves", fixed)


def _expect_messages(slack: LocalSlack, count: int) -> None:
    if len(shown := slack.messages(CHANNEL)) != count:
        raise StoryBroke(f"messages expected: {count}, the channel shows {len(shown)}")


async def _calm(stage: Stage) -> Any:
    """Wait until the service has been measured at rest."""
    latest = await stage.stats()

    async def settled() -> bool:
        nonlocal latest
        latest = await stage.stats()
        return latest.p95_ms > 0

    await _wait_until(START_SECONDS, "the forecast service answers", settled)
    return latest


def _offers_help(message: dict[str, Any]) -> bool:
    shown = str(message)
    return "run.approve" in shown and "Resource contention" in shown and "DemandForecastAccuracyDrop" in shown


def _names_the_change(message: dict[str, Any]) -> bool:
    shown = str(message)
    return all(part in shown for part in ("run.approve", "temperature", f"{DATASET} v2")) and "Scale out" not in shown


def _says_fixed_of(ts: str) -> Callable[[dict[str, Any]], bool]:
    def says_fixed(message: dict[str, Any]) -> bool:
        shown = str(message)
        fixed = "succeeded" in shown and "resolved" in shown and "run.approve" not in shown
        return fixed and message["ts"] == ts

    return says_fixed


async def _message(
    slack: LocalSlack, seconds: float, what: str, accept: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The channel's message, once it is as expected."""

    async def shown() -> bool:
        return any(accept(message) for message in slack.messages(CHANNEL))

    try:
        await _wait_until(seconds, what, shown)
    except StoryBroke as error:
        seen = "\n".join(message["text"] for message in slack.messages(CHANNEL)) or "nothing"
        raise StoryBroke(f"{error}\nThe channel shows:\n{seen}") from error
    return next(message for message in slack.messages(CHANNEL) if accept(message))


async def _wait_until(seconds: float, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + seconds
    while not await holds():
        if time.monotonic() > deadline:
            raise StoryBroke(f"waited {seconds:.0f} s in vain until {what}")
        await asyncio.sleep(0.2)


async def _until_interrupted() -> None:
    stop = asyncio.Event()
    for number in ENDING:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tail(log: Path) -> str:
    if not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-_LOG_TAIL:]
    return "\n".join(["The bot's log ends with:", *lines])
