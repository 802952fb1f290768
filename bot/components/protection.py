"""What surrounds every step of a run: the secrets that it may not show, and the file that is locked while it runs."""

import hashlib
import os
import tempfile
from pathlib import Path

import structlog
from sqlalchemy import make_url

from bot.config import Environment
from bot.observability.logs import secret_values
from bot.remediation.executors import Protection

log = structlog.get_logger(__name__)


def protection_of(environment: Environment) -> Protection:
    """The lock is beside a database on SQLite; a replica with a name of its own has one on its host."""
    lock = _lock_of(environment)
    if lock is not None:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        except OSError as error:
            log.warning("steps.no_lock", file=str(lock), reason=str(error))
            lock = None
    return Protection(tuple(secret_values()), lock)


def _lock_of(environment: Environment) -> Path | None:
    url = make_url(environment.database_url)
    if url.get_backend_name() == "sqlite":
        return Path(f"{url.database}.steps").absolute()
    if environment.replica is None:  # its name is new at each start: who takes its runs over waits until it is gone
        return None
    name = hashlib.sha256(f"{environment.database_url} {environment.replica}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tandem-{os.getuid()}-{name}.steps"
