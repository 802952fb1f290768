"""What comes between retention and its end: an archive that is away, a crash, somebody who changes things."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import date
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StorageUnavailable
from bot.maintenance.archive import Archive
from bot.storage.database import Database, table_of
from bot.storage.queries import incidents
from bot.storage.tables.core import AuditAnchorRow, AuditRow, IncidentRow
from tests.integration.maintenance.house import House, Make, first_broken, resolved, write_audit
from tests.integration.pipeline_driver import Pipeline


@pytest.fixture
def house(pipeline: Pipeline, tmp_path: Path) -> House:
    return House(pipeline, tmp_path / "archive")


async def test_an_anchor_of_somebody_else_is_a_break(house: House, database: Database) -> None:
    await write_audit(house, "one", "two", "three")
    async with database.write() as connection:
        rows = table_of(AuditRow)
        seal = await connection.scalar(select(rows.c.hash).where(rows.c.seq == 2))
        anchor = {"seq": 2, "hash": seal, "at": house.pipeline.clock.now}
        await connection.execute(table_of(AuditAnchorRow).insert(), [anchor])
        await connection.execute(rows.delete().where(rows.c.seq <= 2))
    assert await first_broken(house) == 3


async def test_nothing_is_deleted_while_the_archive_does_not_take_it(house: House, alert: Make) -> None:
    await resolved(house, alert)
    house.pipeline.clock.pass_(days=50)
    house.folder.write_text("a file where the folder should be")
    before = await house.entries()
    with pytest.raises(StorageUnavailable):
        await house.retention.round()
    assert (await house.entries(), await house.count(IncidentRow)) == (before, 1)


class _Away(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A bucket that cannot be reached: what botocore and others raise then is no OSError."""

    protocol = "away"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        raise RuntimeError("Could not connect to the endpoint")


async def test_a_bucket_that_is_away_is_an_outage_whatever_its_library_raises(house: House, alert: Make) -> None:
    fsspec.register_implementation("away", _Away, clobber=True)
    await resolved(house, alert)
    house.pipeline.clock.pass_(days=50)
    house.retention = house.with_archive(Archive("away://bucket/tandem"))
    with pytest.raises(StorageUnavailable, match="Could not connect"):
        await house.retention.round()


async def test_a_crash_between_file_and_deletion_leaves_nothing_lost_and_nothing_twice(
    house: House, alert: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for instance in "abc":
        await resolved(house, alert, instance=instance)
        house.pipeline.clock.pass_(hours=1)
    await write_audit(house, "one", "two")
    house.pipeline.clock.pass_(days=50)
    await write_audit(house, "three")
    entries, numbers = await house.entries(), [one.number for one in await house.pipeline.incidents()]
    crashes = 0
    for writes in (0, 1, 1, 1):  # a crash before the first deletion; after it, before the second one; …
        with monkeypatch.context() as patched:
            patched.setattr(Database, "write", _crashing_after(writes))
            try:
                await house.retention.round()
            except _Crash:
                crashes += 1
    await house.keep()
    assert crashes >= 3
    assert (await house.entries(), await house.count(IncidentRow)) == ([], 0)
    assert sorted(row["seq"] for row in house.archived("events")) == entries
    assert sorted(row["number"] for row in house.archived("incidents")) == numbers
    assert [row["action"] for row in house.archived("audit")] == ["one", "two"]
    assert await first_broken(house) is None


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


async def test_an_incident_that_changes_while_it_is_archived_stays(house: House, alert: Make) -> None:
    incident_id = await resolved(house, alert)
    house.pipeline.clock.pass_(days=50)
    archive = _Interrupted(str(house.folder), lambda: _touch(house, incident_id))
    house.retention = house.with_archive(archive)
    await house.retention.round()
    assert await house.count(IncidentRow) == 1
    archive.meanwhile = _nothing
    house.pipeline.clock.pass_(days=50)
    await house.keep()
    assert await house.count(IncidentRow) == 0
    [row] = house.archived("incidents")
    assert row["version"] == archive.version + 1


class _Interrupted(Archive):
    """Something happens when an incident's file has been written."""

    def __init__(self, address: str, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__(address)
        self.meanwhile = meanwhile
        self.version = 0

    async def put(self, kind: str, day: date, name: str, table: pa.Table) -> str:
        file = await super().put(kind, day, name, table)
        if kind == "incidents" and self.meanwhile is not _nothing:
            self.version = table["version"][0].as_py()
            await self.meanwhile()
        return file


async def _nothing() -> None:
    pass


async def _touch(house: House, incident_id: str) -> None:
    async with house.pipeline.database.write() as connection:
        await incidents.touch(connection, incident_id, house.pipeline.clock.now)
