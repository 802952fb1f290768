"""Storage behaves the same on both databases."""

import importlib
import pkgutil
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from bot.domain.event import AlertEvent, AlertStatus
from bot.errors import Conflict, StorageUnavailable
from bot.inbox import offsets
from bot.inbox.inbox import Inbox
from bot.inbox.intake import entries_for
from bot.storage import tables
from bot.storage.database import Database, insert_missing, table_of
from bot.storage.queries import audit, incidents
from bot.storage.queries.audit import AuditEntry
from bot.storage.tables.slack import SlackRequestRow
from tests.conftest import EVERY_INBOX

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _event(name: str) -> AlertEvent:
    return AlertEvent("test", name, AlertStatus.FIRING, {"alertname": name}, NOW)


async def test_the_migrated_schema_is_the_one_that_the_models_describe(database: Database) -> None:
    for module in pkgutil.iter_modules(tables.__path__, f"{tables.__name__}."):
        importlib.import_module(module.name)  # all of them are described, whichever tests run beside this one

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        found = compare_metadata(context, SQLModel.metadata)
        # SQLite does not tell the predicate of a partial index, so alembic cannot compare those.
        return [d for d in found if not (isinstance(d, tuple) and "index" in str(d[0]) and database.is_sqlite)]

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    await database.migrate()


@EVERY_INBOX
async def test_entries_come_back_in_order_and_only_those_behind_the_offset(inbox: Inbox) -> None:
    for name in ("a", "b", "c"):
        await inbox.append(entries_for([_event(name)], "test", NOW, [], 1))
    first, *_ = (await inbox.entries_after(0, 0, 10)).entries
    rest = (await inbox.entries_after(0, first.seq, 10)).entries
    assert [entry.events[0] for entry in rest] == [_event("b"), _event("c")]
    positions = {0: first.seq, 1: 0}
    assert (await inbox.lag(positions), list(await inbox.partitions_behind(positions))) == (2, [0])
    assert await inbox.next_seq(0, first.seq) == rest[0].seq


async def test_an_inbox_that_was_lost_counts_on_behind_what_was_done(inbox: Inbox, database: Database) -> None:
    if not database.is_sqlite:
        pytest.skip("on PostgreSQL the inbox is in the same database and cannot be lost alone")
    await inbox.prepare(41)
    await inbox.prepare(7)
    await inbox.append(entries_for([_event("a")], "test", NOW, [], 1))
    assert await inbox.next_seq(0, 0) == 42


async def test_an_offset_that_somebody_else_has_moved_is_a_conflict(database: Database) -> None:
    async with database.write() as connection:
        await offsets.prepare(connection, 1)
    with pytest.raises(Conflict):
        async with database.write() as connection:
            await offsets.advance(connection, 0, 7, 8)


async def test_numbers_taken_by_a_transaction_that_fails_are_given_again(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.write() as connection:
            await incidents.take_numbers(connection, 3)
            raise ZeroDivisionError
    async with database.write() as connection:
        assert await incidents.take_numbers(connection, 2) == [1, 2]


async def test_the_audit_log_shows_a_row_that_was_changed_behind_its_back(database: Database) -> None:
    async with database.write() as connection:
        for action in ("one", "two", "three"):
            await audit.append(connection, AuditEntry(NOW, "U1", action, "run 1", {"x": action}))
    async with database.read() as connection:
        assert await audit.first_broken(connection) is None
    async with database.write() as connection:
        await connection.execute(text(_without_triggers(database)))
        await connection.execute(text("UPDATE audit SET actor = 'U2' WHERE seq = 2"))
    async with database.read() as connection:
        assert await audit.first_broken(connection) == 2


def _without_triggers(database: Database) -> str:
    if database.is_sqlite:
        return "DROP TRIGGER audit_no_update"
    return "ALTER TABLE audit DISABLE TRIGGER USER"


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'U2'", "DELETE FROM audit"])
async def test_the_database_itself_refuses_changes_to_the_audit_log(database: Database, statement: str) -> None:
    async with database.write() as connection:
        await audit.append(connection, AuditEntry(NOW, "U1", "one", "run 1"))
    with pytest.raises((DBAPIError, StorageUnavailable)):
        async with database.write() as connection:
            await connection.execute(text(statement))


async def test_moments_and_text_of_all_planes_come_back_as_they_were(database: Database) -> None:
    said = "naïve 🙂 \u202e שלום"
    async with database.write() as connection:
        await audit.append(connection, AuditEntry(NOW, "U1", "said", "run 1", {"text": said}))
    async with database.read() as connection:
        [row] = await audit.entries(connection)
    assert said in row["details"]


async def test_of_rows_to_insert_the_new_ones_are_counted(database: Database) -> None:
    def rows(*signatures: str) -> list[dict[str, object]]:
        return [{"signature": signature, "received_at": NOW} for signature in signatures]

    async with database.write() as connection:
        requests = table_of(SlackRequestRow)
        assert await insert_missing(connection, requests, rows("a", "b")) == 2
        assert await insert_missing(connection, requests, rows("a")) == 0
        assert await insert_missing(connection, requests, rows("b", "c")) == 1
