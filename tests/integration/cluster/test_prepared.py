"""Statements that are built once find, write and refuse what SQLAlchemy's way of performing them does."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from bot.errors import StorageUnavailable
from bot.storage.database import Database, insert_missing, table_of
from bot.storage.prepared import Query, any_of, fetch_dicts, fetch_rows, perform, write_rows
from bot.storage.tables.core import CounterRow, SilenceRow
from tests.statements import statements_of

_SILENCE, _COUNTER = table_of(SilenceRow), table_of(CounterRow)
_S = _SILENCE.c
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_LATER = select(_SILENCE).where(_S.ends_at > bindparam("now")).order_by(_S.id)
_SPAN = (_S.starts_at <= bindparam("moment"), _S.ends_at >= bindparam("moment"))
CASES: Mapping[str, tuple[Query, Mapping[str, Any]]] = {
    "moments, JSON, true and none": (_LATER, {"now": NOON - timedelta(hours=9)}),
    "nothing": (_LATER, {"now": NOON + timedelta(days=9)}),
    "a value twice": (select(_S.id).where(*_SPAN).order_by(_S.id), {"moment": NOON}),
    "one of many": (select(_S.id).where(_S.id.in_(any_of("ids"))).order_by(_S.id), {"ids": ["a", "c", "z"]}),
    "one of none": (select(_S.id).where(_S.id.in_(any_of("ids"))), {"ids": []}),
    "none of none": (select(_S.id).where(_S.id.not_in(any_of("ids"))).order_by(_S.id), {"ids": []}),
    "of many, of many, and one": (
        select(_S.id, _S.starts_at)
        .where(_S.created_by.in_(any_of("by")), _S.id.not_in(any_of("but")), _S.starts_at <= bindparam("moment"))
        .order_by(_S.id.desc())
        .limit(bindparam("limit")),
        {"by": ["ada", "bob"], "but": ["a"], "moment": NOON, "limit": 1},
    ),
    "moments among many": (select(_S.id).where(_S.starts_at.in_(any_of("moments"))), {"moments": [NOON]}),
    "values of its own": (select(_S.id).where(_S.id.in_(["a", "b"]), _S.created_by == "ada").limit(5), {}),
    "no names": (select(func.count(), func.max(_S.ends_at, type_=_S.ends_at.type), _S.id > "a").group_by(_S.id), {}),
}


@pytest.fixture
async def filled(database: Database) -> Database:
    rows = [
        {
            "id": name,
            "matchers": [{"name": "ü", "value": "'; --"}],
            "starts_at": NOON - timedelta(hours=place),
            "ends_at": NOON + timedelta(microseconds=place),
            "created_by": by,
            "comment": "%s ? :now",
        }
        for place, (name, by) in enumerate([("a", "ada"), ("b", "bob"), ("c", "ada")])
    ]
    async with database.write() as connection:
        await connection.execute(insert(_SILENCE), rows)
        await insert_missing(connection, _COUNTER, [{"name": "incident", "value": 7}])
    return database


@pytest.mark.parametrize(("query", "values"), CASES.values(), ids=CASES)
async def test_a_query_finds_the_rows_that_sqlalchemy_finds(
    filled: Database, query: Query, values: Mapping[str, Any]
) -> None:
    async with filled.read() as connection:
        usual = (await connection.execute(query, values)).all()
        assert [tuple(row) for row in await fetch_rows(connection, query, values)] == [tuple(row) for row in usual]


async def test_rows_are_found_by_the_names_of_their_columns(filled: Database) -> None:
    values = {"now": NOON}
    async with filled.read() as connection:
        usual = [dict(row) for row in (await connection.execute(_LATER, values)).mappings()]
        assert await fetch_dicts(connection, _LATER, values) == usual
    assert [row["id"] for row in usual] == ["b", "c"]


async def test_an_update_says_how_many_rows_it_was_and_what_they_are_now(filled: Database) -> None:
    moved = update(_SILENCE).where(_S.created_by == bindparam("by")).values(ends_at=bindparam("end"))
    taken = update(_COUNTER).values(value=_COUNTER.c.value + bindparam("count")).returning(_COUNTER.c.value)
    async with filled.write() as connection:
        assert await perform(connection, moved, {"by": "ada", "end": NOON}) == 2
        assert await perform(connection, moved, {"by": "nobody", "end": NOON}) == 0
        assert [tuple(row) for row in await fetch_rows(connection, taken, {"count": 5})] == [(12,)]
    async with filled.read() as connection:
        ends = select(_S.ends_at).where(_S.created_by == "ada")
        assert set(await connection.scalars(ends)) == {NOON}


async def _refusal(database: Database, how: str) -> type[BaseException]:
    row: Mapping[str, Any] = {"name": "incident", "value": 1}
    try:
        async with database.write() as connection:
            if how == "prepared":
                await write_rows(connection, insert(_COUNTER), [row])
            else:
                await connection.execute(insert(_COUNTER), [row])
    except Exception as error:
        return type(error)
    pytest.fail("it was taken")


async def test_what_the_database_refuses_is_refused_as_ever_and_nothing_of_the_transaction_stays(
    filled: Database,
) -> None:
    assert await _refusal(filled, "prepared") is await _refusal(filled, "sqlalchemy") is IntegrityError
    missing = select(_S.id).where(func.no_such_function(_S.id) == bindparam("of"))
    with pytest.raises((StorageUnavailable, ProgrammingError), match="no_such_function"):
        async with filled.write() as connection:
            await perform(connection, update(_COUNTER).values(value=bindparam("to")), {"to": 99})
            await fetch_rows(connection, missing, {"of": "a"})
    async with filled.read() as connection:
        assert await connection.scalar(select(_COUNTER.c.value)) == 7


async def test_a_transaction_that_is_cancelled_within_a_statement_leaves_nothing_and_holds_up_nobody(
    filled: Database,
) -> None:
    raised = update(_COUNTER).values(value=_COUNTER.c.value + bindparam("by"))

    async def raises() -> None:
        async with filled.write() as connection:
            while True:
                await perform(connection, raised, {"by": 1})

    with statements_of(filled) as seen:
        task = asyncio.create_task(raises())
        while len(seen) < 20:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with filled.write() as connection:
        assert await perform(connection, raised, {"by": 1}) == 1
    async with filled.read() as connection:
        assert await connection.scalar(select(_COUNTER.c.value)) == 8
