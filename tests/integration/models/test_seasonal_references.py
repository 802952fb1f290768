"""With `references: {by: [weekday, hour]}` rows are compared with those of their season; `rolling` is of production."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.inbox.inbox import Inbox
from bot.model_store import references
from bot.storage.database import Database
from bot.watches.models.memory import MonitorState
from tests.conftest import Clock
from tests.integration.watches.models_driver import MODEL, Models, rules_for

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
async def models(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Models]:
    rules = rules_for({"kind": "drift", "window": {"rows": 200}}, references={"by": ["hour"], "zone": "Europe/Berlin"})
    made = Models(database, inbox, clock, rules, tmp_path)
    await made.prepare()
    yield made
    await made.watch.close()


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def spread(random: np.random.Generator, rows: int = 9_600) -> tuple[dict[str, Any], list[datetime]]:
    """Rows around 10 times the hour in Berlin, in all hours of a winter's fortnight."""
    moments = [MONDAY + timedelta(minutes=30 + 60 * (at % 336)) for at in range(rows)]
    hours = np.array([(one.hour + 1) % 24 for one in moments])
    return {"price": random.normal(10.0 * hours, 1)}, moments


def states(models: Models) -> dict[str | None, MonitorState]:
    return {state.model_version: state for memory in models.watch._snapshots for state in memory.monitors.values()}


def at(hour: int, rows: int = 200) -> list[datetime]:
    return [MONDAY + timedelta(days=14, hours=hour, seconds=10 * one) for one in range(rows)]


async def test_rows_are_compared_with_those_of_their_own_hour(models: Models, random: np.random.Generator) -> None:
    features, moments = spread(random)
    await models.reference("march", features, timestamp=moments)
    for hour in (8, 9, 10):
        await models.predict({"price": random.normal(10.0 * (hour + 1), 1, 200)}, timestamp=at(hour))
    assert await models.incidents() == []
    assert (await models.said("drift")).startswith("11:00: no drift of 1 columns in 200 rows")
    await models.predict({"price": random.normal(90, 1, 200)}, timestamp=at(20))  # usual in the morning
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.annotations["summary"].startswith("21:00: price drifted from the reference march")
    assert alert.labels["feature"] == "price"
    models.restart()  # what was learnt by season is in the database
    await models.predict({"price": random.normal(210, 1, 200)}, timestamp=at(20))
    assert not (await models.only_incident()).open


async def test_rows_that_straddle_hours_are_split(models: Models, random: np.random.Generator) -> None:
    features, moments = spread(random)
    await models.reference("march", features, timestamp=moments)
    both = [*at(8, 100), *at(9, 100)]
    await models.predict({"price": random.normal(np.repeat([90.0, 200.0], 100), 1)}, timestamp=both)
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.annotations["summary"].startswith("10:00: price drifted")
    assert "09:00" not in alert.annotations["summary"]


async def test_a_reference_without_time_is_compared_as_a_whole(models: Models, random: np.random.Generator) -> None:
    features, _ = spread(random)
    await models.reference("march", features)
    await models.predict({"price": random.permutation(features["price"])[:200]}, timestamp=[*at(8, 100), *at(9, 100)])
    assert "has no timestamps and so no seasons" in await models.said("drift")
    assert await models.incidents() == []


async def test_versions_that_are_judged_apart_have_seasons_of_their_own(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path, random: np.random.Generator
) -> None:
    rules = rules_for({"kind": "drift", "by": "version", "window": {"rows": 400}}, references={"by": ["hour"]})
    models = Models(database, inbox, clock, rules, tmp_path)
    await models.prepare()
    features, moments = spread(random)
    await models.reference("march", features, timestamp=moments)
    versions = np.repeat(np.array(["1", "2"], dtype=object), 200)
    prices = random.normal(np.repeat([90.0, 30.0], 200), 1)
    await models.predict({"price": prices}, timestamp=[*at(8), *at(8)], version=versions)
    [alert] = await models.alerts_of(await models.only_incident())
    assert (alert.labels["version"], alert.annotations["summary"][:16]) == ("2", "version 2: 08:00")
    assert "version 1: 08:00: no drift" in f"version 1: {states(models)['1'].summary}"
    await models.watch.close()


async def test_another_rule_begins_anew_and_leaves_nothing_behind(models: Models, random: np.random.Generator) -> None:
    features, moments = spread(random)
    await models.reference("march", features, timestamp=moments)
    await models.predict({"price": random.normal(200, 1, 200)}, timestamp=at(8))
    assert (await models.only_incident()).open
    models.rules = rules_for({"kind": "drift", "window": {"rows": 200}})  # tandem.yaml is read again
    models.restart()
    await models.predict({"price": random.permutation(features["price"])[:200]}, timestamp=at(8))
    assert not (await models.only_incident()).open
    assert all(not memory.seasons._by_name for memory in models.watch._snapshots)


@pytest.fixture
async def rolling(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Models]:
    references = {"rolling": "4d", "gap": "2d"}
    made = Models(
        database, inbox, clock, rules_for({"kind": "drift", "window": {"rows": 200}}, references=references), tmp_path
    )
    await made.prepare()
    yield made
    await made.watch.close()


async def day(models: Models, clock: Clock, values: np.ndarray[Any, Any]) -> str:
    """A day's predictions; returns what the monitor says."""
    clock.pass_(days=1)
    await models.predict({"price": values}, timestamp=[clock.now] * len(values))
    return await models.said("drift")


async def test_a_rolling_reference_is_of_production_that_ended_a_while_ago(
    rolling: Models, random: np.random.Generator, clock: Clock
) -> None:
    for _ in range(3):
        said = await day(rolling, clock, random.normal(10, 1, 200))
    assert (
        said == "not checked: there is no reference yet: the rolling one is made of predictions that are older than 2d"
    )
    for _ in range(5):
        said = await day(rolling, clock, random.normal(10, 1, 200))
    assert "no drift" in said
    state = states(rolling)[None]
    assert state.version.startswith("rolling-") and state.lives > 1
    async with rolling.database.read() as connection:
        current = await references.get(connection, MODEL, state.version)
    assert current is not None and current.rows in (600, 800)


async def test_a_monitor_that_fires_keeps_the_reference_of_before_the_drift(
    rolling: Models, random: np.random.Generator, clock: Clock
) -> None:
    for _ in range(8):
        await day(rolling, clock, random.normal(10, 1, 200))
    for _ in range(4):
        await day(rolling, clock, random.normal(20, 1, 200))
    assert (await rolling.incidents())[-1].open
    before = states(rolling)[None].version
    await day(rolling, clock, random.normal(20, 1, 200))
    assert states(rolling)[None].version == before
    await day(rolling, clock, random.normal(10, 1, 200))
    assert not (await rolling.incidents())[-1].open
    await day(rolling, clock, random.normal(10, 1, 200))
    assert states(rolling)[None].version > before
