"""Statements that go to PostgreSQL before those ahead of them are answered: far away, it is waiting that takes long."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

if TYPE_CHECKING:
    from bot.storage.bounded import BoundedConnection


@asynccontextmanager
async def sending(connection: AsyncConnection, ahead: bool) -> AsyncIterator[None]:
    """For a whole transaction; on SQLite nothing is sent. Raises the errors that SQLAlchemy raises."""
    if not ahead or connection.dialect.name == "sqlite":
        yield
        return
    dbapi: Any = connection.dialect.loaded_dbapi
    try:
        async with _driver_of(connection).sending_ahead():
            yield
    except dbapi.Error as error:
        raise DBAPIError.instance("COMMIT", None, error, dbapi.Error, dialect=connection.dialect) from error


@contextmanager
def without_answer(connection: AsyncConnection) -> Iterator[None]:
    """For statements of which nobody has to know more than that they were performed, on PostgreSQL."""
    with _driver_of(connection).without_answer():
        yield


def _driver_of(connection: AsyncConnection) -> "BoundedConnection":
    assert connection.sync_connection is not None
    driver: Any = connection.sync_connection.connection.driver_connection
    return driver  # type: ignore[no-any-return]
