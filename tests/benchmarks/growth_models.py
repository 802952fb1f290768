"""What a batch of predictions costs by how many models there are, each with a reference and a drift monitor."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bot.domain.event import RowsEvent, RowsKind
from bot.domain.rules import Rules
from bot.domain.watched.monitor import WatchedModel, by_name
from bot.inbox.inbox import open_inbox
from bot.model_store import references
from bot.model_store.features import profiles
from bot.model_store.references import Lineage
from bot.storage.database import open_database
from bot.watches.models.kinds.registry import rules_from
from bot.watches.models.memory import ModelCursor
from tests.benchmarks.growth_meter import Figures, Meter
from tests.conftest import Clock
from tests.integration.watches.models_driver import Models, table_from

ROWS = 500
"""A batch, and the monitor's window: each batch is checked."""
REFERENCE_ROWS = 5_000
FEATURES = 10


async def models(count: int, batches: int) -> Figures:
    """So many batches in all, the models in turn; CPU time is that of the checks too."""
    monitor = rules_from({"kind": "drift", "window": {"rows": ROWS}})
    watched = {f"model-{n}": WatchedModel(features={}, monitors=by_name([monitor])) for n in range(count)}
    rules, random, meter = Rules(models=watched), np.random.default_rng(count), Meter()
    with tempfile.TemporaryDirectory(prefix="tandem-growth-") as folder:
        database = open_database(f"sqlite:///{folder}/growth.db")
        inbox = open_inbox(database)
        await database.migrate()
        await inbox.prepare(0)
        driver = Models(database, inbox, Clock(), rules, Path(folder))
        await driver.prepare()
        for name in watched:
            await _refer(driver, name, random)
        await _round(driver, random)
        with meter.running():
            for _ in range(batches // count):
                await _round(driver, random)
        states = [state for memory in driver.watch._snapshots for state in memory.monitors.values()]
        assert len(states) == count and all(state.summary for state in states), "each monitor has said something"
        await driver.watch.close()
        await inbox.close()
        await database.close()
    done = meter.least()
    return {
        "cpu_ms_a_batch": done.cpu / batches * 1e3,
        "rows_per_s": batches * ROWS / done.wall,
        "transactions_a_batch": done.batches / batches,
    }


async def _refer(driver: Models, model: str, random: np.random.Generator) -> None:
    stored = await profiles.store(driver.frames, table_from(_usual(random, REFERENCE_ROWS), {}))
    async with driver.database.write() as connection:
        await references.save(connection, model, "v1", stored, Lineage(), driver.clock.now)


async def _round(driver: Models, random: np.random.Generator) -> None:
    """A batch of each model, and all checks that follow."""
    for model in driver.rules.models:
        ids = np.array([f"{model}-{n}" for n in random.integers(2**60, size=ROWS)], dtype=object)
        table = table_from(_usual(random, ROWS), {"id": ids})
        digest = await driver.frames.put(table)
        await driver.append(RowsEvent("models", model, RowsKind.PREDICTIONS, digest, ROWS, {"cluster": "eu"}))
    await driver.worker.drain()
    while any(waiting.rows for head in _heads(driver) for waiting in head.waiting.values()):
        await driver.settle()
    driver.clock.pass_(minutes=1)


def _heads(driver: Models) -> Iterator[ModelCursor]:
    return (head for memory in driver.watch._snapshots for head in memory.cursors.values())


def _usual(random: np.random.Generator, rows: int) -> dict[str, Any]:
    return {f"feature_{n}": random.normal(n, 1, rows) for n in range(FEATURES)}
