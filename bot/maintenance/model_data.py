"""Keeps the data of models from growing for ever."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from bot.errors import StorageUnavailable
from bot.model_store import batches as model_data
from bot.model_store import references, unused_files
from bot.model_store.frames import Frames
from bot.storage.database import Database

EVERY = timedelta(minutes=30)

log = structlog.get_logger(__name__)


async def tidy(database: Database, frames: Frames, now: datetime, keep_for: timedelta) -> None:
    """Forget predictions and labels that are too old and references whose time is over, then the files of neither."""
    async with database.write() as connection:
        batches = await model_data.remove_before(connection, now - keep_for, now)
        await references.remove_expired(connection, now)
    files = await unused_files.remove(database, frames, now)
    if batches or files:
        log.info("model_data.tidied", batches=batches, files=files)


async def keep_tidy(database: Database, frames: Frames, clock: Callable[[], datetime], keep_for: timedelta) -> None:
    """Tidy now and then, until cancelled."""
    while True:
        try:
            await tidy(database, frames, clock(), keep_for)
        except StorageUnavailable as error:
            log.warning("model_data.not_tidied", reason=str(error))
        await asyncio.sleep(EVERY.total_seconds())
