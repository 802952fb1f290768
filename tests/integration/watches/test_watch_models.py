"""What models are asked and say becomes alerts, and incidents with the right cause; and it is gone when it is over."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.domain.cause import CauseKind
from bot.domain.event import AlertEvent, ChangeKind
from bot.domain.rules import Rules
from bot.domain.runbook import Runbook
from bot.inbox.inbox import Inbox
from bot.storage.blobs import open_blobs
from bot.storage.database import Database
from bot.watches.models.watch import AT_ONCE
from tests.conftest import Clock
from tests.integration.watches.models_driver import MODEL, CountedFrames, Models, rules_for

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
Make = Callable[[Rules], Awaitable[Models]]
TOPOLOGY = {MODEL: ["forecast-api", "sales"], "forecast-api": ["forecast-pool"]}


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


def usual(random: np.random.Generator, rows: int = 500, price: float = 0.0) -> dict[str, Any]:
    return {"price": random.normal(10 + price, 1, rows), "shop": random.choice(["a", "b", "c"], rows)}


def runbook(title: str, cause: str) -> Runbook:
    said = {"title": title, "when": {"cause": cause}, "steps": [{"command": {"argv": ["true"]}}]}
    return Runbook.model_validate(said | {"approval": {"approvers": ["U012AB3CD"]}})


async def test_a_drift_names_feature_reference_and_guarantee_and_is_over_when_the_data_is_as_before(
    make: Make, random: np.random.Generator
) -> None:
    models = await make(rules_for({"kind": "drift", "window": {"rows": 500}}))
    await models.reference("v1", usual(random, 3000))
    await models.predict(usual(random))
    assert await models.incidents() == []
    assert "no drift" in await models.said("drift")
    await models.predict(usual(random, price=3))
    incident = await models.only_incident()
    [alert] = await models.alerts_of(incident)
    assert (alert.name, alert.service, alert.source) == ("FeatureDrift", MODEL, "tandem")
    assert alert.labels["feature"] == "price" and alert.labels["cluster"] == "eu"
    assert "price: median" in alert.annotations["summary"] and alert.annotations["reference"] == "v1"
    assert "whole life" in alert.annotations["guarantee"]
    assert alert.chart and set(alert.chart.lines) == {"reference", "now"}
    await models.predict(usual(random, price=3))
    assert (await models.only_incident()).open
    for _ in range(3):
        await models.predict(usual(random))
    assert not (await models.only_incident()).open


@on_sqlite
async def test_a_window_is_checked_when_it_is_full_and_no_sooner(make: Make, random: np.random.Generator) -> None:
    models = await make(rules_for({"kind": "drift", "window": {"rows": 500}}))
    await models.reference("v1", usual(random, 1000))
    await models.predict(usual(random, 300, price=5))
    assert await models.said("drift") == ""
    await models.predict(usual(random, 300, price=5))
    assert "price" in await models.said("drift")


@on_sqlite
async def test_of_many_models_whose_windows_are_full_a_few_are_checked_at_once_and_all_in_the_end(
    make: Make, random: np.random.Generator, tmp_path: Path
) -> None:
    names = [f"model-{n}" for n in range(3 * AT_ONCE)]
    watched = rules_for({"kind": "drift", "window": {"rows": 500}}).models[MODEL]
    models = await make(Rules(models=dict.fromkeys(names, watched)))
    models.frames = frames = CountedFrames(open_blobs(str(tmp_path / "counted")))
    models.restart()
    for name in names:
        await models.reference("v1", usual(random, 1000), model=name)
        await models.came_unchecked(usual(random), model=name)
    await models.settle()
    assert all(["no drift" in await models.said("drift", model=name) for name in names])
    assert 1 < frames.most <= AT_ONCE


async def test_a_window_of_time_is_checked_when_its_time_is_over(
    make: Make, random: np.random.Generator, clock: Clock
) -> None:
    models = await make(rules_for({"kind": "drift", "window": {"time": "1h"}}))
    await models.reference("v1", usual(random, 1000))
    await models.predict(usual(random, 50))
    assert await models.said("drift") == ""
    clock.pass_(hours=1)
    await models.settle()
    assert "no drift of 2 columns in 50 rows" in await models.said("drift")


async def test_no_data_is_a_finding_until_data_comes_again(
    make: Make, random: np.random.Generator, clock: Clock
) -> None:
    models = await make(rules_for({"kind": "quality", "fresh_within": "1h", "window": {"rows": 10}}))
    await models.settle()
    assert await models.incidents() == []
    clock.pass_(hours=2)
    await models.settle()
    incident = await models.only_incident()
    assert [alert.name for alert in await models.alerts_of(incident)] == ["DataFreshness"]
    await models.predict(usual(random, 20))
    clock.pass_(minutes=1)
    await models.settle()
    assert not (await models.only_incident()).open


@on_sqlite
async def test_what_is_wrong_with_the_data_is_named_by_column(make: Make, random: np.random.Generator) -> None:
    features = {"price": {"kind": "numeric", "max": 20}, "shop": {"kind": "categorical", "values": ["a", "b", "c"]}}
    models = await make(rules_for({"kind": "quality", "window": {"rows": 100}}, features=features))
    await models.reference("v1", usual(random, 1000))
    await models.predict(usual(random, 100))
    assert "well formed" in await models.said("quality")
    bad = {"price": random.normal(10, 1, 100) * 100, "country": random.choice(["x"], 100)}
    await models.predict(bad)
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "DataQuality"
    assert "shop is not there" in alert.annotations["description"]
    assert "price is" in alert.annotations["description"] and "percent or cents?" in alert.annotations["description"]
    await models.predict(usual(random, 100))
    assert not (await models.only_incident()).open


@on_sqlite
async def test_a_drift_after_a_pipeline_change_has_that_change_as_its_cause_and_no_scale_out_is_offered(
    make: Make, random: np.random.Generator, clock: Clock
) -> None:
    books = {"retrain": runbook("Retrain", "data"), "scale": runbook("Scale out", "resource")}
    rules = rules_for({"kind": "drift", "window": {"rows": 500}}, depends_on=TOPOLOGY, runbooks=books)
    models = await make(rules)
    await models.reference("v1", usual(random, 3000))
    await models.predict(usual(random))
    await models.change("sales", ChangeKind.DATA, "prices in cents", clock.now)
    clock.pass_(minutes=3)
    await models.predict(usual(random, price=5))
    incident = await models.only_incident()
    assert (incident.causes[0].service, incident.causes[0].kind) == ("sales", CauseKind.DATA)
    assert "prices in cents" in " ".join(incident.causes[0].evidence)
    assert [run.runbook for run in await models.runs_of(incident)] == ["retrain"]


async def test_an_accuracy_drop_with_contention_upstream_is_one_incident_with_the_infrastructure_as_cause(
    make: Make, random: np.random.Generator, clock: Clock, alert: Callable[..., AlertEvent]
) -> None:
    books = {"retrain": runbook("Retrain", "data"), "scale": runbook("Scale out", "resource")}
    monitor = {"kind": "performance", "metric": "accuracy", "minimum": 0.8, "window": {"rows": 200}}
    models = await make(rules_for(monitor, depends_on=TOPOLOGY, runbooks=books))
    ids = await models.predict(usual(random, 200), prediction=np.ones(200))
    await models.send(alert(alertname="HighCPU", service="forecast-pool", cluster="eu"))
    clock.pass_(seconds=30)
    await models.send(alert(alertname="HighLatency", service="forecast-api", cluster="eu"))
    clock.pass_(seconds=30)
    await models.label(ids, (random.random(200) < 0.3).astype(float))
    incident = await models.only_incident()
    assert {one.name for one in await models.alerts_of(incident)} == {"HighCPU", "HighLatency", "ModelPerformance"}
    assert (incident.causes[0].service, incident.causes[0].kind) == ("forecast-pool", CauseKind.RESOURCE)
    assert [run.runbook for run in await models.runs_of(incident)] == ["scale"]


@on_sqlite
async def test_a_slice_is_found_where_the_whole_looks_fine(make: Make, random: np.random.Generator) -> None:
    monitor = {"kind": "performance", "metric": "accuracy", "minimum": 0.8, "window": {"rows": 1000}, "slices": "auto"}
    models = await make(rules_for(monitor))
    for _ in range(3):
        features = usual(random, 1000)
        right = random.random(1000) < np.where(features["shop"] == "b", 0.6, 0.98)
        ids = await models.predict(features, prediction=np.ones(1000))
        await models.label(ids, right.astype(float))
    [alert] = await models.alerts_of(await models.only_incident())
    assert "where shop = b" in alert.annotations["summary"] and alert.labels["feature"] == "shop"
    assert alert.chart and alert.chart.x == ["reference", "now", "shop = b"]


@on_sqlite
async def test_performance_is_estimated_where_no_labels_have_come(make: Make, random: np.random.Generator) -> None:
    monitor = {"kind": "estimated_performance", "metric": "accuracy", "window": {"rows": 500}}
    models = await make(rules_for(monitor))

    def asked(rows: int, sure: float) -> dict[str, Any]:
        score = np.where(random.random(rows) < 0.5, sure, 1 - sure)
        return {"score": score, "prediction": (score > 0.5).astype(int)}

    features, said = usual(random, 2000), asked(2000, 0.95)
    said["score"][::4] = 0.6
    said["prediction"] = (said["score"] > 0.5).astype(int)
    await models.reference("v1", features, label=(random.random(2000) < said["score"]).astype(int), **said)
    await models.predict(usual(random), **asked(500, 0.95))
    assert await models.incidents() == []
    await models.predict(usual(random), **asked(500, 0.6))
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "EstimatedModelPerformance" and "estimated accuracy is 0.5" in alert.annotations["summary"]


async def test_labels_that_come_twice_late_or_for_nothing_are_said_and_do_no_harm(
    make: Make, random: np.random.Generator, clock: Clock
) -> None:
    monitor = {"kind": "performance", "metric": "accuracy", "minimum": 0.5, "window": {"rows": 10}}
    models = await make(rules_for(monitor))
    await models.label([f"x{at}" for at in range(10)], np.ones(10))
    assert "10 of 10 labels are for no prediction" in await models.said("performance-accuracy")
    ids = await models.predict(usual(random, 20), prediction=np.ones(20))
    clock.pass_(days=3)
    await models.label(ids, np.ones(20))
    assert "accuracy is 1" in await models.said("performance-accuracy")
    await models.label([*ids, *ids], np.array([1.0, 0.0] * 20))
    assert "accuracy is" in await models.said("performance-accuracy")
    assert await models.incidents() == []


async def test_what_was_learnt_survives_a_restart_in_the_middle_of_a_check(
    make: Make, random: np.random.Generator
) -> None:
    models = await make(rules_for({"kind": "drift", "window": {"rows": 500}}))
    await models.reference("v1", usual(random, 3000))
    await models.predict(usual(random))
    before = await models.said("drift")
    await models.predict(usual(random, 400))
    await models.watch.close()
    models.restart()
    await models.settle()
    assert await models.said("drift") == before
    drifted = usual(random, 400, price=4)
    await models.predict(drifted)
    await models.watch.close()
    models.restart()
    await models.settle()
    incident = await models.only_incident()
    assert len(await models.alerts_of(incident)) == 1


async def test_what_a_failed_transaction_took_back_is_checked_again_with_the_same_result(
    make: Make, random: np.random.Generator
) -> None:
    models = await make(rules_for({"kind": "drift", "window": {"rows": 500}}))
    await models.reference("v1", usual(random, 3000))
    await models.predict(usual(random))
    await models.predict(usual(random, 400, price=4))
    await models.came_unchecked(usual(random, 100, price=4))
    await models.worker.tick()  # the job begins
    await models.watch.finish()
    for partition in range(models.rules.partitions):
        models.watch.forget(partition)  # as the worker does when a batch is not committed
    await models.settle()
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.repeats == 0 and "price" in alert.labels["feature"]


@on_sqlite
async def test_with_another_reference_a_monitor_begins_anew(make: Make, random: np.random.Generator) -> None:
    models = await make(rules_for({"kind": "drift", "window": {"rows": 500}}))
    await models.reference("v1", usual(random, 2000))
    await models.predict(usual(random, price=3))
    assert (await models.only_incident()).open
    models.clock.pass_(minutes=1)
    await models.reference("v2", usual(random, 2000, price=3))
    await models.predict(usual(random, price=3))
    assert not (await models.only_incident()).open
    assert "no drift" in await models.said("drift")


@on_sqlite
async def test_columns_that_go_another_way_together_are_found(make: Make, random: np.random.Generator) -> None:
    models = await make(rules_for({"kind": "multivariate", "window": {"rows": 600}}))

    def together(rows: int, how: float) -> dict[str, Any]:
        x, y = random.normal(size=(2, rows))
        return {"x": x, "y": how * x + (1 - how**2) ** 0.5 * y, "z": random.normal(size=rows)}

    await models.reference("v1", together(3000, 0.0))
    await models.predict(together(600, 0.0))
    for _ in range(6):
        await models.predict(together(600, 0.95))
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "MultivariateDrift" and set(alert.labels["feature"].split(", ")) == {"x", "y"}


@on_sqlite
async def test_what_the_model_says_drifts_too(make: Make, random: np.random.Generator) -> None:
    models = await make(rules_for({"kind": "prediction_drift", "window": {"rows": 500}}))
    await models.reference("v1", usual(random, 2000), prediction=random.choice(["yes", "no"], 2000))
    await models.predict(usual(random), prediction=random.choice(["yes", "no"], 500))
    assert await models.incidents() == []
    await models.predict(usual(random), prediction=np.array(["yes"] * 500))
    [alert] = await models.alerts_of(await models.only_incident())
    assert alert.name == "PredictionDrift" and "prediction: yes" in alert.annotations["summary"]


@on_sqlite
async def test_without_a_reference_nothing_fires_and_it_is_said_why(make: Make, random: np.random.Generator) -> None:
    models = await make(rules_for({"kind": "drift", "window": {"rows": 10}}))
    await models.predict(usual(random, 20))
    assert await models.incidents() == []
    assert "there is no reference yet" in await models.said("drift")
