"""With `by: version` each version of a model is judged apart: a canary's fall is not lost in what the champion does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.domain.alert import Alert
from bot.domain.event import EndedBy
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.watches.models.evidence import look_at_monitor
from bot.watches.models.memory import MonitorState
from bot.watches.models.versions.settling import GONE_AFTER
from bot.watches.models.versions.splitting import MOST
from tests.conftest import Clock
from tests.integration.api.programs import api
from tests.integration.watches.models_driver import MODEL, Models, rules_for

Make = Callable[[Rules], Awaitable[Models]]
ACCURACY = {"kind": "performance", "metric": "accuracy", "minimum": 0.8, "window": {"rows": 200}}
BY_VERSION = ACCURACY | {"by": "version"}
NAME = "performance-accuracy"


@pytest.fixture
async def make(database: Database, inbox: Inbox, clock: Clock, tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Models] = []

    async def make(rules: Rules) -> Models:
        models = Models(database, inbox, clock, rules, tmp_path)
        await models.prepare()
        made.append(models)
        return models

    yield make
    for models in made:
        await models.watch.close()


async def served(models: Models, **right: float) -> None:
    """200 predictions with labels, in turn by these versions, of which such a share is right; `none` names none."""
    models.clock.pass_(minutes=1)
    versions = np.array([None if name == "none" else name for name in right], dtype=object)[np.arange(200) % len(right)]
    shares = np.array(list(right.values()))[np.arange(200) % len(right)]
    place = np.arange(200) // len(right) / (200 // len(right))
    columns: dict[str, Any] = {"version": versions} if any(versions) else {}
    ids = await models.predict({"price": np.arange(200.0)}, prediction=np.ones(200), **columns)
    await models.label(ids, (place < shares).astype(float))


async def alerts(models: Models) -> list[Alert]:
    found = [one for incident in await models.incidents() for one in await models.alerts_of(incident)]
    return sorted(found, key=lambda one: one.labels.get("version", ""))


def states(models: Models) -> dict[str | None, MonitorState]:
    found = [state for memory in models.watch._snapshots for state in memory.monitors.values()]
    return {state.model_version: state for state in found if state.monitor == NAME}


async def test_a_bad_canary_is_an_alert_of_its_own_that_names_it_also_across_a_restart(make: Make) -> None:
    models = await make(rules_for(BY_VERSION, ACCURACY | {"name": "whole"}))
    for _ in range(4):
        await served(models, v1=0.99, v2=0.65)
        models.restart()
    await models.settle()
    [alert] = await alerts(models)
    assert (alert.name, alert.labels["version"], alert.labels["monitor"]) == ("ModelPerformance", "v2", NAME)
    assert alert.annotations["summary"].startswith("version v2: accuracy is 0.65")
    assert "be at least 0.8" in await models.said("whole")
    for _ in range(2):
        await served(models, v1=0.3, v2=1)
    assert [(one.labels.get("version"), one.firing) for one in await alerts(models)] == [
        (None, True),
        ("v1", True),
        ("v2", False),
    ]


async def test_a_canary_that_serves_no_more_has_no_alert_any_more(make: Make) -> None:
    models = await make(rules_for(BY_VERSION))
    await served(models, v1=0.97, v2=0.5)
    for _ in range(GONE_AFTER - 1):
        await served(models, v1=0.97)
    assert [one.firing for one in await alerts(models)] == [True]
    await served(models, v1=0.97)
    [alert] = await alerts(models)
    assert not alert.firing and alert.ended_by is EndedBy.SOURCE_SILENT
    assert not (await models.only_incident()).open
    await served(models, v1=0.97, v2=0.5)
    assert [one.firing for one in await alerts(models) if one.firing] == [True]


async def test_of_many_versions_the_latest_have_a_state_and_the_oldest_end(make: Make) -> None:
    models = await make(rules_for(BY_VERSION))
    await served(models, v0=0.5)
    for at in range(1, MOST + 5, 4):
        await served(models, **{f"v{at + more}": 0.97 for more in range(4)})
        models.restart()
    await models.settle()
    known = states(models)
    assert known.keys() == {None, *(f"v{at}" for at in range(5, MOST + 5))}
    assert known[None].place == MOST + 5
    assert not any(one.firing for one in await alerts(models))
    await served(models, **{f"w{at}": 0.97 for at in range(MOST + 5)})
    assert len(states(models)) == MOST + 1
    assert f"not judged, as {MOST} at most are: version w0, version w1" in await models.said(NAME)


async def test_rows_that_name_no_version_are_judged_together(make: Make) -> None:
    models = await make(rules_for(BY_VERSION))
    await served(models, none=0.97)
    assert states(models).keys() == {None, ""}
    await served(models, none=0.5, v2=0.97)
    [alert] = await alerts(models)
    assert "version" not in alert.labels and alert.annotations["summary"].startswith("rows without a version: ")


async def test_versions_that_are_judged_together_again_leave_no_alert(make: Make) -> None:
    models = await make(rules_for(BY_VERSION))
    await served(models, v1=0.97, v2=0.5)
    assert [one.firing for one in await alerts(models)] == [True]
    models.rules = rules_for(ACCURACY)
    models.restart()
    await served(models, v1=0.99)
    assert states(models).keys() == {None} and not any(one.firing for one in await alerts(models))


async def test_each_version_has_its_own_features_and_ids(make: Make, clock: Clock) -> None:
    models = await make(rules_for({"kind": "quality", "by": "version", "window": {"rows": 200}}))
    random = np.random.default_rng(7)
    await models.reference("1", {"price": random.normal(10, 1, 1000)})
    half = np.arange(200) < 100
    price, age = random.normal(10, 1, 200), np.where(half, np.nan, 1.0)
    versions = np.where(half, "v1", "v2").astype(object)
    await models.predict({"price": price, "age": age}, version=versions)
    [alert] = await alerts(models)
    assert alert.labels["version"] == "v2" and "age" in alert.annotations["summary"]


async def test_api_and_verification_see_each_version(make: Make, clock: Clock) -> None:
    models = await make(rules_for(BY_VERSION))
    began_at = clock()
    await served(models, v1=0.97, v2=0.5)
    async with api(models) as programs:
        shown = (await programs.ci.ok("GET", f"/api/models/{MODEL}"))["monitors"]
        assert {one["model_version"]: one["state"] for one in shown} == {None: "firing", "v1": "ok", "v2": "firing"}
        history = await programs.ci.ok("GET", f"/api/models/{MODEL}/history?monitor={NAME}")
    checks = {one["model_version"]: (one["state"], one["rows"]) for one in history["history"]}
    assert checks == {"v1": ("ok", 100), "v2": ("firing", 100)}
    assert [one["model_version"] for one in history["episodes"]] == ["v2"]
    async with models.database.read() as connection:
        look = await look_at_monitor(connection, f"{MODEL}/{NAME}", began_at, models.rules.partitions)
        assert look.firing == [f"the monitor {MODEL}/{NAME}"]
