"""Remedies for models: a retraining where the data is the cause, and a rollback in a real MLflow, each verified."""

import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.domain.run import PlannedStep
from bot.remediation.executors import Outcome, execute
from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, alert, running, until
from tests.acceptance.mlflow_server import mlflow_server
from tests.acceptance.model_tools import SECRET, python_of
from tests.unit.test_model_tools import stored

MODEL = "demand-forecast"
TOPOLOGY = {"services": {"storefront": {"depends_on": [MODEL]}, MODEL: {}}}
needs_mlflow = pytest.mark.skipif(not python_of("mlflow"), reason="TANDEM_MLFLOW_PYTHON names no Python with mlflow")


def _report(status: str) -> dict[str, Any]:
    """Evidently's report, with the price's drift test as it is or as it would be without drift."""
    tests = [test for test in stored("evidently")["report"]["tests"] if test["id"] == "drift"]
    tests = [test | {"status": status} if "price" in test["name"] else test for test in tests]
    return {"model": MODEL, "report": {"tests": tests}}


async def _drifts(tandem: Tandem, status: str) -> None:
    assert await tandem.post("/webhooks/evidently", _report(status)) == (202, {"accepted": 2})


def _book(title: str, cause: str, *steps: dict[str, Any]) -> dict[str, Any]:
    when = {"cause": cause, "service": MODEL}
    book = {"title": title, "when": when, "steps": list(steps), "verify": {"within": "20s"}}
    return book | {"approval": {"approvers": [ON_CALL]}}


async def test_drifted_data_offers_a_retraining_and_no_scaling_and_the_monitor_proves_it(tmp_path: Path) -> None:
    told = json.dumps({"state": "success", "metrics": {"mape": 0.081}})
    train = {"command": {"argv": [sys.executable, "-c", f"open({str(tmp_path / 'trained')!r}, 'a').write('x')"]}}
    poll = {"command": {"argv": [sys.executable, "-c", f"print({told!r})"]}}
    books = {
        "retrain": _book("Retrain", "data", {"pipeline": {"start": train, "poll": poll, "metrics": "metrics"}}),
        "scale": _book("Scale out", "resource", {"command": {"argv": ["false"]}}),
    }
    async with running(tmp_path, TOPOLOGY | {"runbooks": books}) as tandem:
        await _drifts(tandem, "FAIL")
        assert await tandem.deliver(alert(service="storefront")) == 202
        message = await tandem.message("Retrain", "run.approve", f"data of {MODEL}", absent="Scale out")
        await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
        await tandem.message("verifying", absent="run.approve")
        assert (tmp_path / "trained").read_text() == "x"
        assert await tandem.deliver(alert("resolved", service="storefront")) == 202
        await tandem.message("verifying", "1 alert is firing")
        await _drifts(tandem, "SUCCESS")
        await tandem.message("Verified: the alerts have resolved")
        [incident] = await tandem.incidents()
        _, whole = await tandem.get(f"/api/incidents/{incident['id']}")
        assert any("mape: 0.081" in entry["text"] for entry in whole["timeline"])


@needs_mlflow
async def test_a_promotion_that_hurts_is_named_as_the_cause_and_rolled_back_in_mlflow(tmp_path: Path) -> None:
    async with mlflow_server(tmp_path) as mlflow:
        step = {"mlflow": {"url": mlflow.url, "model": "${service}", "alias": "champion", "before": 3}}
        config = TOPOLOGY | {"runbooks": {"rollback": _book("Roll back the model", "model", step)}}
        await mlflow.register(MODEL, 3)
        async with running(tmp_path, config, environment={"TANDEM_MLFLOW_SECRET": SECRET}) as tandem:
            await mlflow.tell(f"{tandem.url}/webhooks/mlflow")
            for version in ("2", "3"):
                await mlflow.call("registered-models/alias", name=MODEL, alias="champion", version=version)
            await _accepted(tandem, 2)
            await _drifts(tandem, "FAIL")
            message = await tandem.message("run.approve", f"set alias champion of {MODEL} to the newest version")
            assert f"champion of {MODEL} is now version 3" in json.dumps(await tandem.incidents())
            await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
            await tandem.message("verifying", absent="run.approve")
            assert await mlflow.named_by(MODEL, "champion") == "2"
            await _drifts(tandem, "SUCCESS")
            await tandem.message("Verified: the alerts have resolved")
        await _the_other_ways(mlflow.url)


async def _accepted(tandem: Tandem, changes: int) -> None:
    """MLflow posts in its own time; the door counts what it took."""

    async def taken() -> bool:
        return await _counted(tandem) >= changes

    await until(taken, "MLflow's webhook is accepted", 20)


async def _counted(tandem: Tandem) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{tandem.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    found = [line for line in lines if line.startswith("tandem_events_accepted_total") and '"mlflow"' in line]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


async def _the_other_ways(url: str) -> None:
    """What an alias and a stage may be set to, and what is refused, on the same server."""

    async def step(**given: Any) -> Outcome:
        return await execute(PlannedStep("mlflow", {"url": url, "model": MODEL} | given), {})

    assert await step(alias="previous", from_alias="champion") == Outcome(
        True, f"previous of {MODEL} is version 2; it was nothing"
    )
    assert (await step(alias="champion", version=3, instead_of=2)).ok
    assert await step(alias="champion", from_alias="previous") == Outcome(
        True, f"champion of {MODEL} is version 2; it was version 3"
    )
    assert await step(alias="champion", before=3) == Outcome(True, f"champion of {MODEL} is version 2 already")
    other = await step(alias="champion", version=1, instead_of=3)
    assert other == Outcome(False, f"champion of {MODEL} is version 2, not version 3: nothing was set")
    assert not (await step(alias="champion", before=1)).ok
    assert "no alias nobody" in (await step(alias="champion", from_alias="nobody")).output
    assert "RESOURCE_DOES_NOT_EXIST" in (await step(alias="champion", version=99)).output
    assert "is in Production" in (await step(stage="Production", version=2, archive_others=True)).output
    assert (await step(stage="Production", version=2)).ok
