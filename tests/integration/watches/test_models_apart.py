"""One model is one story: its findings are one incident, its domains are judged apart, and no dead monitor is green."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from bot.domain.cause import CauseKind
from bot.domain.event import ChangeKind, RowsEvent, RowsKind, partition_of
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries import snapshots
from bot.watches.models.memory import WATCH
from handlers.slack import SlackEndpoint
from handlers.slack.registry import MODEL as MODEL_COMMAND
from handlers.slack.slash import answer
from tests.conftest import Clock
from tests.integration.watches.models_driver import MODEL, Models, rules_for, table_from

Make = Callable[[Rules], Awaitable[Models]]
DRIFTS = ({"kind": "drift", "window": {"rows": 500}}, {"kind": "prediction_drift", "window": {"rows": 500}})


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


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


async def send(models: Models, columns: dict[str, Any], shift: float = 0.0, **labels: str) -> None:
    """A batch of predictions of a domain, and all that follows from it."""
    random, rows = columns["random"], columns["rows"]
    features = {"price": random.normal(10 + shift, 1, rows)}
    ids = np.array([f"{labels}{random.integers(2**60)}" for _ in range(rows)], dtype=object)
    table = table_from(features, {"id": ids, "prediction": random.normal(columns.get("says", 0.0), 1, rows)})
    digest = await models.frames.put(table)
    await models.send(RowsEvent("models", MODEL, RowsKind.PREDICTIONS, digest, rows, labels))
    await models.settle()


async def reference(models: Models, random: np.random.Generator) -> None:
    await models.reference("v1", {"price": random.normal(10, 1, 3000)}, prediction=random.normal(0, 1, 3000))


async def test_findings_about_one_model_are_one_incident_however_far_apart_they_come(
    make: Make, random: np.random.Generator, clock: Clock
) -> None:
    models = await make(rules_for(*DRIFTS))
    await reference(models, random)
    rows = {"random": random, "rows": 500}
    await send(models, rows, shift=3)
    clock.pass_(hours=2)
    await send(models, rows | {"says": 3.0}, shift=3)
    alerts = await models.alerts_of(await models.only_incident())
    assert {(alert.name, alert.firing) for alert in alerts} == {("FeatureDrift", True), ("PredictionDrift", True)}


async def test_what_opens_an_incident_again_brings_the_other_findings_of_its_model_along(
    make: Make, random: np.random.Generator, clock: Clock
) -> None:
    models = await make(rules_for(*DRIFTS))
    await reference(models, random)
    rows = {"random": random, "rows": 500}
    await send(models, rows, shift=3)
    for _ in range(3):
        await send(models, rows)
    assert not (await models.only_incident()).open
    clock.pass_(minutes=3)
    await send(
        models, rows | {"says": 3.0}, shift=3
    )  # FeatureDrift fires again, and PredictionDrift for the first time
    incident = await models.only_incident()
    assert incident.open and {one.name for one in await models.alerts_of(incident)} == {
        "FeatureDrift",
        "PredictionDrift",
    }


async def test_an_incident_that_opens_again_looks_for_its_cause_anew(
    make: Make, random: np.random.Generator, clock: Clock
) -> None:
    rules = rules_for(*DRIFTS, depends_on={MODEL: ["sales"]})
    models = await make(rules)
    await reference(models, random)
    rows = {"random": random, "rows": 500}
    await models.change(MODEL, ChangeKind.MODEL, "champion is now version 2", clock.now)
    clock.pass_(minutes=1)
    await send(models, rows | {"says": 3.0}, cluster="eu")
    incident = await models.only_incident()
    assert "champion is now version 2" in " ".join(incident.causes[0].evidence)
    clock.pass_(minutes=1)
    await models.change(MODEL, ChangeKind.MODEL, "champion is now version 1", clock.now)
    for _ in range(4):
        await send(models, rows, cluster="eu")
    assert not (await models.only_incident()).open
    clock.pass_(minutes=1)
    await models.change("sales", ChangeKind.DATA, "prices in cents", clock.now)
    clock.pass_(minutes=1)
    await send(models, rows, shift=5, cluster="eu")
    await send(models, rows | {"says": 3.0}, shift=5, cluster="eu")
    incident = await models.only_incident()
    assert incident.open
    told = " ".join(word for cause in incident.causes for word in cause.evidence)
    assert "version 2" not in told
    assert (incident.causes[0].service, incident.causes[0].kind) == ("sales", CauseKind.DATA)


async def test_two_domains_of_a_model_are_judged_apart(make: Make, random: np.random.Generator) -> None:
    models = await make(rules_for(DRIFTS[0]))
    await reference(models, random)
    rows = {"random": random, "rows": 300}
    for _ in range(4):
        await send(models, rows, cluster="eu")
        await send(models, rows, shift=2, cluster="us")
    assert "no drift" in await models.said("drift", domain="eu")
    assert "price drifted" in await models.said("drift", domain="us")
    incident = await models.only_incident()
    [alert] = await models.alerts_of(incident)
    assert incident.domain == "us" and alert.labels["cluster"] == "us"


async def test_what_an_earlier_version_learnt_of_a_domain_goes_on(
    make: Make, random: np.random.Generator, clock: Clock
) -> None:
    models = await make(rules_for(DRIFTS[0]))
    await reference(models, random)
    rows = {"random": random, "rows": 500}
    await send(models, rows, cluster="eu")
    await send(models, rows | {"rows": 200}, cluster="eu")
    learnt = {name: state for name, state in (await stored(models)).items() if name.endswith("\x1feu")}
    assert len(learnt) == 2
    async with models.database.write() as connection:
        for partition in range(models.rules.partitions):
            await snapshots.forget(connection, partition, WATCH, set(learnt))
        for name, state in learnt.items():
            known = msgspec.msgpack.decode(state)
            del known["domain"]
            old = {name.removesuffix("\x1feu"): msgspec.msgpack.encode(known)}
            await snapshots.save(connection, partition_of("eu", models.rules.partitions), WATCH, old, 1, clock.now)
    models.restart()
    await send(models, rows | {"rows": 300}, cluster="eu")
    assert set(await stored(models)) == set(learnt)
    states = [one for memory in models.watch._snapshots for one in memory.monitors.values()]
    [mine] = [one for one in states if one.domain == "eu"]
    assert mine.checks == 2 and "no drift" in mine.summary


async def stored(models: Models) -> dict[str, bytes]:
    async with models.database.read() as connection:
        found = await snapshots.named(connection, range(models.rules.partitions), WATCH, "", ["head:", "monitor:"])
    return {name: snapshot.state for name, [snapshot] in found.items()}


async def test_a_monitor_that_cannot_check_for_a_day_has_failed_until_it_can(
    make: Make, random: np.random.Generator, clock: Clock
) -> None:
    models = await make(rules_for(DRIFTS[0]))
    rows = {"random": random, "rows": 500}
    for _ in range(4):
        await send(models, rows)
        clock.pass_(hours=7)
    assert await models.incidents() == []
    assert "⚪ nothing fires, not checked: drift" in await say(models, "list")
    assert "⚪ *drift* not checked: there is no reference yet" in await say(models, f"show {MODEL}")
    assert "for 4 checks" in await say(models, f"show {MODEL}")
    await send(models, rows)
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "MonitorFailed" and "5 checks could not be made since" in alert.annotations["summary"]
    await reference(models, random)
    await send(models, rows)
    assert not (await models.only_incident()).open
    assert "🟢 nothing fires ·" in await say(models, "list")


async def test_how_long_a_monitor_may_check_nothing_can_be_set(
    make: Make, random: np.random.Generator, clock: Clock
) -> None:
    labels = {"kind": "performance", "metric": "accuracy", "minimum": 0.5, "checked_within": "3d"}
    models = await make(rules_for(labels))
    await send(models, {"random": random, "rows": 500})
    clock.pass_(days=2)
    await models.settle()
    assert await models.incidents() == []
    clock.pass_(days=1)
    await models.settle()
    [alert] = await models.alerts_of(await models.only_incident())
    assert (
        alert.name == "MonitorFailed" and "has checked nothing for 3d: not enough came" in alert.annotations["summary"]
    )


async def say(models: Models, text: str) -> str:
    endpoint = SlackEndpoint(models.database, {}, models.clock, lambda: None, models=models.watch)
    return str(await answer(endpoint, MODEL_COMMAND, text, "U012AB3CD"))
