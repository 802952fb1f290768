"""Rows that are written many at a time hold what those hold that SQLAlchemy writes one by one."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import insert, select, text

from bot.domain.alert import Alert
from bot.domain.event import AlertStatus
from bot.domain.severity import Severity
from bot.storage.database import Database, row_of, table_of, upsert
from bot.storage.tables.core import AlertRow

_ALERT = table_of(AlertRow)
_BEGAN = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=timezone(timedelta(hours=2)))


def _row(identity: str, **fields: Any) -> dict[str, Any]:
    alert = Alert(
        identity=identity,
        episode=1,
        domain="eu",
        partition=3,
        source="alertmanager",
        fingerprint="f",
        name="Größe, 'quoted' and 100 %",
        service="cart",
        severity=Severity.CRITICAL,
        status=AlertStatus.FIRING,
        labels={"service": "cart", "größe": "50%s"},
        annotations={},
        starts_at=_BEGAN,
        ends_at=None,
        received_at=_BEGAN,
        changes=[_BEGAN],
    )
    return row_of(alert) | fields


async def test_values_of_every_kind_are_written_as_sqlalchemy_writes_them(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(insert(_ALERT), [_row("one by one")])
        await upsert(connection, _ALERT, [_row("together"), _row("another")])
        stored = (await connection.execute(text("SELECT * FROM alert ORDER BY identity"))).mappings().all()
        read = (await connection.execute(select(_ALERT).where(_ALERT.c.identity == "together"))).mappings().one()
    another, one, together = (dict(row) for row in stored)
    assert together == one | {"identity": "together"}
    assert another == one | {"identity": "another"}
    assert read["starts_at"] == _BEGAN and read["starts_at"].tzinfo is UTC
    assert read["labels"] == {"service": "cart", "größe": "50%s"}


async def test_a_row_that_is_there_is_brought_up_to_date_but_for_what_is_kept(database: Database) -> None:
    async with database.write() as connection:
        await upsert(connection, _ALERT, [_row("a")])
        later = _BEGAN + timedelta(minutes=5)
        await upsert(connection, _ALERT, [_row("a", ends_at=later, host="db-1")], keep=["host"])
        read = (await connection.execute(select(_ALERT))).mappings().one()
    assert read["ends_at"] == later
    assert read["host"] == ""


async def test_what_a_row_leaves_out_is_what_its_table_says(database: Database) -> None:
    left_out = ("receiver", "pending", "tolerance")
    short = {name: value for name, value in _row("short").items() if name not in left_out}
    async with database.write() as connection:
        await connection.execute(insert(_ALERT), [short | {"identity": "one by one"}])
        await upsert(connection, _ALERT, [short, short | {"identity": "another"}])
        stored = (await connection.execute(text("SELECT * FROM alert ORDER BY identity"))).mappings().all()
    another, one, together = (dict(row) for row in stored)
    assert together == one | {"identity": "short"}
    assert another == one | {"identity": "another"}
    assert one["receiver"] == ""
