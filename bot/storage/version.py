"""Whether the schema is the newest that this program knows: told by the names of the migrations. What migrates it,
:mod:`bot.storage.schema`, brings Alembic, and is imported for a schema that is not.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import SQLModel

from bot.storage.migrations import snapshot

MIGRATIONS = Path(__file__).parent / "migrations"


def newest() -> str:
    """The version that the last migration makes; a file is named by its version."""
    return max(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def is_newest(connection: Connection) -> bool:
    """Whether there is nothing to migrate, and all is written down that a migration writes down."""
    if not {"alembic_version", "schema_version"} <= set(inspect(connection).get_table_names()):
        return False
    version = newest()
    found = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
    known = connection.scalar(text("SELECT count(*) FROM schema_version WHERE revision = :it"), {"it": version})
    return list(found) == [version] and bool(known)


def upgrade(connection: Connection) -> None:
    """See :func:`bot.storage.schema.upgrade`. This is for SQLite, where a new file needs no migration."""
    if snapshot.make_new(connection, MIGRATIONS) and is_newest(connection):
        return
    from bot.storage import schema

    schema.upgrade(connection, MIGRATIONS)


async def migrate_postgresql(engine: AsyncEngine) -> None:
    """See :func:`bot.storage.schema.migrate_postgresql`."""
    from bot.storage import schema

    await schema.migrate_postgresql(engine, MIGRATIONS)


async def has_table(connection: AsyncConnection, row: type[SQLModel]) -> bool:
    """Whether a database is new enough to have the table of a row, or has any at all."""
    return await connection.run_sync(lambda sync: inspect(sync).has_table(str(row.__tablename__)))
