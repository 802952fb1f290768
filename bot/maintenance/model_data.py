"""Keeps the data of models from growing for ever."""

from datetime import datetime, timedelta

import structlog

from bot.model_store import batches, checks, references, unused_files
from bot.model_store.frames import Frames
from bot.storage.database import Database

log = structlog.get_logger(__name__)


async def remove_unused(database: Database, frames: Frames, now: datetime, keep_for: timedelta) -> None:
    """Remove predictions and labels that are too old, expired references, and then the files that neither needs."""
    async with database.write() as connection:
        removed = await batches.remove_before(connection, now - keep_for, now)
        await batches.forget_segments(connection, now)
        await references.remove_expired(connection, now)
        await checks.remove_before(connection, now - keep_for)
    files = await unused_files.remove(database, frames, now)
    if removed or files:
        log.info("model_data.removed", batches=removed, files=files)
