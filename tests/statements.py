"""The statements that reach a database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import event

from bot.storage.database import Database
from bot.storage.sqlite.one_trip import Connection, Done


@contextmanager
def statements_of(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Each with its values, as they are performed meanwhile; on SQLite those of other databases of the process, too."""
    seen: list[tuple[str, Any]] = []
    if database.is_sqlite:
        trip = Connection.trip

        async def noted(connection: Connection, perform: Any, operation: str, values: Any) -> Done:
            seen.append((operation, values))
            return await trip(connection, perform, operation, values)

        with patch.object(Connection, "trip", noted):
            yield seen
        return

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        seen.append((statement, values))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
