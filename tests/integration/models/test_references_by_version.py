"""With `references: {by: version}` the rows of a model version are compared with the reference of that version."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.inbox.inbox import Inbox
from bot.model_store.references import Lineage
from bot.storage.database import Database
from bot.watches.models.memory import MonitorState
from tests.conftest import Clock
from tests.integration.watches.models_driver import Models, rules_for


@pytest.fixture
async def models(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Models]:
    rules = rules_for({"kind": "drift", "window": {"rows": 600}}, references={"by": "version"})
    made = Models(database, inbox, clock, rules, tmp_path)
    await made.prepare()
    yield made
    await made.watch.close()


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def states(models: Models) -> dict[str | None, MonitorState]:
    return {state.model_version: state for memory in models.watch._snapshots for state in memory.monitors.values()}


async def test_each_version_is_compared_with_its_own_newest_reference_else_with_the_usual_one(
    models: Models, random: np.random.Generator, clock: Clock
) -> None:
    def around(mean: float, rows: int = 2000) -> dict[str, Any]:
        return {"price": random.normal(mean, 1, rows)}

    await models.reference("old", around(90), lineage=Lineage(model_version="1"))
    clock.pass_(minutes=1)
    await models.reference("one", around(10), lineage=Lineage(model_version="1"))
    clock.pass_(minutes=1)
    await models.reference("two", around(20), lineage=Lineage(model_version="2"))
    clock.pass_(minutes=1)
    await models.reference("usual", around(30))
    versions = np.repeat(np.array(["1", "2", "3"], dtype=object), 200)
    await models.predict({"price": random.normal(np.repeat([10.0, 20.0, 30.0], 200), 1)}, version=versions)
    assert await models.incidents() == []
    found = states(models)
    assert {version: found[version].version for version in ("1", "2", "3")} == {"1": "one", "2": "two", "3": "usual"}
    assert "there is no reference of version 3: it is compared with usual" in found["3"].summary
    assert "no reference" not in found["1"].summary
    await models.predict({"price": random.normal(np.repeat([20.0, 20.0, 30.0], 200), 1)}, version=versions)
    [alert] = await models.alerts_of(await models.only_incident())
    assert (alert.labels["version"], alert.annotations["reference"]) == ("1", "one")


async def test_a_new_reference_of_one_version_begins_that_version_anew_and_no_other(
    models: Models, random: np.random.Generator, clock: Clock
) -> None:
    await models.reference("one", {"price": random.normal(10, 1, 2000)}, lineage=Lineage(model_version="1"))
    versions = np.repeat(np.array(["1", "2"], dtype=object), 300)
    rows = {"price": random.normal(np.repeat([20.0, 10.0], 300), 1)}
    await models.predict(rows, version=versions)
    [alert] = await models.alerts_of(await models.only_incident())
    assert (alert.firing, alert.labels["version"]) == (True, "1")
    clock.pass_(minutes=1)
    await models.reference("again", {"price": random.normal(20, 1, 2000)}, lineage=Lineage(model_version="1"))
    await models.predict({"price": random.normal(20, 1, 600)}, version=np.array(["1"] * 600, dtype=object))
    assert not (await models.only_incident()).open
    assert states(models)["1"].version == "again"
