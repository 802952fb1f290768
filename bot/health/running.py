"""Which processes run on a database on this host, and what became of the last reload of each.

Each has a small file, locked while it runs, so that what a dead one left is told from a live one.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

import msgspec

from bot.errors import ConfigError


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """``reloads`` counts those that were refused, too; ``refused`` says why the last one was, empty where not."""

    pid: int
    config: str
    since: datetime
    reloads: int = 0
    refused: str = ""


class Running:
    """The note of this process."""

    def __init__(self, file: TextIO, note: Note) -> None:
        self._file, self.note = file, note
        self._write()

    def reloaded(self, at: datetime, refused: str = "") -> None:
        """``at`` is since when the configuration holds, where it was taken."""
        since = self.note.since if refused else at
        self.note = msgspec.structs.replace(self.note, since=since, reloads=self.note.reloads + 1, refused=refused)
        self._write()

    def _write(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.write(msgspec.json.encode(self.note).decode())
        self._file.flush()


@contextmanager
def running(database_url: str, config: Path, now: datetime) -> Iterator[Running]:
    """Note that this process runs, until it ends."""
    folder = _folder_of(database_url)
    path = folder / f"{os.getpid()}.json"
    with _opened(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield Running(file, Note(pid=os.getpid(), config=str(config.absolute()), since=now))
        finally:
            path.unlink(missing_ok=True)
            with suppress(OSError):  # others run on the same database
                folder.rmdir()


def _opened(path: Path) -> TextIO:
    """Its folder is made anew where another process has just taken it away. Raises ConfigError where it is not ours."""
    while True:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _check_owner(path.parent)
            return path.open("w", encoding="utf-8")
        except FileNotFoundError:
            continue


def _check_owner(folder: Path) -> None:
    """Everybody may write where temporary files lie: what somebody else has put there is not trusted."""
    if folder.lstat().st_uid != os.getuid() or folder.is_symlink():
        raise ConfigError(f"{folder} belongs to somebody else: remove it, or set TMPDIR to a folder of your own")


def all_running(database_url: str) -> list[Note]:
    """The notes of the processes that run on this database."""
    folder = _folder_of(database_url)
    if not folder.exists():
        return []
    _check_owner(folder)
    found = [_note_of(path) for path in sorted(folder.glob("*.json"))]
    return [note for note in found if note is not None]


def _note_of(path: Path) -> Note | None:
    """None where nobody holds it any more."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            text = file.read()
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return msgspec.json.decode(text, type=Note)
            path.unlink(missing_ok=True)
    except (OSError, msgspec.DecodeError):
        pass
    return None


def _folder_of(database_url: str) -> Path:
    digest = hashlib.sha256(database_url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tandem-{os.getuid()}-{digest}.running"
