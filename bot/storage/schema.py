"""The version of the schema: brought to the newest that is known, and worked with where it is newer.

During a rolling deploy a replica of the version before meets a schema that a newer one has made. Migrations only
expand, so it may go on: the newest says in ``schema_version`` from which version on programs may.
"""

import asyncio
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random

from bot.errors import ConfigError

OLDEST = "0010"
"""The oldest version that may work beside the others, unless a migration says ``works_with = "…"``."""
_LOCK = 0x74616E64
_BUSY_SECONDS = 60.0
_LOCKED = "55P03"
"""lock_not_available. https://www.postgresql.org/docs/current/errcodes-appendix.html"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class KnownSchemas:
    """What the scripts of a folder know: the newest version, all of them, and the oldest that may work beside."""

    newest: str
    revisions: frozenset[str]
    works_with: str


@cache  # reading the scripts costs more than all else that a start does with a schema that is up to date
def _known(scripts: Path) -> KnownSchemas:
    directory = ScriptDirectory.from_config(_alembic(scripts))
    newest = directory.get_current_head()
    assert newest is not None
    found = list(directory.walk_revisions())
    works_with = max((getattr(script.module, "works_with", OLDEST) for script in found), default=OLDEST)
    return KnownSchemas(newest, frozenset(script.revision for script in found), works_with)


def _alembic(scripts: Path) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(scripts))
    return config


async def migrate_postgresql(engine: AsyncEngine, scripts: Path) -> None:
    """One replica migrates, the others wait. Where others hold a table for long, it tries again, for a minute."""
    busy, limit = retry_if_exception(_was_busy), stop_after_delay(_BUSY_SECONDS)
    async for attempt in AsyncRetrying(retry=busy, stop=limit, wait=wait_random(0, 2), reraise=True):
        with attempt:
            async with engine.connect() as connection:
                try:
                    await _wait_for_turn(connection)
                    await connection.run_sync(upgrade, scripts)
                    await connection.commit()
                finally:
                    await connection.invalidate()  # with the session end its lock and its settings


def _was_busy(error: BaseException) -> bool:
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) == _LOCKED


async def _wait_for_turn(connection: AsyncConnection) -> None:
    """Not in a transaction: an index that is built concurrently would wait for its end."""
    while True:
        taken = await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK})
        await connection.commit()
        if taken:
            return
        await asyncio.sleep(0.2)


def upgrade(connection: Connection, scripts: Path) -> None:
    """Bring the schema to the newest version of the scripts.

    A newer one stays as it is; raises ConfigError where this program may not work with it.
    """
    known = _known(scripts)
    found = _found(connection)
    if found is not None and found not in known.revisions:
        _accept(connection, found, known.newest)
        return
    if found != known.newest:
        if connection.dialect.name == "postgresql":
            connection.commit()  # alembic begins a transaction for each migration
        config = _alembic(scripts)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    _write_down(connection, known.newest, known.works_with)


def see_that_it_is_known(connection: Connection, scripts: Path) -> None:
    """Raises ConfigError where this program may not work with the schema, as :func:`upgrade` does; changes nothing."""
    known, found = _known(scripts), _found(connection)
    if found is not None and found not in known.revisions:
        _accept(connection, found, known.newest)


def _found(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _accept(connection: Connection, found: str, newest: str) -> None:
    works_with = connection.scalar(
        text("SELECT works_with FROM schema_version WHERE revision = :revision"), {"revision": found}
    )
    if works_with is None or newest < works_with:
        raise ConfigError(
            f"the database has schema {found}, which this version of Tandem ({newest}) does not know and cannot work "
            f"with: run the version that made it, or restore the backup from before the upgrade"
        )
    log.warning("schema.newer", schema=found, known=newest)


def _write_down(connection: Connection, revision: str, works_with: str) -> None:
    connection.execute(
        text(
            "INSERT INTO schema_version (revision, works_with) VALUES (:revision, :works_with) "
            "ON CONFLICT (revision) DO UPDATE SET works_with = excluded.works_with"
        ),
        {"revision": revision, "works_with": works_with},
    )
