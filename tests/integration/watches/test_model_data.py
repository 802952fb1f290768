"""What models said, joined with what was true, on both databases."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from bot.domain.event import RowsEvent, RowsKind
from bot.domain.rules import Rules
from bot.domain.watched.monitor import FeatureKind, FeatureRules, WatchedModel
from bot.inbox.inbox import Inbox
from bot.maintenance.model_data import remove_unused
from bot.model_store import batches as model_data
from bot.model_store import windows
from bot.model_store.columns import span_of
from bot.model_store.frames import open_frames
from bot.model_store.layout import laid_out
from bot.model_store.windows import Labelled
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MODEL = "demand-forecast"
FEATURES = {"price": FeatureRules(kind=FeatureKind.NUMERIC), "shop": FeatureRules(kind=FeatureKind.CATEGORICAL)}


class Data:
    """Rows go in at the door's side, windows come out at the watches'."""

    def __init__(self, pipeline: Pipeline, folder: Path, clock: Clock) -> None:
        self.pipeline, self.folder, self.clock = pipeline, folder, clock
        self.frames = open_frames(pipeline.database, str(folder))

    async def send(self, holds: RowsKind, **columns: Any) -> str:
        table = laid_out(
            [(name, pa.chunked_array([pa.array(column)])) for name, column in columns.items()], holds
        ).table
        digest = await self.frames.put(table)
        first, last = span_of(table, self.clock.now)
        await self.pipeline.send(
            RowsEvent("models", MODEL, holds, digest, table.num_rows, first_at=first, last_at=last)
        )
        return digest

    async def predict(self, **columns: Any) -> str:
        return await self.send(RowsKind.PREDICTIONS, **columns)

    async def label(self, **columns: Any) -> str:
        return await self.send(RowsKind.LABELS, **columns)

    async def log(self, *rows: dict[str, Any]) -> None:
        """What an inference logger says."""
        inline = msgspec.Raw(msgspec.json.encode(rows))
        await self.pipeline.send(RowsEvent("kserve", MODEL, RowsKind.PREDICTIONS, "", len(rows), inline=inline))

    async def window(self, since: datetime, until: datetime, **options: Any) -> list[dict[str, Any]]:
        async with self.pipeline.database.read() as connection:
            return rows(await windows.window_by_time(connection, self.frames, MODEL, since, until, **options))

    async def last(self, count: int, **options: Any) -> list[str]:
        async with self.pipeline.database.read() as connection:
            table = await windows.window_by_count(connection, self.frames, MODEL, count, **options)
            return list(table["id"].to_pylist())

    async def clean(self) -> None:
        """With files that nobody has written for long."""
        for file in self.folder.rglob("*.parquet"):
            os.utime(file, (0, 0))
        await remove_unused(self.pipeline.database, self.frames, self.clock.now, timedelta(days=90))

    async def labelled(self) -> Labelled:
        async with self.pipeline.database.read() as connection:
            since, until = self.clock.now - timedelta(days=30), self.clock.now + timedelta(days=1)
            return await windows.labelled(connection, self.frames, MODEL, since, until)

    async def labels(self) -> dict[str, Any]:
        table = (await self.labelled()).table
        return dict(zip(table["id"].to_pylist(), table["label"].to_pylist(), strict=True))


@pytest.fixture
async def data(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> Data:
    rules = Rules(models={MODEL: WatchedModel(features=FEATURES)})
    return Data(await Pipeline(database, inbox, clock, rules).prepare(), tmp_path / "frames", clock)


def rows(table: pa.Table) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if value is not None and name != "timestamp"}
        for row in table.to_pylist()
    ]


async def test_a_window_of_time_holds_what_was_predicted_in_it_oldest_first(data: Data, clock: Clock) -> None:
    start = clock.now
    await data.predict(id=["b", "a"], prediction=[2, 1], timestamp=[start + timedelta(minutes=2), start])
    clock.pass_(minutes=5)
    await data.predict(id=["c"], prediction=[3])
    everything = await data.window(start, clock.now + timedelta(minutes=1))
    assert everything == [{"id": "a", "prediction": 1}, {"id": "b", "prediction": 2}, {"id": "c", "prediction": 3}]
    assert [row["id"] for row in await data.window(start, start + timedelta(minutes=2))] == ["a"]
    assert [row["id"] for row in await data.window(start + timedelta(minutes=3), clock.now)] == []
    assert await data.window(start - timedelta(days=9), start - timedelta(days=8)) == []


async def test_of_more_than_fits_in_memory_the_newest_batches_are_read(
    data: Data, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = clock.now
    for batch in range(4):
        await data.predict(id=[f"r{batch}"], image=[[float(batch)] * 1000])
        clock.pass_(minutes=1)
    assert [row["id"] for row in await data.window(start, clock.now)] == ["r0", "r1", "r2", "r3"]
    monkeypatch.setattr(windows, "MOST_BYTES", 8_000)
    assert [row["id"] for row in await data.window(start, clock.now)] == ["r2", "r3"]


async def test_a_window_of_rows_holds_the_last_ones(data: Data, clock: Clock) -> None:
    for batch in range(4):
        clock.pass_(minutes=1)
        await data.predict(id=[f"{batch}{row}" for row in range(3)], x=[1.0, 2.0, 3.0])
    assert await data.last(4) == ["22", "30", "31", "32"]
    assert len(await data.last(100)) == 12


async def test_predictions_that_arrive_twice_count_once(data: Data, clock: Clock) -> None:
    for _ in range(2):
        await data.predict(id=["a", "b"], x=[1.0, 2.0], prediction=[1, 2])
    await data.predict(id=["b", "c"], x=[7.0, 3.0], prediction=[9, 3])
    clock.pass_(minutes=1)
    found = await data.window(clock.now - timedelta(hours=1), clock.now)
    assert [(row["id"], row["prediction"]) for row in found] == [("a", 1), ("b", 2), ("c", 3)]
    assert sorted(await data.last(2)) in (["a", "b"], ["b", "c"])


async def test_labels_join_however_late_and_the_last_one_holds(data: Data, clock: Clock) -> None:
    await data.predict(id=["a", "b", "c"], prediction=[1, 1, 1])
    assert await data.labels() == {}
    clock.pass_(days=20)
    await data.label(id=["a", "b", "zz"], label=[0, 1, 1])
    clock.pass_(minutes=1)
    await data.label(id=["a"], label=[1])
    found = await data.labelled()
    assert await data.labels() == {"a": 1, "b": 1}
    assert (found.predictions, found.contradicting) == (3, 1)


async def test_of_contradicting_labels_the_one_with_the_latest_moment_holds(data: Data, clock: Clock) -> None:
    await data.predict(id=["a"], prediction=[1])
    await data.label(id=["a"], label=["yes"], timestamp=[clock.now + timedelta(hours=2)])
    await data.label(id=["a"], label=["no"], timestamp=[clock.now + timedelta(hours=1)])
    assert await data.labels() == {"a": "yes"}
    await data.label(id=["a"], label=[3], timestamp=[clock.now + timedelta(hours=3)])
    assert await data.labels() == {"a": "3"}


async def test_a_request_and_its_response_become_one_prediction(data: Data, clock: Clock) -> None:
    await data.log({"id": "r/0", "features": {"0": 1.5, "1": "a"}}, {"id": "r/1", "features": {"0": 2.5, "1": "b"}})
    await data.log({"id": "r/0", "prediction": 7}, {"id": "r/1", "prediction": 8})
    await data.log({"id": "s", "prediction": 9})
    await data.log({"id": "s", "features": {"price": 3.5}})
    clock.pass_(minutes=1)
    assert await data.window(clock.now - timedelta(hours=1), clock.now) == [
        {"id": "r/0", "feature.price": 1.5, "feature.shop": "a", "prediction": 7},
        {"id": "r/1", "feature.price": 2.5, "feature.shop": "b", "prediction": 8},
        {"id": "s", "feature.price": 3.5, "prediction": 9},
    ]
    assert await data.last(3) == ["r/0", "r/1", "s"]


async def test_batches_of_other_columns_and_types_stand_together_in_a_window(data: Data, clock: Clock) -> None:
    await data.predict(id=["a"], x=[1], y=[True])
    await data.predict(id=["b"], x=["text"], z=[1.0])
    await data.predict(id=["c"], x=pa.nulls(1))
    await data.predict(id=pa.array([], pa.string()), x=pa.array([], pa.float64()))
    clock.pass_(minutes=1)
    found = await data.window(clock.now - timedelta(hours=1), clock.now)
    assert found == [
        {"id": "a", "feature.x": "1", "feature.y": True},
        {"id": "b", "feature.x": "text", "feature.z": 1.0},
        {"id": "c"},
    ]


async def test_a_window_may_be_of_one_model_version(data: Data, clock: Clock) -> None:
    await data.predict(id=["a", "b"], version=["1", "2"])
    await data.predict(id=["c"])
    clock.pass_(minutes=1)
    assert await data.last(9, version="2") == ["b"]
    found = await data.window(clock.now - timedelta(hours=1), clock.now, version="1")
    assert [row["id"] for row in found] == ["a"]


async def test_a_watch_asks_for_what_came_behind_what_it_saw(data: Data) -> None:
    await data.predict(id=["a"])
    await data.label(id=["a"], label=[1])
    async with data.pipeline.database.read() as connection:
        first, second = await model_data.rows_after(connection, MODEL, 0)
        assert (first.holds, second.holds) == (RowsKind.PREDICTIONS, RowsKind.LABELS)
        assert await model_data.rows_after(connection, MODEL, first.seq) == [second]
        assert await model_data.rows_after(connection, MODEL, second.seq) == []
        assert await model_data.newest(connection, MODEL, RowsKind.PREDICTIONS) == first


async def test_what_is_older_than_it_is_kept_goes_and_its_file_an_hour_later(data: Data, clock: Clock) -> None:
    old = await data.predict(id=["a"])
    clock.pass_(days=100)
    new = await data.predict(id=["b"])
    await data.clean()
    assert await data.last(9) == ["b"]
    assert await data.frames.exists(old)
    clock.pass_(hours=2)
    await data.clean()
    assert (await data.frames.exists(old), await data.frames.exists(new)) == (False, True)


async def test_data_that_comes_in_again_keeps_its_file(data: Data, clock: Clock) -> None:
    digest = await data.predict(id=["a"])
    clock.pass_(days=100)
    await data.clean()
    assert await data.predict(id=["a"]) == digest
    clock.pass_(hours=2)
    await data.clean()
    assert await data.last(9) == ["a"]


async def test_a_file_that_was_written_lately_stays_although_nothing_names_it_yet(data: Data, clock: Clock) -> None:
    digest = await data.predict(id=["a"])
    clock.pass_(days=100)
    await data.clean()
    clock.pass_(hours=2)
    await data.frames.put(pa.table({"id": ["a"]}))
    await remove_unused(data.pipeline.database, data.frames, clock.now, timedelta(days=90))
    assert await data.frames.exists(digest)


async def test_a_batch_whose_file_was_lost_does_not_hold_up_the_others(data: Data, clock: Clock) -> None:
    lost = await data.predict(id=["a"])
    await data.predict(id=["b"])
    await data.frames.drop(lost)
    assert await data.last(9) == ["b"]
