"""``tandem run``: the bot until it is asked to end."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bot.commands.parts.reloading import Reloader, watch
from bot.commands.parts.settings import config_path, read_config
from bot.concealment import conceal
from bot.config import Config, Environment, read_environment
from bot.health.running import Running, running
from bot.observability.logs import set_up_logging
from bot.observability.tracing import tracing
from bot.watchdog import force_exit_after

SWITCH_SECONDS = 0.0005
"""How long a database's thread waits for the loop's to let it go on; Python's own 5 ms are longer than a commit."""


def run_bot(config: Path | None, address: tuple[str, int], watched: bool) -> None:
    """Returns when the bot has ended. Raises TandemError where it cannot run."""
    with tracing():
        environment = read_environment()
        conceal()
        set_up_logging(getattr(logging, environment.log_level.upper()), environment.log_format)
        read = partial(read_config, config, environment)
        with running(environment.database_url, config_path(config, environment), datetime.now(UTC)) as note:
            _run_loop(_run(environment, read, note, address, watched))


def _run_loop(main: Coroutine[Any, Any, None]) -> None:
    """On uvloop, where it exists: the endpoints take about half as many requests again."""
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


async def _run(
    environment: Environment, read: Callable[[], Config], note: Running, address: tuple[str, int], watched: bool
) -> None:
    from bot.app import App

    config = read()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # its default would end what has not started yet
    async with App(environment, config, *address) as app:
        reloader = Reloader(app, read, note)
        loop.add_signal_handler(signal.SIGHUP, reloader.request)
        tasks = [asyncio.create_task(app.failed()), asyncio.create_task(reloader.run())]
        if watched:
            tasks.append(
                asyncio.create_task(watch(lambda: _files(Path(note.note.config), app.config), reloader.request))
            )
        stop = asyncio.create_task(stopping.wait())
        done, _ = await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stop}:
            task.result()
        for task in tasks:
            task.cancel()
        force_exit_after()


def _files(path: Path, config: Config) -> list[Path]:
    """The configuration and what it imports."""
    return [path, *(path.parent / name for name in config.topology.imports)]
