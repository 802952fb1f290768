"""``tandem run``: the bot until it is asked to end."""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from bot.commands.parts.settings import read_config
from bot.concealment import conceal
from bot.config import Config, Environment, read_environment
from bot.observability.logs import set_up_logging
from bot.observability.tracing import tracing
from bot.watchdog import force_exit_after

SWITCH_SECONDS = 0.0005
"""How long a database's thread waits for the loop's to let it go on; Python's own 5 ms are longer than a commit."""


def run_bot(config: Path | None, host: str, port: int) -> None:
    """Returns when the bot has ended. Raises TandemError where it cannot run."""
    with tracing():
        environment = read_environment()
        conceal()
        set_up_logging(getattr(logging, environment.log_level.upper()), environment.log_format)
        settings = read_config(config, environment)
        _run_loop(_run(environment, settings, host, port))


def _run_loop(main: Coroutine[Any, Any, None]) -> None:
    """On uvloop, where it exists: the endpoints take about half as many requests again."""
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


async def _run(environment: Environment, config: Config, host: str, port: int) -> None:
    from bot.app import App

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with App(environment, config, host, port) as app:
        stop, failure = asyncio.create_task(stopping.wait()), asyncio.create_task(app.failed())
        await asyncio.wait({stop, failure}, return_when=asyncio.FIRST_COMPLETED)
        if failure.done():
            failure.result()
        failure.cancel()
        force_exit_after()
