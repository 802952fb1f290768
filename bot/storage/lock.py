"""One process per SQLite file: two would both post every message."""

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
    path = Path(f"{parsed.database}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageUnavailable(f"another Tandem is running on {parsed.database}") from error
        yield
