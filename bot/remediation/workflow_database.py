"""Where DBOS keeps the workflows of runs, and whether it can be opened and takes writes: tried before a run waits."""

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import make_url

from bot.errors import StorageUnavailable
from bot.storage.sqlite.file import DatabaseFile
from bot.storage.timeouts import SOCKET

_AGAIN_AFTER = 1.0
"""Seconds for which an answer holds: whoever asks often does not make the disk busy."""
_LOCK_SECONDS = 3.0
NO_RUN_BEGINS = "no approved run begins, and none that was interrupted goes on"
ADVICE = (
    "Give the file back, room on its disk, or the right to write it: it is tried again by itself. A file that is "
    "damaged comes from the backup; where no run is under way it may be moved away, and is made anew."
)


def workflow_database(url: str) -> str:
    """DBOS's own database: beside ours on SQLite, which takes one writer at a time; the same one on PostgreSQL."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        path = Path(parsed.database)
        return f"sqlite:///{path.with_name(f'{path.stem}.workflows.db')}"
    bounds = {name: value for name, value in SOCKET.items() if name not in parsed.query}
    return parsed.set(drivername="postgresql").update_query_dict(bounds).render_as_string(hide_password=False)


class WorkflowProbe:
    """Of SQLite's file at ``url``. On PostgreSQL it is the database that is looked at already."""

    def __init__(self, url: str) -> None:
        self._path = path_of(url)
        self._opened: DatabaseFile | None = None
        self._lock = asyncio.Lock()
        self._tried_at = float("-inf")
        self._problem = ""

    def opened(self) -> None:
        """DBOS has the file open: from now on it is to be this one."""
        if self._path is not None:
            self._opened = DatabaseFile(str(self._path), "start Tandem again")
            self._opened.check()

    async def check(self, *, anew: bool = False) -> None:
        """Raises StorageUnavailable."""
        if self._path is None:
            return
        async with self._lock:
            if anew or time.monotonic() >= self._tried_at + _AGAIN_AFTER:
                self._problem = await asyncio.to_thread(self._look, self._path)
                self._tried_at = time.monotonic()
        if self._problem:
            raise StorageUnavailable(self._problem)

    def _look(self, path: Path) -> str:
        try:
            if self._opened is not None:
                self._opened.check()
            look_at(path)
        except StorageUnavailable as error:
            return str(error)
        return ""


def path_of(url: str) -> Path | None:
    """SQLite's file; None for another database."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def look_at(path: Path) -> None:
    """Begin to write into a file, or see that it can be made. Raises StorageUnavailable. Blocks."""
    DatabaseFile(str(path)).check_space()
    if not os.path.lexists(path):
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise StorageUnavailable(f"{path} cannot be made: {path.parent} may not be written")
        return
    try:
        address = f"file:{quote(str(path))}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=_LOCK_SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise StorageUnavailable(f"{path}: {error}") from error
