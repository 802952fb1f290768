"""Drivers that give null for one value that Python has none for, where they would refuse all rows."""

from datetime import date, datetime
from typing import Any

from sqlalchemy.pool import ConnectionPoolEntry


def lenient(connection: Any, _record: ConnectionPoolEntry) -> None:
    """Text of SQLite that is no UTF-8; moments of PostgreSQL such as ``infinity`` and those before the year 1."""
    driver = type(connection).__module__.partition(".")[0]
    if driver == "sqlite3":
        connection.text_factory = _text
    elif driver == "psycopg":
        for name, loader in _loaders().items():
            connection.adapters.register_loader(name, loader)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _loaders() -> dict[str, type]:
    from psycopg import DataError  # noqa: PLC0415 - only where PostgreSQL is read
    from psycopg.types import datetime as moments  # noqa: PLC0415

    def lenient_one(usual: Any) -> type:
        class Lenient(usual):  # type: ignore[misc]
            def load(self, data: Any) -> date | datetime | None:
                try:
                    found: date | datetime = super().load(data)
                except DataError:
                    return None
                return found

        return Lenient

    usual = {
        "date": moments.DateLoader,
        "timestamp": moments.TimestampLoader,
        "timestamptz": moments.TimestamptzLoader,
    }
    return {name: lenient_one(loader) for name, loader in usual.items()}
