"""Runbooks of models: for the model whose monitor fires, with its version and that of what was changed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.domain.cause import CauseKind
from bot.domain.event import ChangeEvent, ChangeKind
from bot.domain.runbook import Runbook, definition_hash
from bot.inbox.inbox import Inbox
from bot.incidents.model_facts import model_facts
from bot.incidents.placeholder import placeholders_of
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.watches.models_driver import MODEL, Models, rules_for

DRIFT = {"kind": "drift", "window": {"rows": 500}}
FACTS = ["${model}", "${version}", "${cause.service}", "${cause.version}"]


def runbook(when: dict[str, Any], *words: str) -> Runbook:
    steps = [{"command": {"argv": ["retrain", *words]}}]
    written = {"title": "Retrain", "when": when, "steps": steps, "approval": {"approvers": ["U012AB3CD"]}}
    return Runbook.model_validate(written)


async def drifted(models: Models, random: np.random.Generator, clock: Clock) -> None:
    """A change of the data, from version 11 of a dataset to 12, and then a drift."""
    await models.reference("v1", {"price": random.normal(10, 1, 3000)})
    change = ChangeEvent(
        "ci", "c1", "sales", ChangeKind.DATA, "prices in cents", clock.now, {"cluster": "eu"}, version="12"
    )
    await models.send(change)
    clock.pass_(minutes=1)
    version = np.array(["7"] * 500, dtype=object)
    await models.predict({"price": random.normal(15, 1, 500)}, version=version)


async def test_a_runbook_for_a_model_is_offered_beside_a_cause_in_its_data(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    books = {
        "retrain": runbook({"model": MODEL, "cause": "data"}, *FACTS),
        "other": runbook({"model": "another", "cause": "data"}),
    }
    rules = rules_for(DRIFT, runbooks=books, depends_on={MODEL: ["sales"]})
    models = Models(database, inbox, clock, rules, tmp_path)
    await models.prepare()
    await drifted(models, np.random.default_rng(0), clock)
    incident = await models.only_incident()
    assert (incident.causes[0].service, incident.causes[0].kind) == ("sales", CauseKind.DATA)
    [run] = await models.runs_of(incident)
    assert run.runbook == "retrain"
    assert run.plan.steps[0].parameters["argv"] == ["retrain", MODEL, "7", "sales", "12"]
    assert MODEL in run.plan.targets
    await models.watch.close()


async def test_without_a_version_a_runbook_that_takes_one_is_not_offered_and_that_is_told(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    rules = rules_for(DRIFT, runbooks={"retrain": runbook({"model": MODEL}, "${version}")})
    models = Models(database, inbox, clock, rules, tmp_path)
    await models.prepare()
    random = np.random.default_rng(0)
    await models.reference("v1", {"price": random.normal(10, 1, 3000)})
    await models.predict({"price": random.normal(15, 1, 500)})
    incident = await models.only_incident()
    assert await models.runs_of(incident) == []
    assert any("gives no value for ${version}" in line for line in await models.timeline_of(incident))
    await models.watch.close()


async def test_where_predictions_name_no_version_it_is_the_one_promoted_last(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path
) -> None:
    rules = rules_for({**DRIFT, "kind": "prediction_drift"}, runbooks={"back": runbook({"model": MODEL}, "${version}")})
    models = Models(database, inbox, clock, rules, tmp_path)
    await models.prepare()
    random = np.random.default_rng(0)
    await models.reference("v1", {"price": random.normal(10, 1, 3000)}, prediction=random.normal(size=3000))
    for at, version in enumerate(("1", "2")):
        title = f"champion of {MODEL} is now version {version}"
        await models.send(ChangeEvent("mlflow", f"c{at}", MODEL, ChangeKind.MODEL, title, clock.now, version=version))
        clock.pass_(minutes=5)
    await models.predict({"price": random.normal(10, 1, 500)}, prediction=random.normal(3, 1, 500))
    [run] = await models.runs_of(await models.only_incident())
    assert run.plan.steps[0].parameters["argv"] == ["retrain", "2"]
    await models.watch.close()


@pytest.mark.parametrize("when, model", [({"severity": "info"}, MODEL), ({"model": "other"}, "other")])
async def test_the_model_is_that_of_the_runbook_or_the_only_one_that_fires(
    database: Database, inbox: Inbox, clock: Clock, tmp_path: Path, when: dict[str, Any], model: str
) -> None:
    models = Models(database, inbox, clock, rules_for(DRIFT), tmp_path)
    await models.prepare()
    await drifted(models, np.random.default_rng(0), clock)
    incident = await models.only_incident()
    book = runbook(when, "${model}")
    async with database.read() as connection:
        active = await models.alerts_of(incident)
        found = await model_facts(connection, placeholders_of(book), book.when, incident, active)
    assert found == {"model": model}
    await models.watch.close()


def test_the_digest_of_a_runbook_without_a_model_is_that_of_earlier_versions() -> None:
    assert definition_hash(runbook({"service": "api"})) == "d671a6a12f39d336"
    assert definition_hash(runbook({"service": "api", "model": "m"})) != "d671a6a12f39d336"
