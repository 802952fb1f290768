"""Rows of models that are read from databases: each once, in pages, whatever happens in between."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import make_url

from bot.domain.event import RowsKind
from bot.domain.rules import Rules
from bot.domain.watched.monitor import WatchedModel
from bot.domain.watched.pull import PullSection
from bot.errors import TandemError
from bot.inbox.inbox import Inbox
from bot.integrations.pull.pulling import Pull, address_in
from bot.integrations.rows import RowsIntake
from bot.model_store import batches, pulls, windows
from bot.model_store.frames import Frames, open_frames
from bot.model_store.layout import LaidOut
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
RULES = Rules(models={"fraud": WatchedModel()})
Make = Callable[..., Pull]


@pytest.fixture
def frames(database: Database, tmp_path: Path) -> Frames:
    return open_frames(database, str(tmp_path / "models"))


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    return await Pipeline(database, inbox, clock, RULES).prepare()


@pytest.fixture
def make(database: Database, inbox: Inbox, frames: Frames, clock: Clock) -> Make:
    def make(address: str | None, most: int = 100, intake: RowsIntake | None = None, **changed: Any) -> Pull:
        written = {"sql": "select * from scored", "from": "WAREHOUSE", "cursor": "seq", "every": "1h", **changed}
        section = PullSection.model_validate(written)
        taken = intake or RowsIntake(inbox.append, frames, clock, RULES)
        return Pull("fraud", section, lambda: address, database, taken, clock, most)

    return make


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table scored (seq integer, id text, amount real, prediction real)")
        connection.commit()
    return path


def add(path: Path, *seqs: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        known = connection.execute("select count(*) from scored").fetchone()[0]
        rows = [(seq, f"r{known + at}", seq * 1.5, 0.25) for at, seq in enumerate(seqs)]
        connection.executemany("insert into scored values (?, ?, ?, ?)", rows)
        connection.commit()


async def ids_of(pipeline: Pipeline, frames: Frames, holds: RowsKind = RowsKind.PREDICTIONS) -> list[list[str]]:
    """The ids in each batch that the pipeline knows of."""
    await pipeline.worker.drain()
    async with pipeline.database.read() as connection:
        kept = await batches.rows_after(connection, "fraud", 0, holds=holds)
    return [(await windows.read(frames, one))["id"].to_pylist() for one in kept]


async def all_of(pull: Pull) -> int:
    pages = 1
    while await pull.pull_page():
        pages += 1
    return pages


@on_sqlite
async def test_rows_come_once_in_pages_that_never_cut_between_equal_values(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Path
) -> None:
    add(warehouse, 1, 2, 2, 2, 3, 4)
    pull = make(f"sqlite:///{warehouse}", most=3)
    await all_of(pull)
    assert await ids_of(pipeline, frames) == [["r0"], ["r1", "r2", "r3"], ["r4", "r5"]]
    assert await pull.pull_page() is False
    add(warehouse, 5)
    await all_of(pull)
    assert (await ids_of(pipeline, frames))[3:] == [["r6"]]


@on_sqlite
async def test_more_rows_of_one_value_than_a_page_holds_come_together(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Path
) -> None:
    add(warehouse, *[7] * 5, 8)
    await all_of(make(f"sqlite:///{warehouse}", most=3))
    assert [len(page) for page in await ids_of(pipeline, frames)] == [5, 1]


class Dying(RowsIntake):
    """Ends in the moment after the rows are in the inbox."""

    async def take(
        self, model: str, holds: RowsKind, given: LaidOut, labels: Mapping[str, str], key: str = ""
    ) -> Mapping[str, str]:
        await super().take(model, holds, given, labels, key)
        raise TandemError("killed")


@on_sqlite
async def test_after_a_crash_in_the_middle_the_same_rows_are_read_and_kept_once(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Path, inbox: Inbox, clock: Clock
) -> None:
    add(warehouse, 1, 2, 3)
    with pytest.raises(TandemError, match="killed"):
        await make(f"sqlite:///{warehouse}", intake=Dying(inbox.append, frames, clock, RULES)).pull_page()
    add(warehouse, 4)
    await all_of(make(f"sqlite:///{warehouse}"))
    assert await ids_of(pipeline, frames) == [["r0", "r1", "r2"], ["r3"]]


@on_sqlite
@pytest.mark.parametrize(
    ("address", "changed", "why"),
    [
        (None, {}, "TANDEM_SECRET_WAREHOUSE is not set"),
        ("nonsense", {}, "its address is not one such as"),
        ("oracle+nothing://u:geheim@h/x", {}, "no driver for oracle+nothing"),
        ("postgresql://robot:geheim@127.0.0.1:1/x", {}, "OperationalError"),
        ("{warehouse}", {"sql": "select * from missing"}, "no such table"),
        ("{warehouse}", {"cursor": "nothing"}, "nothing"),
    ],
)
async def test_what_cannot_be_read_says_why_without_the_password(
    pipeline: Pipeline, make: Make, warehouse: Path, address: str | None, changed: dict[str, Any], why: str
) -> None:
    add(warehouse, 1)
    given = address.replace("{warehouse}", f"sqlite:///{warehouse}") if address else None
    with pytest.raises(TandemError) as refused:
        await make(given, **changed).pull_page()
    assert why in str(refused.value)
    assert "geheim" not in str(refused.value)


@on_sqlite
async def test_a_failure_is_kept_and_over_with_the_next_success(
    pipeline: Pipeline, make: Make, warehouse: Path, clock: Clock
) -> None:
    add(warehouse, 1)
    broken = make(f"sqlite:///{warehouse}", sql="select * from scored")
    await broken.note_failure("the warehouse is away", 1)
    async with pipeline.database.read() as connection:
        assert [one.failure for one in await pulls.all_progress(connection)] == ["the warehouse is away"]
    await all_of(broken)
    async with pipeline.database.read() as connection:
        [known] = await pulls.all_progress(connection)
    assert (known.failure, pulls.read(known.after), known.until) == ("", 1, None)


@on_sqlite
async def test_moments_of_postgresql_become_timestamps_and_what_settles_waits(
    pipeline: Pipeline, frames: Frames, make: Make, empty_database: str, clock: Clock
) -> None:
    with psycopg.connect(make_url(empty_database).render_as_string(hide_password=False)) as connection:
        connection.execute(
            "create table scored (ts timestamptz, id uuid default gen_random_uuid(), amount numeric(10, 2),"
            " prediction double precision, label boolean)"
        )
        for minutes in (10, 5, 0):
            at = clock.now - timedelta(minutes=minutes)
            connection.execute("insert into scored values (%s, default, 12.50, 0.25, true)", [at])
    sql = "select *, '10:00'::text as opened from scored"
    pull = make(empty_database, cursor="ts", settle="1m", sql=sql)
    await all_of(pull)
    [page] = await ids_of(pipeline, frames)
    assert len(page) == 2
    assert len((await ids_of(pipeline, frames, RowsKind.LABELS))[0]) == 2
    async with pipeline.database.read() as read:
        [kept] = await batches.rows_after(read, "fraud", 0, holds=RowsKind.PREDICTIONS)
    assert (kept.first_at, kept.last_at) == (clock.now - timedelta(minutes=10), clock.now - timedelta(minutes=5))
    clock.pass_(minutes=2)
    await all_of(pull)
    assert [len(one) for one in await ids_of(pipeline, frames)] == [2, 1]


@on_sqlite
async def test_duckdb_reads_parquet_where_it_lies(
    pipeline: Pipeline, frames: Frames, make: Make, tmp_path: Path
) -> None:
    pytest.importorskip("duckdb", reason="the extra duckdb is not installed")
    table = pa.table(
        {"day": [1, 1, 2], "id": ["a", "b", "c"], "amount": [1.0, 2.0, 3.0], "prediction": [0.1, 0.2, 0.3]}
    )
    pq.write_table(table, tmp_path / "scored.parquet")
    sql = f"select * from read_parquet('{tmp_path}/scored.parquet')"
    await all_of(make("duckdb:///:memory:", sql=sql, cursor="day", most=2))
    assert await ids_of(pipeline, frames) == [["a", "b"], ["c"]]


def test_an_address_is_a_secret_or_a_variable_as_other_programs_have_it() -> None:
    assert address_in({"TANDEM_SECRET_W": "a", "W": "b"}, "W") == "a"
    assert address_in({"W": "b"}, "W") == "b"
    assert address_in({}, "W") is None
