"""A new tandem.yaml without a restart: on SIGHUP, and where it is watched whenever it changes."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from bot.config import Config
from bot.errors import ConfigError
from bot.health.running import Running
from bot.observability.metrics import CONFIG_REFUSED, CONFIG_RELOADS

WATCH_SECONDS = 2.0

log = structlog.get_logger(__name__)

Seen = list[tuple[str, int, int]]


class Reloads(Protocol):
    async def reload(self, config: Config) -> None:
        """Raises ConfigError where all goes on as it was."""


class Reloader:
    """``read`` reads and validates the file. Raises ConfigError."""

    def __init__(self, app: Reloads, read: Callable[[], Config], note: Running) -> None:
        self._app, self._read, self._note = app, read, note
        self._wanted = asyncio.Event()
        CONFIG_REFUSED.set(False)

    def request(self) -> None:
        """Reload soon; several who ask meanwhile are one."""
        self._wanted.set()

    async def run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._reload()

    async def _reload(self) -> None:
        try:
            await self._app.reload(await asyncio.to_thread(self._read))
        except (ConfigError, OSError) as error:
            log.error("config.refused", reason=str(error), advice="Tandem goes on with the configuration of before.")
            self._noted("refused", str(error))
        else:
            log.info("config.reloaded")
            self._noted("taken")

    def _noted(self, result: str, refused: str = "") -> None:
        CONFIG_RELOADS.labels(result).inc()
        CONFIG_REFUSED.set(bool(refused))
        self._note.reloaded(datetime.now(UTC), refused)


async def watch(files: Callable[[], Sequence[Path]], changed: Callable[[], None]) -> None:
    """Call back whenever one of these files has become another, until cancelled."""
    before = await asyncio.to_thread(_look, files())
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        now = await asyncio.to_thread(_look, files())
        if now != before:
            before = now
            changed()


def _look(files: Sequence[Path]) -> Seen:
    found: Seen = []
    for path in files:
        try:
            state = path.stat()
        except OSError:
            continue  # while an editor puts another in its place
        found.append((str(path), state.st_mtime_ns, state.st_size))
    return found
