"""How DBOS keeps the workflows of runs: its settings, on any SQLite that Python comes with, and in JSON.

Rows that DBOS stored before are pickles, which can name any function to be called. They are still read, but as plain
values only: who can write the database cannot make Tandem call anything.
"""

import base64
import io
import logging
import pickle
import sqlite3
import time
from typing import Any

from dbos import DBOSConfig, DBOSPortableJSONSerializer, _workflow_commands
from dbos._serialization import DBOSDefaultSerializer
from sqlalchemy import make_url

# Fixed, so that a new release takes up the runs that an old one left; change it when the order of steps changes.
WORKFLOW_VERSION = "1"
IDLE_TRANSACTION = 5.0
"""For so many seconds a replica that stalls in the middle of one of DBOS's transactions can hold up who takes over."""
BACKGROUND_JOBS = 60.0
"""Seconds between looks for workflows that were delayed or have a deadline; none of ours is or has."""
_HAS_SUBSECONDS = (3, 42)
"""The first SQLite that knows ``unixepoch('subsec')``, which DBOS uses on Python 3.12 and later; Debian 12 has 3.40."""


def settings(url: str, executor_id: str) -> DBOSConfig:
    """What DBOS is launched with, its database being at ``url``."""
    read_pickles_as_values()
    _workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC = BACKGROUND_JOBS
    config = DBOSConfig(
        name="tandem",
        system_database_url=url,
        application_version=WORKFLOW_VERSION,
        executor_id=executor_id,
        sys_db_idle_transaction_timeout_sec=IDLE_TRANSACTION,
        log_level=logging.getLevelName(logging.getLogger().getEffectiveLevel()),
        console_log_level="ERROR",
        enable_otlp=False,
        serializer=DBOSPortableJSONSerializer(),
    )
    if make_url(url).get_backend_name() == "sqlite" and sqlite3.sqlite_version_info < _HAS_SUBSECONDS:
        config["db_engine_kwargs"] = {"connect_args": {"factory": SubsecondConnection}}
    return config


class SubsecondConnection(sqlite3.Connection):
    """A connection to an older SQLite that answers ``unixepoch('subsec')`` as a newer one does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(modifier: str) -> float | None:
    return time.time() if modifier in ("subsec", "subsecond") else None


def read_pickles_as_values() -> None:
    """Have DBOS read rows of before as numbers, texts and containers of them; anything else is refused."""
    DBOSDefaultSerializer.deserialize = plain_value  # type: ignore[method-assign, assignment]


def plain_value(text: str) -> Any:
    """What a pickle in base64 holds. Raises pickle.UnpicklingError where it names a class or a function."""
    return _PlainUnpickler(io.BytesIO(base64.b64decode(text))).load()


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"a stored value names {module}.{name}: only plain values are read")
