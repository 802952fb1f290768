"""Pulls from warehouses that are late, die, repeat themselves and change: what is new is taken once."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bot.domain.event import AlertEvent, RowsKind, decode_events
from bot.domain.rules import Rules
from bot.domain.watched.monitor import WatchedModel
from bot.domain.watched.pull import PullSection
from bot.errors import TandemError
from bot.inbox.inbox import Inbox
from bot.integrations.pull.pulling import Pull
from bot.integrations.rows import RowsIntake
from bot.model_store import pulls
from bot.model_store.frames import Frames, open_frames
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.integration.pull.test_pull import Dying, all_of, ids_of

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
RULES = Rules(models={"fraud": WatchedModel()})
Make = Callable[..., Pull]


@pytest.fixture
def frames(database: Database, tmp_path: Path) -> Frames:
    return open_frames(database, str(tmp_path / "models"))


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    return await Pipeline(database, inbox, clock, RULES).prepare()


class Warehouse:
    """Rows in DuckDB, by id and minutes before noon."""

    def __init__(self, path: Path) -> None:
        self.address, self._path = f"duckdb:///{path}", path
        self.run("create table scored (ts timestamp, id varchar, amount double, prediction double)")

    def run(self, statement: str) -> None:
        with duckdb.connect(str(self._path)) as connection:
            connection.execute(statement)

    def add(self, **minutes: int | None) -> None:
        for name, at in minutes.items():
            moment = "null" if at is None else f"timestamp '2026-03-01 12:00:00' - to_minutes({at})"
            self.run(f"insert into scored values ({moment}, '{name}', 1.5, 0.25)")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse.duckdb")


@pytest.fixture
def appended() -> list[AlertEvent]:
    return []


@pytest.fixture
def make(database: Database, inbox: Inbox, frames: Frames, clock: Clock, appended: list[AlertEvent]) -> Make:
    async def append(entries: Any) -> None:
        events = [event for entry in entries for event in decode_events(entry.payload)]
        appended.extend(event for event in events if isinstance(event, AlertEvent))
        await inbox.append(entries)

    def make(address: str, most: int = 100, intake: RowsIntake | None = None, **changed: Any) -> Pull:
        written = {"sql": "select * from scored", "from": "W", "cursor": "ts", "every": "5m", **changed}
        section = PullSection.model_validate(written)
        taken = intake or RowsIntake(append, frames, clock, RULES)
        return Pull("fraud", section, lambda: address, database, taken, clock, most)

    return make


async def progress_of(database: Database) -> pulls.Progress:
    async with database.read() as connection:
        [known] = await pulls.all_progress(connection)
    return known


@on_sqlite
async def test_rows_that_come_late_are_taken_once_and_no_row_twice(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Warehouse
) -> None:
    pull = make(warehouse.address, late="2h", most=2)
    warehouse.add(a=90, b=60, c=0)
    await all_of(pull)
    warehouse.add(d=60, e=119, tooLate=121, f=0)
    await all_of(pull)
    await all_of(pull)
    taken = [one for page in await ids_of(pipeline, frames) for one in page]
    assert sorted(taken) == ["a", "b", "c", "d", "e", "f"]
    warehouse.add(g=-30, h=10)
    await all_of(make(warehouse.address, late="2h"))
    assert sorted(one for page in await ids_of(pipeline, frames) for one in page)[-2:] == ["g", "h"]


@on_sqlite
async def test_what_is_late_is_read_as_far_back_as_since_says(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Warehouse
) -> None:
    pull = make(warehouse.address, late="2h", since="2026-03-01T08:00:00Z")
    warehouse.add(a=30, c=0)
    await all_of(pull)
    warehouse.add(e=119, tooLate=121)
    await all_of(pull)
    assert await ids_of(pipeline, frames) == [["a", "c"], ["e"]]


@on_sqlite
async def test_a_crash_while_late_rows_are_taken_loses_and_repeats_none(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Warehouse, inbox: Inbox, clock: Clock
) -> None:
    since = "2026-03-01T08:00:00Z"
    warehouse.add(a=30)
    await all_of(make(warehouse.address, late="2h", since=since))
    warehouse.add(late=60)
    dying = make(warehouse.address, late="2h", since=since, intake=Dying(inbox.append, frames, clock, RULES))
    with pytest.raises(TandemError, match="killed"):
        await dying.pull_page()
    warehouse.add(later=59)
    await all_of(make(warehouse.address, late="2h", since=since))
    assert await ids_of(pipeline, frames) == [["a"], ["late"], ["later"]]


@on_sqlite
async def test_a_row_that_the_warehouse_gives_twice_is_taken_once_where_late_rows_are_read(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Warehouse
) -> None:
    warehouse.add(a=30, b=0)
    await all_of(make(warehouse.address, sql="select * from scored union all select * from scored", late="1h"))
    assert await ids_of(pipeline, frames) == [["a", "b"]]


@on_sqlite
async def test_a_label_that_is_corrected_late_is_taken(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Warehouse
) -> None:
    warehouse.add(a=30, b=0)
    sql = "select ts, id, amount as label from scored"
    pull = make(warehouse.address, sql=sql, late="1h", holds="labels", since="2026-03-01T08:00:00Z")
    await all_of(pull)
    warehouse.run("update scored set amount = 2.5 where id = 'a'")
    await all_of(pull)
    assert await ids_of(pipeline, frames, RowsKind.LABELS) == [["a", "b"], ["a"]]


@on_sqlite
async def test_late_needs_a_cursor_that_is_a_moment_and_texts_of_sqlite_are(
    pipeline: Pipeline, frames: Frames, make: Make, tmp_path: Path
) -> None:
    path = tmp_path / "w.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table scored (ts text, id text, seq integer)")
        connection.executemany(
            "insert into scored values (?, ?, 1)", [("2026-03-01 11:00:00", "a"), ("2026-03-01 12:00:00", "b")]
        )
        connection.commit()
        pull = make(f"sqlite:///{path}", late="1h", since=None)
        await all_of(pull)
        connection.execute("insert into scored values ('2026-03-01 11:30:00', 'late', 1)")
        connection.commit()
    await all_of(pull)
    assert await ids_of(pipeline, frames) == [["a", "b"], ["late"]]
    with pytest.raises(TandemError, match="late: needs a cursor that is a moment"):
        await make(f"sqlite:///{path}", late="1h", cursor="seq").pull_page()


@on_sqlite
async def test_moments_without_a_zone_are_utc_whatever_the_zone_of_the_machine(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Warehouse, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    clock.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    warehouse.add(a=30, b=10, c=0)
    pull = make(warehouse.address, settle="5m", since="2026-03-01T11:35:00Z")
    await all_of(pull)
    clock.pass_(minutes=10)
    await all_of(pull)
    assert await ids_of(pipeline, frames) == [["b"], ["c"]]


@on_sqlite
async def test_columns_that_are_gone_renamed_or_of_another_kind_are_an_alert_and_the_pull_goes_on(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Warehouse, appended: list[AlertEvent], clock: Clock
) -> None:
    pull = make(warehouse.address)
    warehouse.add(a=30)
    await all_of(pull)
    assert appended == []
    warehouse.run("alter table scored rename amount to amount_eur")
    warehouse.run("alter table scored alter prediction type varchar")
    warehouse.add(b=20)
    await all_of(pull)
    [alert] = appended
    assert (alert.labels["alertname"], alert.labels["service"], alert.status) == ("DataQuality", "fraud", "firing")
    summary = alert.annotations["summary"]
    assert "amount is gone, and amount_eur is new: renamed?" in summary
    assert "prediction holds text, not numbers" in summary
    warehouse.add(c=10)
    await all_of(pull)
    assert len(appended) == 1  # told once
    warehouse.run("alter table scored rename amount_eur to amount")
    warehouse.run("alter table scored alter prediction type double")
    warehouse.add(d=5)
    await all_of(pull)
    assert appended[-1].status == "resolved"
    assert [*chain(*await ids_of(pipeline, frames))] == ["a", "b", "c", "d"]


@on_sqlite
async def test_columns_that_stay_otherwise_for_a_day_are_the_usual_ones(
    pipeline: Pipeline, make: Make, warehouse: Warehouse, appended: list[AlertEvent], clock: Clock
) -> None:
    pull = make(warehouse.address)
    warehouse.add(a=30)
    await all_of(pull)
    warehouse.run("alter table scored drop amount")
    warehouse.run("insert into scored values (timestamp '2026-03-01 12:00:00', 'b', 0.5)")
    await all_of(pull)
    clock.pass_(hours=25)
    warehouse.run("insert into scored values (timestamp '2026-03-01 13:00:00', 'c', 0.5)")
    await all_of(pull)
    assert [alert.status for alert in appended] == ["firing", "resolved"]
    warehouse.run("insert into scored values (timestamp '2026-03-01 14:00:00', 'd', 0.5)")
    await all_of(pull)
    assert len(appended) == 2


@on_sqlite
async def test_a_score_that_is_text_and_rows_without_id_or_cursor_cost_the_others_nothing(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Warehouse, appended: list[AlertEvent]
) -> None:
    warehouse.add(a=30, b=20, lost=None)
    warehouse.run("insert into scored values (timestamp '2026-03-01 12:00:00', null, 1, 1)")
    warehouse.run("insert into scored values (timestamp '1969-03-01 12:00:00', 'old', 1, 1)")
    await all_of(make(warehouse.address, sql="select *, 'high' as score from scored"))
    assert [*chain(*await ids_of(pipeline, frames))] == ["old", "a", "b"]
    [alert] = appended
    for part in ("score is left out", "1 row is left out, as they have no id", "not between the years 1970 and 2200"):
        assert part in alert.annotations["summary"]
    known = await progress_of(pipeline.database)
    assert known.failure == ""
    await all_of(make(warehouse.address, sql="select ts, id, amount from scored where id <> 'old'"))
    assert "1 row has no ts and cannot be read" in appended[-1].annotations["summary"]


@on_sqlite
async def test_a_warehouse_that_dies_is_an_alert_after_the_third_failure_until_it_is_back(
    pipeline: Pipeline, frames: Frames, make: Make, warehouse: Warehouse, appended: list[AlertEvent], clock: Clock
) -> None:
    warehouse.add(a=30)
    pull = make(warehouse.address, sql="select ts, id, amount, prediction from scored")
    await all_of(pull)
    warehouse.run("alter table scored drop amount")
    for failed in (1, 2, 3, 4):
        with pytest.raises(TandemError, match="amount") as reason:
            await pull.pull_page()
        await pull.note_failure(str(reason.value), failed)
        assert len(appended) == (failed >= 3)
    assert appended[0].labels["alertname"] == "PullFailed"
    assert "amount" in appended[0].annotations["summary"]
    warehouse.run("alter table scored add column amount double")
    await all_of(pull)
    assert [alert.status for alert in appended] == ["firing", "resolved"]
