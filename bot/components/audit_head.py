"""The head of the audit log, written to places outside the database: a file, and the program's log.

Where the log is cut or made anew later, the head that was written down is no longer in it.
"""

import asyncio
import os
from pathlib import Path
from time import monotonic

import structlog

from bot.components.component import Component
from bot.components.process import Process
from bot.errors import StorageUnavailable
from bot.storage.database import Database
from bot.storage.queries import audit
from bot.storage.seal import head_file_of

EVERY = 60.0
LOG_EVERY = 3600.0

log = structlog.get_logger(__name__)


def audit_head_component(process: Process) -> Component:
    """Writes it every minute that it has changed, and at the end."""
    database, file = process.services.database, head_file_of(process.environment.database_url)

    async def stop() -> None:
        await write_head(database, file)

    return Component("audit head", run=lambda: keep_head(database, file), stop=stop)


async def keep_head(database: Database, file: Path) -> None:
    """Until cancelled."""
    written, logged = "", -LOG_EVERY
    while True:
        head = await write_head(database, file, written)
        if head != written and monotonic() - logged >= LOG_EVERY:
            logged = monotonic()
            log.info("audit.head", head=head)
        written = head
        await asyncio.sleep(EVERY)


async def write_head(database: Database, file: Path, written: str = "") -> str:
    """Write the head, unless it is the one written before; returns it. What goes wrong is logged."""
    try:
        async with database.read() as connection:
            head = str(await audit.head(connection))
        if head != written:
            await asyncio.to_thread(_replace, file, f"{head}\n")
    except (StorageUnavailable, OSError) as error:
        log.warning("audit.head_not_written", file=str(file), reason=str(error))
        return written
    return head


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    made = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as out:
        out.write(text)
    made.replace(file)
