"""Statistics that databases make: the same findings as of the rows, each window once, and no row moved."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import create_engine, make_url, text

from bot.domain.event import RowsKind
from bot.domain.rules import Rules
from bot.domain.watched.monitor import MonitorRules, WatchedModel
from bot.domain.watched.pull import PullSection
from bot.inbox.inbox import Inbox
from bot.integrations.pull.statistics.pulling import StatisticsPull
from bot.integrations.rows import RowsIntake
from bot.model_store import batches, references, statistics
from bot.model_store.columns import FEATURE
from bot.model_store.features import profiles
from bot.model_store.frames import Frames, open_frames
from bot.model_store.references import Lineage
from bot.storage.database import Database
from bot.watches.models.kinds.registry import CheckInput, Outcome, kind_of, rules_from
from bot.watches.models.statistics.judging import statistics_of
from bot.watches.models.window import LoadedReferences, Window, table_of
from detectors.drift.profile import Numeric
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
_AMOUNT = {"kind": "numeric", "min": -5, "max": 5}
MODEL = WatchedModel.model_validate({"features": {"amount": _AMOUNT, "shop": {"kind": "categorical"}}})
RULES = Rules(models={"fraud": MODEL.model_copy(update={"by_statistics": True})})
START = datetime(2026, 3, 1, tzinfo=UTC)
Columns = Mapping[str, Any]


def rows_of(seed: int, rows: int = 4000, **changed: Any) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    table: dict[str, Any] = {
        "id": [f"{seed}-{at}" for at in range(rows)],
        "ts": [START + timedelta(seconds=at) for at in range(rows)],
        "amount": random.normal(size=rows),
        "size": random.integers(0, 5, rows),
        "rate": np.where(random.random(rows) < 0.1, np.nan, random.random(rows)),
        "shop": random.choice(["linz", "graz", "wien"], rows),
        "fast": random.random(rows) < 0.5,
        "prediction": random.random(rows),
        "score": random.random(rows),
    }
    return table | {name: make(random, table) for name, make in changed.items()}


DRIFTS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "shift": {"amount": lambda _, table: table["amount"] + 0.4},
    "unit": {"amount": lambda _, table: table["amount"] * 1000},
    "category": {"shop": lambda random, table: random.choice(["linz", "graz", "salzburg"], len(table["id"]))},
    "missing": {"rate": lambda random, table: np.where(random.random(len(table["id"])) < 0.6, np.nan, 0.5)},
    "constant": {"rate": lambda _, table: np.full(len(table["id"]), 0.25)},
    "infinite": {"amount": lambda _, table: np.where(table["size"] == 1, np.inf, table["amount"])},
    "score": {"score": lambda _, table: table["score"] * 2 - 0.5},
    "flag": {"fast": lambda random, table: random.random(len(table["id"])) < 0.9},
}
MONITORS = [{"kind": "drift"}, {"kind": "prediction_drift"}, {"kind": "quality"}]


@pytest.fixture
def frames(database: Database, tmp_path: Path) -> Frames:
    return open_frames(database, str(tmp_path / "models"))


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    clock.now = START + timedelta(days=1)
    return await Pipeline(database, inbox, clock, RULES).prepare()


@pytest.fixture
async def reference(database: Database, frames: Frames, clock: Clock) -> references.Reference:
    table = laid_out(rows_of(1))
    stored = await profiles.store(frames, table, ["shop"])
    async with database.write() as connection:
        return (await references.save(connection, "fraud", "v1", stored, Lineage(), clock.now))[0]


def laid_out(columns: Columns) -> pa.Table:
    own = ("id", "prediction", "score")
    named = {name if name in own else FEATURE + name: column for name, column in columns.items() if name != "ts"}
    return pa.table({name: pa.array(column, from_pandas=True) for name, column in named.items()})


def _roughly(details: Sequence[str]) -> list[str]:
    """Counts are exact; a factor is read off quantiles, which are not quite."""
    return [re.sub(r"is \S+ times", "is many times", line) for line in details]


def pull_of(
    address: str, database: Database, inbox: Inbox, frames: Frames, clock: Clock, **changed: Any
) -> StatisticsPull:
    written = {"sql": "select * from scored", "from": "W", "cursor": "ts", "every": "1h", "statistics": True, **changed}
    section = PullSection.model_validate(written)
    intake = RowsIntake(inbox.append, frames, clock, RULES)
    return StatisticsPull("fraud", section, lambda: address, database, intake, clock, MODEL)


async def kept_of(pipeline: Pipeline) -> list[batches.KeptRows]:
    await pipeline.worker.drain()
    async with pipeline.database.read() as connection:
        return await batches.rows_after(connection, "fraud", 0, holds=RowsKind.STATISTICS)


def check(rules: MonitorRules, given: CheckInput) -> Outcome:
    kind = kind_of(rules)
    made = kind.check if given.counted is None else kind.check_counted
    assert made is not None
    return made(rules, given)


def in_duckdb(folder: Path, tables: list[Columns]) -> str:
    path = folder / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        for at, columns in enumerate(tables):
            connection.register("frame", pa.table({name: pa.array(one) for name, one in columns.items()}))
            connection.execute("insert into scored from frame" if at else "create table scored as from frame")
    return f"duckdb:///{path}"


@on_sqlite
@pytest.mark.parametrize("drift", DRIFTS)
async def test_a_database_finds_what_the_rows_show(
    pipeline: Pipeline, inbox: Inbox, frames: Frames, clock: Clock, tmp_path: Path, reference: Any, drift: str
) -> None:
    columns = rows_of(2, 4000, **DRIFTS[drift])
    address = in_duckdb(tmp_path, [columns])
    await pull_of(address, pipeline.database, inbox, frames, clock).pull_page()
    loaded = await LoadedReferences(frames).get(reference)
    counted = await statistics_of(frames, await kept_of(pipeline), loaded)
    table = laid_out(columns)
    window = Window(table_of(table), table["id"].to_pylist())
    for written in MONITORS:
        rules = rules_from(written)
        by_rows = check(rules, CheckInput(MODEL, b"", window, loaded))
        by_database = check(rules, CheckInput(MODEL, b"", Window(table_of(table)), loaded, counted))
        assert by_database.state == by_rows.state  # bit for bit: the evidence is the same
        assert (by_database.firing, by_database.features) == (by_rows.firing, by_rows.features)
        if rules.kind == "quality":
            assert _roughly(by_database.details) == _roughly(by_rows.details)
    assert counted.rows == 4000
    quality = check(rules_from(MONITORS[2]), CheckInput(MODEL, b"", window, loaded, counted))
    assert quality.firing == (drift not in ("none", "shift", "flag"))


@pytest.mark.parametrize("drift", ["none", "shift", "missing", "infinite", "category"])
async def test_plain_sql_counts_alike_in_sqlite_and_in_postgresql(
    pipeline: Pipeline,
    inbox: Inbox,
    frames: Frames,
    clock: Clock,
    tmp_path: Path,
    reference: Any,
    drift: str,
    empty_database: str,
    request: pytest.FixtureRequest,
) -> None:
    columns = rows_of(2, 500, **DRIFTS[drift])
    is_sqlite = request.node.callspec.params.get("database_url") == "sqlite"
    address = f"sqlite:///{tmp_path}/w.db" if is_sqlite else empty_database
    url = make_url(address)
    engine = create_engine(url if is_sqlite else url.set(drivername="postgresql+psycopg"))
    types = dict.fromkeys(columns, "double precision") | {"id": "text", "ts": "timestamptz", "shop": "text"}
    types |= {"size": "bigint", "fast": "integer" if is_sqlite else "boolean"}
    with engine.begin() as connection:
        connection.execute(text(f"create table scored ({', '.join(f'{name} {kind}' for name, kind in types.items())})"))
        rows = pa.table({name: pa.array(column) for name, column in columns.items()}).to_pylist()
        values = ", ".join(f":{name}" for name in columns)
        connection.execute(text(f"insert into scored ({', '.join(columns)}) values ({values})"), rows)
    engine.dispose()
    sql = "select * from scored"
    await pull_of(address, pipeline.database, inbox, frames, clock, sql=sql).pull_page()
    loaded = await LoadedReferences(frames).get(reference)
    counted = await statistics_of(frames, await kept_of(pipeline), loaded)
    table = laid_out(columns)
    window = Window(table_of(table), table["id"].to_pylist())
    for written in MONITORS:
        rules = rules_from(written)
        by_rows = check(rules, CheckInput(MODEL, b"", window, loaded))
        by_database = check(rules, CheckInput(MODEL, b"", window, loaded, counted))
        assert (by_database.firing, by_database.features) == (by_rows.firing, by_rows.features)


@on_sqlite
async def test_windows_of_time_are_counted_once_they_are_over_and_each_once(
    pipeline: Pipeline, inbox: Inbox, frames: Frames, clock: Clock, tmp_path: Path, reference: Any
) -> None:
    address = in_duckdb(tmp_path, [rows_of(2)])  # 4,000 seconds from midnight
    clock.now = START + timedelta(minutes=70)
    pull = pull_of(address, pipeline.database, inbox, frames, clock, statistics={"window": "30m"})
    while await pull.pull_page():
        pass
    assert [one.rows for one in await kept_of(pipeline)] == [1800, 1800]
    clock.now = START + timedelta(minutes=90)
    await pull.pull_page()
    kept = await kept_of(pipeline)
    assert [one.rows for one in kept] == [1800, 1800, 400]
    assert (kept[1].first_at, kept[1].last_at) == (
        START + timedelta(minutes=30),
        START + timedelta(minutes=60) - timedelta(microseconds=1),
    )
    whole = statistics.merged([await statistics.get(frames, one.digest) for one in kept])
    await pull_of(address, pipeline.database, inbox, frames, clock, sql="select * from scored s").pull_page()
    together = await statistics.get(frames, (await kept_of(pipeline))[-1].digest)
    assert whole.rows == together.rows == 4000
    for name, one in together.features.items():
        other = whole.features[name].column
        if isinstance(one.column, Numeric) and isinstance(other, Numeric) and name != "fast":
            assert one.column.known is not None and other.known is not None
            assert np.array_equal(one.column.known.below, other.known.below)
            assert np.array_equal(one.column.known.upto, other.known.upto)
        elif name == "shop":
            assert one.column == other


@on_sqlite
async def test_a_crash_while_statistics_are_taken_counts_no_window_twice(
    pipeline: Pipeline, inbox: Inbox, frames: Frames, clock: Clock, tmp_path: Path, reference: Any
) -> None:
    address = in_duckdb(tmp_path, [rows_of(2)])
    pull = pull_of(address, pipeline.database, inbox, frames, clock)

    async def dies(*given: Any, **changed: Any) -> None:
        await taken(*given, **changed)
        raise RuntimeError("killed")

    taken = pull._intake.take_statistics
    pull._intake.take_statistics = dies  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="killed"):
        await pull.pull_page()
    with duckdb.connect(address.removeprefix("duckdb:///")) as connection:
        connection.execute("delete from scored where size = 1")  # what is counted again would be otherwise
    again = pull_of(address, pipeline.database, inbox, frames, clock)
    while await again.pull_page():
        pass
    assert [one.rows for one in await kept_of(pipeline)] == [4000]


@on_sqlite
async def test_statistics_by_another_reference_are_not_judged_and_say_so(
    pipeline: Pipeline, inbox: Inbox, frames: Frames, clock: Clock, tmp_path: Path, reference: Any
) -> None:
    address = in_duckdb(tmp_path, [rows_of(2)])
    await pull_of(address, pipeline.database, inbox, frames, clock).pull_page()
    stored = await profiles.store(frames, laid_out(rows_of(7)), ["shop"])
    async with pipeline.database.write() as connection:
        newer, _ = await references.save(connection, "fraud", "v2", stored, Lineage(), clock.now)
    loaded = await LoadedReferences(frames).get(newer)
    with pytest.raises(Exception, match="counted before there was the reference v2"):
        await statistics_of(frames, await kept_of(pipeline), loaded)


@on_sqlite
async def test_a_column_of_text_where_numbers_belong_is_a_finding_and_ids_that_come_twice_too(
    pipeline: Pipeline, inbox: Inbox, frames: Frames, clock: Clock, tmp_path: Path, reference: Any
) -> None:
    columns = rows_of(
        2, amount=lambda _, table: [f"{one:.2f}" if at % 2 else "n/a" for at, one in enumerate(table["amount"])]
    )
    address = in_duckdb(tmp_path, [columns])
    await pull_of(
        address, pipeline.database, inbox, frames, clock, sql="select * from scored union all select * from scored"
    ).pull_page()
    loaded = await LoadedReferences(frames).get(reference)
    counted = await statistics_of(frames, await kept_of(pipeline), loaded)
    outcome = check(
        rules_from({"kind": "quality"}), CheckInput(MODEL, b"", Window(table_of(laid_out(columns))), loaded, counted)
    )
    assert "4000 of 8000 values of amount are no numbers" in outcome.details
    assert "4000 of 8000 ids came before" in outcome.details


@on_sqlite
@pytest.mark.parametrize("first", [True, False])
async def test_a_text_among_the_numbers_of_sqlite_is_one_finding_and_no_drift(
    pipeline: Pipeline, inbox: Inbox, frames: Frames, clock: Clock, tmp_path: Path, reference: Any, first: bool
) -> None:
    columns = rows_of(2, 500)
    amounts: list[Any] = [*map(float, columns.pop("amount"))]
    amounts[0 if first else -1] = "abc"
    engine = create_engine(address := f"sqlite:///{tmp_path}/w.db")
    with engine.begin() as connection:
        connection.execute(text("create table scored (id text, ts timestamptz, amount double precision)"))
        known = zip(*(pa.array(columns[name]).to_pylist() for name in ("id", "ts")), amounts, strict=True)
        rows = [{"id": one, "ts": at, "amount": amount} for one, at, amount in known]
        connection.execute(text("insert into scored values (:id, :ts, :amount)"), rows)
    engine.dispose()
    await pull_of(address, pipeline.database, inbox, frames, clock, sql="select * from scored").pull_page()
    loaded = await LoadedReferences(frames).get(reference)
    counted = await statistics_of(frames, await kept_of(pipeline), loaded)
    assert (counted.features["amount"].odd, counted.features["amount"].column.missing) == (1, 1)


@on_sqlite
async def test_nothing_is_counted_before_there_is_the_reference_that_monitors_need(
    pipeline: Pipeline, inbox: Inbox, frames: Frames, clock: Clock, tmp_path: Path
) -> None:
    address = in_duckdb(tmp_path, [rows_of(2)])
    pull = pull_of(address, pipeline.database, inbox, frames, clock)
    pull._needs_reference = True
    assert await pull.pull_page() is False
    assert await kept_of(pipeline) == []
    stored = await profiles.store(frames, laid_out(rows_of(7)), ["shop"])
    async with pipeline.database.write() as connection:
        await references.save(connection, "fraud", "v1", stored, Lineage(), clock.now)
    await pull.pull_page()
    assert [one.rows for one in await kept_of(pipeline)] == [4000]
