"""SQLite's files with the newest schema: made once, and copied. To migrate from nothing costs more than most tests."""

import asyncio
import atexit
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from bot.inbox.inbox import open_inbox
from bot.storage.database import open_database


def copy_migrated(folder: Path) -> None:
    """Into a folder: the database ``tandem.db``, and the inbox beside it."""
    for file in _made().iterdir():
        shutil.copy(file, folder)


@cache
def _made() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tandem-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with ThreadPoolExecutor(1) as thread:  # where a loop runs already, this one is beside it
        thread.submit(asyncio.run, _migrate(folder)).result()
    return folder


async def _migrate(folder: Path) -> None:
    database = open_database(f"sqlite:///{folder}/tandem.db")
    await database.migrate()
    inbox = open_inbox(database)
    await inbox.prepare(0)
    await inbox.close()
    await database.close()
