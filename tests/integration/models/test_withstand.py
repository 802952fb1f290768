"""What models are sent that is wide, odd, late or contradictory costs the rest nothing, and is said."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.domain.event import RowsKind
from bot.domain.rules import Rules
from bot.domain.watched.monitor import WatchedModel
from bot.inbox.inbox import Inbox
from bot.model_store.columns import REFERENCE, checked, stacked
from bot.model_store.joining import once_per_id
from bot.model_store.layout import laid_out
from bot.model_store.parquet import read_parquet
from bot.model_store.references import Lineage, Reference
from bot.storage.database import Database
from bot.watches.models.kinds.registry import CheckInput, kind_of, rules_from
from bot.watches.models.window import LoadedReference, Window, table_of
from detectors.drift.profile import build
from tests.conftest import Clock
from tests.integration.watches.models_driver import Models, rules_for, table_from

Make = Callable[[Rules], Awaitable[Models]]
WINDOW = {"window": {"rows": 200}}
QUALITY, DRIFT = {"kind": "quality", **WINDOW}, {"kind": "drift", **WINDOW}
ACCURACY = {"kind": "performance", "metric": "accuracy", "minimum": 0.8, **WINDOW}
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def make(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Models] = []

    async def make(rules: Rules) -> Models:
        made.append(Models(database, inbox, clock, rules, tmp_path))
        await made[-1].prepare()
        return made[-1]

    yield make
    for models in made:
        await models.watch.close()


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def test_of_ten_thousand_columns_the_one_that_drifted_is_named(random: np.random.Generator, tmp_path: Path) -> None:
    def wide(rows: int) -> pa.Table:
        columns = random.normal(size=(10_000, rows)).astype(np.float32)
        columns[77] += 5.0 * (rows == 60)
        return pa.table({f"x{at}": column for at, column in enumerate(columns)} | {"id": np.arange(rows)})

    pq.write_table(wide(60), tmp_path / "wide.parquet")
    sent = read_parquet(tmp_path / "wide.parquet")
    tables = [
        checked(laid_out([(name, table[name]) for name in table.column_names], kind).table, kind)
        for table, kind in ((wide(100), REFERENCE), (sent, RowsKind.PREDICTIONS))
    ]
    before, after = (table_of(once_per_id(stacked([table]))) for table in tables)
    reference = Reference("m", "v1", "", "", 100, {}, Lineage(), datetime(2026, 3, 1, tzinfo=UTC))
    loaded = LoadedReference(reference, build(before.features), before, build({}), {})
    rules = rules_from({"kind": "drift"})
    outcome = kind_of(rules).check(rules, CheckInput(WatchedModel(), b"", Window(after), loaded))
    assert outcome.firing and outcome.features == ["x77"], outcome.summary


@on_sqlite
async def test_one_row_in_a_hundred_of_another_schema_is_one_finding_and_hides_no_drift(
    make: Make, random: np.random.Generator
) -> None:
    def batch(moved: float = 0.0) -> dict[str, Any]:
        odd = np.arange(200) % 100 == 0
        price = random.normal(10 + moved, 1, 200).astype(object)
        price[odd] = None
        return {
            "price": pa.array(price, pa.float64()),
            "shop": [None if one else "ab"[at % 2] for at, one in enumerate(odd)],
            "amount": ["12,5" if one else None for one in odd],
        }

    models = await make(rules_for(QUALITY, DRIFT))
    shops = np.array(random.choice(["a", "b"], 2000), dtype=object)
    await models.reference("v1", {"price": random.normal(10, 1, 2000), "shop": shops})
    for _ in range(5):
        await models.predict(batch())
    assert "no drift" in await models.said("drift")
    first = await models.only_incident()
    [alert] = await models.alerts_of(first)
    assert alert.name == "DataQuality" and "amount" in alert.annotations["summary"] + str(alert.annotations)
    for _ in range(3):
        await models.predict(batch(3.0))
    assert {one.name for one in await models.alerts_of(await models.only_incident())} == {"DataQuality", "FeatureDrift"}
    assert "price" in await models.said("drift")


@on_sqlite
async def test_a_category_of_its_own_for_every_row_is_bounded_and_no_drift(
    make: Make, random: np.random.Generator
) -> None:
    models = await make(rules_for(DRIFT))
    ids = iter(range(10**9))

    def batch(rows: int, moved: float = 0.0) -> dict[str, Any]:
        sessions = np.array([f"session-{next(ids)}" for _ in range(rows)], dtype=object)
        return {"session": sessions, "price": random.normal(10 + moved, 1, rows)}

    await models.reference("v1", batch(12_000))
    for _ in range(6):
        await models.predict(batch(200))
    assert "no drift" in await models.said("drift")
    [state] = [one for memory in models.watch._snapshots for one in memory.monitors.values()]
    assert len(state.blob) < 100_000
    for _ in range(3):
        await models.predict(batch(200, 3.0))
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.labels["feature"] == "price"


@on_sqlite
async def test_labels_twice_contradicting_a_year_late_or_before_their_prediction_are_joined(
    make: Make, clock: Clock
) -> None:
    models = await make(rules_for(ACCURACY))

    async def predicted() -> list[str]:
        return await models.predict({"x": np.zeros(200)}, prediction=np.ones(200))

    ids = await predicted()
    for _ in range(2):
        await models.label(ids, np.ones(200))
    assert "accuracy is 1" in await models.said("performance-accuracy")
    await models.label(ids[:100] * 2, np.array([1.0] * 100 + [0.0] * 100))
    assert "accuracy is 0," in await models.said("performance-accuracy")  # the later of two labels holds
    late = await predicted()
    clock.pass_(days=365)
    await models.label(late, np.ones(200))
    assert "accuracy is 1" in await models.said("performance-accuracy")
    early = await predicted()
    await _labelled_at(models, early, clock.now - timedelta(days=3))
    assert "accuracy is 1" in await models.said("performance-accuracy")


@on_sqlite
@pytest.mark.parametrize("days", [-5, 5])
async def test_a_clock_that_is_days_off_joins_and_counts_no_negative_delay(make: Make, clock: Clock, days: int) -> None:
    models = await make(rules_for(ACCURACY, {"kind": "labels", "delay_at_most": "3d", **WINDOW}))
    moments = pa.array([clock.now + timedelta(days=days)] * 200, pa.timestamp("us", tz="UTC"))
    ids = await models.predict({"x": np.zeros(200)}, prediction=np.ones(200), timestamp=moments)
    await models.label(ids, np.ones(200))
    assert "accuracy is 1" in await models.said("performance-accuracy")
    assert "-" not in await models.said("labels")


async def _labelled_at(models: Models, ids: list[str], at: Any) -> None:
    labels = table_from({}, {"id": np.array(ids, dtype=object), "label": np.ones(len(ids))})
    moments = pa.array([at] * len(ids), pa.timestamp("us", tz="UTC"))
    await models._came(labels.append_column("timestamp", moments), RowsKind.LABELS)
