"""Reads the audit log of a bot on SQLite beside it."""

import contextlib
import json
import sqlite3
from typing import Any

from tests.acceptance.harness import Tandem


def rows(tandem: Tandem, statement: str) -> list[tuple[Any, ...]]:
    path = tandem.database_url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as connection:
        return connection.execute(statement).fetchall()


def audited(tandem: Tandem) -> list[tuple[str, str, dict[str, Any]]]:
    """Actor, action and details of every entry, in order, but for the one that seals the log's beginning."""
    found = rows(tandem, "SELECT actor, action, details FROM audit WHERE action <> 'audit.sealed' ORDER BY seq")
    return [(actor, action, json.loads(details)) for actor, action, details in found]
