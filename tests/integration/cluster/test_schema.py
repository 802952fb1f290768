"""Which versions of the program work on which versions of the schema."""

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from bot.domain.event import AlertEvent
from bot.errors import ConfigError, StorageUnavailable
from bot.storage import schema, version
from bot.storage.database import Database, open_database
from tests import schema_snapshot
from tests.integration.pipeline_driver import Pipeline

NEXT = '''"""One more"""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{newest}"
branch_labels = None
depends_on = None
{works_with}

def upgrade() -> None:
    op.create_table("later", sa.Column("id", sa.Text(), primary_key=True))
    with op.batch_alter_table("incident") as table:
        table.add_column(sa.Column("later", sa.Text(), nullable=False, server_default=""))
'''


def newest() -> str:
    return max(path.name[:4] for path in (version.MIGRATIONS / "versions").glob("0*.py"))


def scripts_with_one_more(folder: Path, works_with: str = "") -> Path:
    """The migrations of a release to come, in a folder."""
    shutil.copytree(version.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    said = f'works_with = "{works_with}"\n' if works_with else ""
    (folder / "versions" / "9001_later.py").write_text(NEXT.format(newest=newest(), works_with=said))
    return folder


async def _migrate_with(database: Database, scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(version, "MIGRATIONS", scripts)
        await database.migrate()


async def test_a_schema_that_is_the_newest_is_not_migrated_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What migrates takes 15 MB and half a second of a start."""

    def migrate(*_args: object) -> None:
        raise AssertionError("there is nothing to migrate")

    with monkeypatch.context() as watched:
        watched.setattr(schema, "upgrade", migrate)
        await database.migrate()
        async with database.write() as connection:
            await connection.execute(text("DELETE FROM schema_version"))
        with pytest.raises(AssertionError):
            await database.migrate()
    await database.migrate()
    async with database.read() as connection:
        assert list(await connection.scalars(text("SELECT revision FROM schema_version"))) == [newest()]


async def _made(folder: Path) -> Path:
    """A new SQLite file, as a first start makes it."""
    database = open_database(f"sqlite:///{folder}/new.db")
    try:
        await database.migrate()
    finally:
        await database.close()
    return folder / "new.db"


async def test_a_new_file_is_made_without_migrations_and_is_what_they_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where this fails after a migration was added: python -m tests.schema_snapshot."""
    schema_snapshot.migrated(tmp_path / "migrated.db")
    with monkeypatch.context() as watched:
        watched.delattr(schema, "upgrade")
        made = await _made(tmp_path)
    assert schema_snapshot.contents(made) == schema_snapshot.contents(tmp_path / "migrated.db")


async def test_migrations_that_came_after_the_snapshot_run_on_top_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = scripts_with_one_more(tmp_path / "newer")
    schema_snapshot.migrated(tmp_path / "migrated.db", newer)
    monkeypatch.setattr(version, "MIGRATIONS", newer)
    made, migrated = [schema_snapshot.contents(one) for one in (await _made(tmp_path), tmp_path / "migrated.db")]
    assert (made[0], made[1]["alembic_version"]) == (migrated[0], [("9001",)])


async def test_a_new_file_that_was_not_finished_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is one transaction: of what a process has made that ends in the middle, nothing is there."""
    shutil.copytree(version.MIGRATIONS, tmp_path / "broken", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "broken" / "snapshot.sql").open("a") as snapshot:
        snapshot.write("INSERT INTO nowhere VALUES(1);\n")
    with monkeypatch.context() as broken:
        broken.setattr(version, "MIGRATIONS", tmp_path / "broken")
        with pytest.raises(StorageUnavailable, match="nowhere"):
            await _made(tmp_path)
    assert schema_snapshot.contents(tmp_path / "new.db") == (set(), {})
    assert "incident" in schema_snapshot.contents(await _made(tmp_path))[1]


async def test_a_program_goes_on_with_a_schema_that_a_newer_one_has_expanded(
    database: Database,
    pipeline: Pipeline,
    alert: Callable[..., AlertEvent],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await pipeline.send(alert(instance="a"))
    await _migrate_with(database, scripts_with_one_more(tmp_path / "newer"), monkeypatch)
    await database.migrate()
    await pipeline.send(alert(instance="b"), alert(service="payments"))
    assert [len(await pipeline.alerts_of(one)) for one in await pipeline.incidents()] == [2, 1]
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == "9001"


async def test_a_program_that_is_too_old_for_a_schema_says_so_and_leaves_it_alone(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _migrate_with(database, scripts_with_one_more(tmp_path / "newer", works_with="9001"), monkeypatch)
    with pytest.raises(ConfigError, match=rf"schema 9001, .* \({newest()}\) does not know"):
        await database.migrate()


async def test_a_schema_of_which_nothing_is_said_is_refused(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="schema 9999"):
        await database.migrate()


async def test_replicas_that_start_together_migrate_once(empty_database: str) -> None:
    databases = [open_database(empty_database) for _ in range(4)]
    try:
        await asyncio.gather(*(database.migrate() for database in databases))
        async with databases[0].read() as connection:
            rows = await connection.execute(text("SELECT revision, works_with FROM schema_version"))
            assert [tuple(row) for row in rows] == [(newest(), schema.OLDEST)]
    finally:
        for database in databases:
            await database.close()


async def test_a_migration_does_not_queue_behind_who_holds_a_table_for_long(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for a table lets nobody pass: after a while it steps back, and comes again."""
    database = open_database(empty_database)
    try:
        await database.migrate()
        with psycopg.connect(empty_database) as reader:
            reader.execute("SELECT count(*) FROM incident")  # holds the table to the end of its transaction
            newer = asyncio.create_task(_migrate_with(database, scripts_with_one_more(tmp_path / "newer"), monkeypatch))
            seconds = await asyncio.to_thread(_until_others_pass, empty_database)
            assert not newer.done()
        await newer
        assert seconds < 4.5
        async with database.read() as connection:
            assert await connection.scalar(text("SHOW lock_timeout")) == "0"
    finally:
        await database.close()


def _until_others_pass(url: str) -> float:
    """How long a door has to wait behind the migration that waits, in seconds."""
    with psycopg.connect(url, autocommit=True) as connection:
        deadline = time.monotonic() + 10
        while connection.execute(_WAITING).fetchone() == (0,):
            assert time.monotonic() < deadline, "the migration never waited"
            time.sleep(0.05)
        began = time.monotonic()
        connection.execute("SELECT count(*) FROM incident")
        return time.monotonic() - began


_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"


async def test_an_index_that_was_left_half_built_is_made_anew(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tmp_path / "before"
    shutil.copytree(version.MIGRATIONS, before, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (before / "versions").glob("0*.py"):
        if path.name > "0012":
            path.unlink()
    database = open_database(empty_database)
    try:
        await _migrate_with(database, before, monkeypatch)
        async with database.write() as connection:
            await connection.execute(text("CREATE INDEX alert_unplaced ON alert (name)"))
        await database.migrate()
        async with database.read() as connection:
            made = await connection.scalar(text("SELECT indexdef FROM pg_indexes WHERE indexname = 'alert_unplaced'"))
    finally:
        await database.close()
    assert "(received_at) WHERE (incident_id IS NULL)" in str(made)
