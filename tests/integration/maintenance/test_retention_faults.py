"""What comes between retention and its end: an archive that is away, a crash, somebody who changes things."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageUnavailable
from bot.maintenance.archive import Archive
from bot.storage.database import Database, table_of
from bot.storage.queries import incidents
from bot.storage.tables.core import AuditAnchorRow, AuditRow, IncidentRow
from tests.integration.maintenance.retained import Make, Retained, first_broken, resolved, write_audit
from tests.integration.pipeline_driver import Pipeline


@pytest.fixture
def retained(pipeline: Pipeline, tmp_path: Path) -> Retained:
    return Retained(pipeline, tmp_path / "archive")


async def test_an_anchor_of_somebody_else_is_a_break(retained: Retained, database: Database) -> None:
    await write_audit(retained, "one", "two", "three")
    async with database.write() as connection:
        rows = table_of(AuditRow)
        seal = await connection.scalar(select(rows.c.hash).where(rows.c.seq == 2))
        anchor = {"seq": 2, "hash": seal, "at": retained.pipeline.clock.now}
        await connection.execute(table_of(AuditAnchorRow).insert(), [anchor])
        await connection.execute(rows.delete().where(rows.c.seq <= 2))
    assert await first_broken(retained) == 3


async def test_nothing_is_deleted_while_the_archive_does_not_take_it(retained: Retained, alert: Make) -> None:
    await resolved(retained, alert)
    retained.pipeline.clock.pass_(days=50)
    retained.folder.write_text("a file where the folder should be")
    before = await retained.entries()
    with pytest.raises(StorageUnavailable):
        await retained.turn()
    assert (await retained.entries(), await retained.count(IncidentRow)) == (before, 1)


class _Away(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A bucket that cannot be reached: what botocore and others raise then is no OSError."""

    protocol = "away"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        raise RuntimeError("Could not connect to the endpoint")


async def test_a_bucket_that_is_away_is_an_outage_whatever_its_library_raises(retained: Retained, alert: Make) -> None:
    fsspec.register_implementation("away", _Away, clobber=True)
    await resolved(retained, alert)
    retained.pipeline.clock.pass_(days=50)
    retained.retention = retained.with_archive(Archive("away://bucket/tandem"))
    with pytest.raises(StorageUnavailable, match="Could not connect"):
        await retained.turn()


async def test_a_crash_between_file_and_deletion_leaves_nothing_lost_and_nothing_twice(
    retained: Retained, alert: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for instance in "abc":
        await resolved(retained, alert, instance=instance)
        retained.pipeline.clock.pass_(hours=1)
    await write_audit(retained, "one", "two")
    retained.pipeline.clock.pass_(days=50)
    await write_audit(retained, "three")
    entries, numbers = await retained.entries(), [one.number for one in await retained.pipeline.incidents()]
    crashes = 0
    for writes in (0, 1, 1, 1):  # a crash before the first deletion; after it, before the second one; …
        with monkeypatch.context() as patched:
            patched.setattr(Database, "write", _crashing_after(writes))
            try:
                await retained.turn()
            except _Crash:
                crashes += 1
    await retained.clean()
    assert crashes >= 3
    assert (await retained.entries(), await retained.count(IncidentRow)) == ([], 0)
    assert sorted(row["seq"] for row in retained.archived("events")) == entries
    assert sorted(row["number"] for row in retained.archived("incidents")) == numbers
    assert [row["action"] for row in retained.archived("audit")] == ["one", "two"]
    assert await first_broken(retained) is None


class _Crash(Exception):
    pass


def _crashing_after(writes: int) -> Callable[[Database], AbstractAsyncContextManager[AsyncConnection]]:
    left = [writes]
    write = Database.write

    def crashing(database: Database) -> AbstractAsyncContextManager[AsyncConnection]:
        left[0] -= 1
        if left[0] < 0:
            raise _Crash
        return write(database)

    return crashing


async def test_an_incident_that_changes_while_it_is_archived_stays(retained: Retained, alert: Make) -> None:
    incident_id = await resolved(retained, alert)
    retained.pipeline.clock.pass_(days=50)
    archive = _Interrupted(str(retained.folder), lambda: _touch(retained, incident_id))
    retained.retention = retained.with_archive(archive)
    await retained.turn()
    assert await retained.count(IncidentRow) == 1
    archive.meanwhile = _nothing
    retained.pipeline.clock.pass_(days=50)
    await retained.clean()
    assert await retained.count(IncidentRow) == 0
    [row] = retained.archived("incidents")
    assert row["version"] == archive.version + 1


class _Interrupted(Archive):
    """Something happens when an incident's file has been written."""

    def __init__(self, address: str, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__(address)
        self.meanwhile = meanwhile
        self.version = 0

    async def put(self, kind: str, day: date, name: str, table: Table, rows: Sequence[Mapping[str, Any]]) -> str:
        file = await super().put(kind, day, name, table, rows)
        if kind == "incidents" and self.meanwhile is not _nothing:
            self.version = rows[0]["version"]
            await self.meanwhile()
        return file


async def _nothing() -> None:
    pass


async def _touch(retained: Retained, incident_id: str) -> None:
    async with retained.pipeline.database.write() as connection:
        await incidents.touch(connection, incident_id, retained.pipeline.clock.now)
