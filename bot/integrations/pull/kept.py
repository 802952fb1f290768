"""What all pulls have in common: how far one has come is kept, a failure is noted and told, and it is done again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec
import structlog

from bot.errors import InboxFull, StorageUnavailable, TandemError
from bot.integrations.pull.troubles import Troubles
from bot.integrations.rows import RowsIntake
from bot.model_store import pulls
from bot.model_store.pulls import Progress
from bot.observability.metrics import PULL_FAILURES
from bot.storage.database import Database

_FIRST_RETRY, _LAST_RETRY = 5.0, 300.0
_TELL_AFTER = 3
"""Failures in a row that are an alert."""

log = structlog.get_logger(__name__)


class KeptPull:
    """A pull of a model, whose progress is kept by ``key``."""

    model: str
    key: str
    _database: Database
    _intake: RowsIntake
    _clock: Callable[[], datetime]
    _troubles: Troubles

    async def _progress(self) -> Progress | None:
        async with self._database.read() as connection:
            return await pulls.progress_of(connection, self.key)

    async def _begun(self) -> Progress:
        return await self._progress() or Progress(key=self.key, model=self.model, at=self._clock())

    async def _save(self, known: Progress, **changed: object) -> Progress:
        progress = msgspec.structs.replace(known, **changed)
        async with self._database.write() as connection:
            await pulls.save(connection, progress)
        return progress

    async def note_failure(self, reason: str, failed: int) -> None:
        PULL_FAILURES.labels(self.model).inc()
        log.warning("pull.failed", model=self.model, reason=reason)
        try:
            known = await self._begun()
            firing = known.firing
            if failed >= _TELL_AFTER:
                firing, alerts = self._troubles.with_failure(known.firing, reason, self._clock())
                await self._intake.tell(alerts)
            await self._save(known, failure=reason, firing=firing)
        except (StorageUnavailable, InboxFull) as error:
            log.warning("pull.not_noted", model=self.model, reason=str(error))


async def repeated(
    work: Callable[[], Awaitable[bool]],
    every: float,
    first: float,
    failed: Callable[[str, int], Awaitable[None]],
) -> None:
    """Do the work after ``first`` seconds and then as often as it is due, until cancelled; at once while it says that
    there is more. ``failed`` takes the reason of a failure and how many there were in a row."""
    wait, failures = first, 0
    while True:
        await asyncio.sleep(wait)
        try:
            more = await work()
        except (TandemError, StorageUnavailable) as error:
            failures += 1
            await failed(str(error), failures)
            wait = min(_FIRST_RETRY * 2 ** (failures - 1), _LAST_RETRY)
        else:
            failures = 0
            wait = 0.0 if more else every
