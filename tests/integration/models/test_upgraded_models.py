"""What a release with schema 0022 kept of a model goes on: see tests/fixtures/models_0022/make_models.py."""

import sqlite3
import tarfile
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from bot.inbox.inbox import open_inbox
from bot.model_store import references
from bot.model_store.features import profiles
from bot.model_store.reference_diff import difference
from bot.storage.database import open_database
from bot.watches.models.memory import MonitorState
from tests.conftest import Clock
from tests.fixtures.models_0022.make_models import MONITORS, rows, truth
from tests.integration.watches.models_driver import MODEL, Models, rules_for

LEFT = Path(__file__).parents[2] / "fixtures" / "models_0022"
BATCHES = 4
KINDS = ["quality", "drift", "prediction_drift", "multivariate", "concept_drift"]
PERFORMANCE = ["estimated_performance-accuracy", "performance-accuracy"]


@pytest.fixture
async def models(tmp_path: Path, clock: Clock) -> AsyncIterator[Models]:
    for dump in LEFT.glob("*.sql"):
        with closing(sqlite3.connect(tmp_path / f"{dump.stem}.db")) as connection:
            connection.executescript(dump.read_text())
    with tarfile.open(LEFT / "models.tar.gz") as packed:
        packed.extractall(tmp_path, filter="data")
    clock.pass_(hours=1)
    database = open_database(f"sqlite:///{tmp_path}/tandem.db")
    await database.migrate()
    inbox = open_inbox(database)
    await inbox.prepare(0)
    models = Models(database, inbox, clock, rules_for(*MONITORS), tmp_path)
    models._ids = 600
    await models.prepare()
    yield models
    await models.watch.close()
    await inbox.close()
    await database.close()


async def states(models: Models) -> dict[str, MonitorState]:
    async with models.database.read() as connection:
        overview = await models.watch.overview_of(connection, MODEL)
    return {state.monitor: state for state in overview.states}


async def test_what_each_monitor_had_learnt_goes_on_and_what_fired_ends_with_good_data(
    models: Models, clock: Clock
) -> None:
    random = np.random.default_rng(4)
    before = await states(models)
    assert set(before) == {*KINDS, *PERFORMANCE}
    assert before["drift"].firing_since is not None and before["drift"].checks == 3
    for _ in range(BATCHES):
        clock.pass_(minutes=10)
        features, answered = rows(random, 200)
        await models.label(await models.predict(features, **answered), truth(random, answered["score"]))
    after = await states(models)
    assert set(after) == set(before)
    for name, state in after.items():
        assert (state.checks, state.failed_since, state.unchecked) == (before[name].checks + BATCHES, None, 0), name
        assert state.reference == before[name].reference, f"{name} has begun anew"
        if name != "multivariate":  # with so small a reference its classifier takes longer to be sure
            assert state.firing_since is None, f"{name}: {state.summary}"
    assert len(await models.incidents()) == 1


async def test_labels_of_predictions_from_before_are_joined(models: Models) -> None:
    _, answered = rows(np.random.default_rng(5), 200)
    await models.label([f"r{at}" for at in range(400, 600)], truth(np.random.default_rng(5), answered["score"]))
    summary = await models.said("performance-accuracy")
    assert "accuracy is" in summary and "no prediction" not in summary


async def test_a_stored_profile_is_that_of_today(models: Models, clock: Clock) -> None:
    async with models.database.read() as connection:
        [old] = await references.versions(connection, MODEL)
    stored = await profiles.store(models.frames, await models.frames.get(old.digest))
    async with models.database.write() as connection:
        new, _ = await references.save(connection, MODEL, "v2", stored, references.Lineage(), clock.now)
    assert (new.digest, new.columns) == (old.digest, old.columns)
    both = [await profiles.profile_of(models.frames, one) for one in (old, new)]
    found = difference(*both)
    assert {one.name for one in found.features} == {"price", "shop", "open", "stock"} and not found.retyped
    assert max(one.distance for one in found.features) == 0
