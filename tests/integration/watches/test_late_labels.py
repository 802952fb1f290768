"""Labels join their predictions however late they come and however many are kept, by an index on disk."""

import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import RowsEvent, RowsKind
from bot.inbox.inbox import Inbox
from bot.maintenance.model_data import remove_unused
from bot.model_store import batches, id_index, id_segments, windows
from bot.model_store.frames import Frames
from bot.storage.blobs import open_blobs
from bot.storage.database import Database
from bot.watches.models.window import labelled
from handlers.slack import SlackEndpoint
from handlers.slack.registry import MODEL as MODEL_COMMAND
from handlers.slack.slash import answer
from tests.conftest import Clock
from tests.integration.watches.models_driver import MODEL, Models, rules_for

ACCURACY = {"kind": "performance", "metric": "accuracy", "minimum": 0.5, "window": {"rows": 10}}


@pytest.fixture
async def models(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Models]:
    labels = {"kind": "labels", "coverage_at_least": 0.2, "delay_at_most": "3d", "window": {"rows": 10}}
    models = Models(database, inbox, clock, rules_for(ACCURACY, labels), tmp_path)
    await models.prepare()
    yield models
    await models.watch.close()


async def came(models: Models, rows: int, **columns: Any) -> list[str]:
    return await models.predict({"x": np.zeros(rows)}, prediction=np.ones(rows), **columns)


async def test_labels_of_the_first_of_many_batches_are_joined(
    models: Models, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "MOST_ROWS", 100)
    monkeypatch.setattr(id_index, "MOST_ROWS", 300)
    monkeypatch.setattr(id_index, "_OTHERS_WRITE", 0)  # nobody else writes here, in whichever database
    first = await came(models, 50)
    for _ in range(22):
        await came(models, 50)
        clock.pass_(hours=1)
    await models.label(first, np.ones(50))
    assert "accuracy is 1" in await models.said("performance-accuracy")
    for _ in range(10):
        await models.label(await came(models, 40), np.ones(40))
    assert "accuracy is 1" in await models.said("performance-accuracy")
    async with models.database.read() as connection:
        segments = await id_index._segments(connection, MODEL)
    assert 1 < len(segments) < 20 and all(one.rows <= 23 * 50 for one in segments)
    assert [one.first_seq for one in segments] == sorted(one.first_seq for one in segments)


async def test_predictions_of_years_ago_are_joined_when_they_are_filled_in(models: Models, clock: Clock) -> None:
    moments = np.array([(clock.now - timedelta(days=4000)).replace(tzinfo=None)] * 20, dtype="datetime64[us]")
    ids = await came(models, 20, timestamp=pa.array(moments, pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC")))
    await models.label(ids, np.ones(20))
    assert "accuracy is 1" in await models.said("performance-accuracy")


async def test_how_many_have_labels_and_how_late_is_shown_and_watched(models: Models, clock: Clock) -> None:
    ids = await came(models, 100)
    clock.pass_(days=1)
    await models.label(ids[:30], np.ones(30))
    assert await models.said("labels") == "30 % labelled, median delay 1d"
    clock.pass_(days=3)
    await models.label(ids[30:40], np.ones(10))
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "LabelsMissing"
    assert alert.annotations["summary"] == "40 % labelled, median delay 4d; labels should take 3d at most"
    endpoint = SlackEndpoint(models.database, {}, models.clock, lambda: None, models=models.watch)
    said = str(await answer(endpoint, MODEL_COMMAND, f"show {MODEL}", "U012AB3CD"))
    assert "40 % labelled, median delay 4d" in said.splitlines()[0]


async def test_labels_of_a_domain_join_its_predictions_and_no_other(models: Models, clock: Clock) -> None:
    for cluster, said in (("eu", 1.0), ("us", 0.0)):
        table = pa.table({"id": [f"r{at}" for at in range(20)], "prediction": [said] * 20, "feature.x": [said] * 20})
        digest = await models.frames.put(table)
        event = RowsEvent("models", MODEL, RowsKind.PREDICTIONS, digest, 20, {"cluster": cluster})
        await models.send(event)
    labels = pa.table({"id": [f"r{at}" for at in range(20)], "label": [1.0] * 20})
    digest = await models.frames.put(labels)
    async with models.database.write() as connection:
        event = RowsEvent("models", MODEL, RowsKind.LABELS, digest, 20, {})
        await batches.note_rows(connection, [(clock.now, event)])
    async with models.database.read() as connection:
        newest = await batches.newest(connection, MODEL, RowsKind.LABELS)
    assert newest is not None
    for domain, said in (("eu", 1.0), ("us", 0.0)):
        window = await labelled(models.database, models.frames, (MODEL, domain), [newest], clock.now)
        assert window.table.rows == 20 and window.table.prediction is not None
        assert set(window.table.prediction.tolist()) == {said}


async def test_what_is_kept_no_longer_is_forgotten_by_the_index_too(models: Models, clock: Clock) -> None:
    await models.label(await came(models, 20), np.ones(20))
    clock.pass_(days=100)
    await remove_unused(models.database, models.frames, clock.now, timedelta(days=90))
    async with models.database.read() as connection:
        assert await id_index._segments(connection, MODEL) == []
    await models.label(await came(models, 20), np.ones(20))
    assert "accuracy is 1" in await models.said("performance-accuracy")


class Counted(Frames):
    """The real store, which counts the cells that are read of batches."""

    cells = 0

    async def get_some(self, digest: str, columns: Any, rows: Any = None) -> pa.Table:
        table = await super().get_some(digest, columns, rows)
        self.cells += table.num_rows * table.num_columns
        return table


async def test_what_is_read_grows_with_the_labels_and_not_with_the_predictions(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(id_index, "_OTHERS_WRITE", 0)
    models = Models(database, inbox, clock, rules_for(ACCURACY), tmp_path)
    await models.prepare()
    models.frames = counted = Counted(open_blobs(str(tmp_path / "counted")))
    models.restart()
    ids = [await came(models, 5000) for _ in range(4)]
    await models.label(ids[0][:10], np.ones(10))
    counted.cells = 0
    await models.label(ids[3][:20], np.ones(20))
    assert "accuracy is 1" in await models.said("performance-accuracy")
    assert counted.cells < 200
    await models.watch.close()


ids = st.lists(st.text(max_size=6), max_size=60)


@given(ids, ids, st.lists(st.integers(0, 2), max_size=60))
def test_every_row_of_an_id_is_found_whatever_the_segments_are(
    known: list[str], wanted: list[str], cuts: list[int]
) -> None:
    parts = [
        [name for at, name in enumerate(known) if (cuts[at] if at < len(cuts) else 0) == part] for part in range(3)
    ]
    columns = [pa.chunked_array([pa.array(part, pa.string())]) for part in parts]
    segments = [id_segments.segment_of(column, seq) for seq, column in enumerate(columns)]
    hashes = np.unique(id_segments.hashes_of(pa.chunked_array([pa.array(wanted + known[:3], pa.string())])))
    found = [id_segments.find(io.BytesIO(id_segments.merged(segments).packed()), hashes)]
    rows = id_segments.rows_by_batch(id_segments.together(found))
    asked = {*wanted, *known[:3]}
    expected = {(seq, at) for seq, part in enumerate(parts) for at, name in enumerate(part) if name in asked}
    assert {(seq, at) for seq, some in rows.items() for at in some.tolist()} >= expected
    back = id_segments.read(io.BytesIO(id_segments.merged(segments).packed()))
    assert len(back.hashes) == len(known) and (np.diff(back.hashes.astype(object)) >= 0).all()
