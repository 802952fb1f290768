"""One row that cannot be taken stops no pull: it is counted, left out and said, and what comes after it is taken."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from sqlalchemy import make_url

from bot.domain.event import AlertEvent, RowsKind, decode_events
from bot.domain.rules import Rules
from bot.domain.watched.monitor import WatchedModel
from bot.domain.watched.pull import PullSection, ReferenceSection
from bot.errors import TandemError
from bot.inbox.inbox import Inbox
from bot.integrations.pull.pulling import Pull
from bot.integrations.pull.reference import ReferencePull
from bot.integrations.pull.statistics.pulling import StatisticsPull
from bot.integrations.rows import RowsIntake
from bot.model_store import batches, references, windows
from bot.model_store.frames import Frames, open_frames
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.integration.pull.test_pull import all_of, ids_of

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
RULES = Rules(models={"fraud": WatchedModel()})


class Told(RowsIntake):
    """``alerts`` are what it was told of pulls."""

    alerts: list[AlertEvent]


@pytest.fixture
def frames(database: Database, tmp_path: Path) -> Frames:
    return open_frames(database, str(tmp_path / "models"))


@pytest.fixture
def intake(inbox: Inbox, frames: Frames, clock: Clock) -> Told:
    async def append(entries: Any) -> None:
        events = [event for entry in entries for event in decode_events(entry.payload)]
        told.alerts += [event for event in events if isinstance(event, AlertEvent)]
        await inbox.append(entries)

    told = Told(append, frames, clock, RULES)
    told.alerts = []
    return told


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    return await Pipeline(database, inbox, clock, RULES).prepare()


class Rows:
    """A table ``scored`` of SQLite, DuckDB or PostgreSQL, whose cursor is ``ts``."""

    def __init__(self, address: str, kind: str) -> None:
        self.address = address
        self.run(f"create table scored (ts {kind}, id text, amount float)")

    def run(self, statement: str) -> None:
        path = make_url(self.address).database
        if self.address.startswith("sqlite"):
            with closing(sqlite3.connect(str(path))) as connection:
                connection.execute(statement)
                connection.commit()
        elif self.address.startswith("duckdb"):
            with duckdb.connect(str(path)) as duck:
                duck.execute(statement)
        else:
            with psycopg.connect(self.address, autocommit=True) as server:
                server.execute(statement.encode())

    def add(self, **rows: str) -> None:
        for name, written in rows.items():
            self.run(f"insert into scored values ({written}, '{name}', 1.5)")


Make = Callable[..., Pull]


@pytest.fixture
def make(database: Database, intake: Told, clock: Clock) -> Make:
    def make(rows: Rows, most: int = 100, **changed: Any) -> Pull:
        written = {"sql": "select * from scored", "from": "W", "cursor": "ts", "every": "5m", **changed}
        section, address = PullSection.model_validate(written), lambda: rows.address
        if section.statistics is not None:
            return StatisticsPull("fraud", section, address, database, intake, clock, RULES.models["fraud"])
        return Pull("fraud", section, address, database, intake, clock, most)

    return make


def moment(day: int, hour: int = 10) -> str:
    return f"'2026-02-{day:02} {hour:02}:00:00'"


TEXT, MOMENT, NUMBER = (
    [moment(day) for day in (1, 2, 3)],
    [f"timestamp {moment(day)}" for day in (1, 2, 3)],
    ["1", "2", "3"],
)
BAD = {
    "text behind": ("sqlite", "text", TEXT, "'n/a'"),
    "text before": ("sqlite", "text", TEXT, "'#N/A'"),
    "text between": ("sqlite", "text", TEXT, "'2026-02-01 noon'"),
    "text that is empty": ("sqlite", "text", TEXT, "''"),
    "the year 9999 as text": ("sqlite", "text", TEXT, "'9999-12-31 00:00:00'"),
    "the year 1 as text": ("sqlite", "text", TEXT, "'0001-01-01 00:00:00'"),
    "text among numbers": ("sqlite", "integer", NUMBER, "'n/a'"),
    "bytes among numbers": ("sqlite", "integer", NUMBER, "x'ff00'"),
    "no UTF-8": ("sqlite", "text", TEXT, "cast(x'32ff' as text)"),
    "infinite": ("sqlite", "real", NUMBER, "9e999"),
    "the year 9999": ("duckdb", "timestamp", MOMENT, "timestamp '9999-12-31'"),
    "a year that Python has not": ("duckdb", "timestamp", MOMENT, "timestamp '99999-01-01'"),
    "infinity": ("duckdb", "timestamp", MOMENT, "'infinity'::timestamp"),
    "the year 9999 of a date": ("duckdb", "date", ["'2026-02-01'", "'2026-02-02'", "'2026-02-03'"], "'9999-12-31'"),
    "not a number": ("duckdb", "double", NUMBER, "'nan'::double"),
    "text of DuckDB": ("duckdb", "text", TEXT, "'unknown'"),
}


@on_sqlite
@pytest.mark.parametrize("late", ["0s", "30d"])
@pytest.mark.parametrize("bad", BAD)
async def test_a_cursor_that_cannot_be_one_stops_no_pull(
    pipeline: Pipeline, frames: Frames, make: Make, intake: Told, tmp_path: Path, bad: str, late: str
) -> None:
    program, kind, (first, second, third), odd = BAD[bad]
    if late != "0s" and third == "3":
        pytest.skip("late rows are known by moments")
    rows = Rows(f"{program}:///{tmp_path}/w.db", kind)
    rows.add(a=first, bad=odd, b=second)
    pull = make(rows, 2, late=late)
    await all_of(pull)
    rows.add(c=third)
    await all_of(pull)
    taken = [one for page in await ids_of(pipeline, frames) for one in page]
    assert sorted(taken) == ["a", "b", "c"]
    assert "1 row is left out, as its ts cannot be one" in intake.alerts[0].annotations["summary"]
    assert len({alert.fingerprint for alert in intake.alerts}) == 1


@on_sqlite
@pytest.mark.parametrize(
    "bad", [name for name, one in BAD.items() if "UTF" not in name and one[1] not in ("integer", "real")]
)
async def test_a_cursor_that_cannot_be_one_stops_no_pull_of_statistics(
    database: Database, pipeline: Pipeline, make: Make, intake: Told, tmp_path: Path, bad: str
) -> None:
    program, kind, (first, second, third), odd = BAD[bad]
    rows = Rows(f"{program}:///{tmp_path}/w.db", kind)
    rows.add(a=first, bad=odd, b=second)
    pull = make(rows, statistics=True if third == "3" else {"window": "1h"})
    await all_of(pull)
    rows.add(c=third)
    await all_of(pull)
    await pipeline.worker.drain()
    async with database.read() as connection:
        kept = await batches.rows_after(connection, "fraud", 0, holds=RowsKind.STATISTICS)
    assert sum(one.rows for one in kept) in ((3, 4) if bad == "text between" else (3,))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date"])
async def test_a_moment_of_postgresql_that_python_has_not_stops_no_pull(
    pipeline: Pipeline, database: Database, frames: Frames, make: Make, intake: Told, kind: str
) -> None:
    plain = database.address.set(drivername="postgresql").render_as_string(hide_password=False)
    rows = Rows(plain, kind)
    odd = ("infinity", "-infinity", "0044-03-15 BC", "9999-12-31")
    rows.add(a=moment(1), **{f"bad{at}": f"'{one}'" for at, one in enumerate(odd)}, b=moment(2))
    for late in ("0s", "30d"):
        pull = make(rows, late=late, sql=f"select *, '{late}' as how from scored")
        await all_of(pull)
        rows.add(**{f"c{late}": moment(3 if late == "0s" else 4)})
        await all_of(pull)
    taken = [one for page in await ids_of(pipeline, frames) for one in page]
    assert sorted(taken) == ["a", "a", "b", "b", "c0s", "c0s", "c30d"]
    assert "4 rows are left out, as their ts cannot be one" in intake.alerts[0].annotations["summary"]


@on_sqlite
async def test_a_label_that_is_missing_and_a_value_that_cannot_be_stop_no_pull(
    pipeline: Pipeline, frames: Frames, make: Make, intake: Told, tmp_path: Path
) -> None:
    rows = Rows(f"sqlite:///{tmp_path}/w.db", "integer")
    rows.add(a="1", b="2", c="3")
    labels = "select ts, id, case when id = 'b' then null else 1 end as label from scored"
    await all_of(make(rows, sql=labels, holds="labels"))
    assert await ids_of(pipeline, frames, RowsKind.LABELS) == [["a", "c"]]
    assert "1 row is left out, as they have no label" in intake.alerts[0].annotations["summary"]
    scores = "select ts as seq, id, case when id = 'b' then 'much' else '0.5' end as score from scored"
    await all_of(make(rows, sql=scores, cursor="seq"))
    await pipeline.worker.drain()
    async with pipeline.database.read() as connection:
        [kept] = await batches.rows_after(connection, "fraud", 0, holds=RowsKind.PREDICTIONS)
    assert (await windows.read(frames, kept))["score"].to_pylist() == [0.5, None, 0.5]
    assert (
        "1 value of score left out: score must hold numbers: 'much' is none" in intake.alerts[1].annotations["summary"]
    )


@on_sqlite
async def test_a_reference_is_read_without_the_row_that_cannot_be_taken(
    database: Database, intake: Told, clock: Clock, tmp_path: Path
) -> None:
    rows = Rows(f"sqlite:///{tmp_path}/w.db", "text")
    rows.add(a=moment(1), b="'9999-12-31 00:00:00'", c=moment(2))
    section = ReferenceSection.model_validate(
        {"sql": "select id, amount, replace(ts, ' ', 'T') || 'Z' as timestamp from scored", "from": "W"}
    )
    pull = ReferencePull("fraud", section, lambda: rows.address, database, intake, clock)
    await pull.pull()
    async with database.read() as connection:
        [made] = await references.versions(connection, "fraud")
    assert made.rows == 2
    assert "1 row is left out: timestamp in row 1" in intake.alerts[0].annotations["summary"]


@on_sqlite
async def test_rows_that_are_gone_are_said_no_longer_and_a_query_that_gives_no_moments_still_fails(
    pipeline: Pipeline, make: Make, intake: Told, tmp_path: Path, clock: Clock
) -> None:
    rows = Rows(f"sqlite:///{tmp_path}/w.db", "text")
    rows.add(a=moment(1), bad="'n/a'")
    pull = make(rows)
    await all_of(pull)
    await all_of(pull)
    assert [str(alert.status) for alert in intake.alerts] == ["firing"]
    rows.run("delete from scored where id = 'bad'")
    clock.pass_(minutes=5)
    await all_of(pull)
    assert [str(alert.status) for alert in intake.alerts] == ["firing", "resolved"]
    other = Rows(f"sqlite:///{tmp_path}/other.db", "text")
    other.add(a="'x1'", b="'x2'")
    with pytest.raises(TandemError, match="needs a cursor that is a moment"):
        await all_of(make(other, late="1h", sql="select * from scored where 1 = 1"))
