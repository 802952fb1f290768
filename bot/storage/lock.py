"""One process per SQLite file: two would both post every message. Who holds it says which file that is."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from bot.errors import StorageUnavailable


@contextmanager
def hold_alone(url: str) -> Iterator[None]:
    """Hold a SQLite database for this process alone; the kernel lets go when the process ends, however it ends.

    Raises StorageUnavailable where another process holds it. PostgreSQL needs no such lock.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        yield
        return
    path = _lock_of(parsed.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageUnavailable(f"another Tandem is running on {parsed.database}") from error
        yield


def _lock_of(database: str) -> Path:
    return Path(f"{database}.lock")


def is_held(url: str) -> bool:
    """Whether a process holds a SQLite database now."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or not _lock_of(parsed.database).exists():
        return False
    with _lock_of(parsed.database).open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def note_file(url: str) -> None:
    """Write down beside a SQLite database that is held which file it is, for those who look from outside."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        _lock_of(parsed.database).write_text(_name_of(parsed.database))


def warning_about_file(url: str) -> str | None:
    """Why what runs on a SQLite database does not write into the file that is there; None where it does."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    lock = _lock_of(parsed.database)
    if not lock.exists():
        return None
    with lock.open("r+") as file:
        noted = file.read()
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            if noted and noted != _name_of(parsed.database):
                return f"{parsed.database} was deleted or replaced while Tandem runs on it"
    return None


def _name_of(database: str) -> str:
    try:
        found = Path(database).stat()
    except OSError:
        return "none"
    return f"{found.st_dev}:{found.st_ino}"
