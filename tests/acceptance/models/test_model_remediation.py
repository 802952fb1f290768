"""Remedies for models: a retraining where the data is the cause, and a rollback in a real MLflow, each verified."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.domain.run import PlannedStep
from bot.remediation.executors import Outcome, execute
from tests.acceptance.harness import CHANNEL, ON_CALL, Tandem, alert, runbook, running, until
from tests.acceptance.mlflow_server import mlflow_server
from tests.acceptance.model_tools import SECRET, python_of
from tests.integration.executors.contexts import context
from tests.integration.executors.test_gate import HARD, Scorer
from tests.unit.handlers.test_model_tools import stored

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


async def test_a_gate_is_seen_before_the_click_and_asked_again_after_it(tmp_path: Path) -> None:
    scorer = Scorer()
    async with scorer.server:
        mark = {"command": {"argv": [sys.executable, "-c", f"open({str(tmp_path / 'promoted')!r}, 'a').write('x')"]}}
        gate = {"gate": {"on": {"pinned reference": scorer.pair("better")}}}
        books = {"promote": _book("Promote the challenger", "data", gate, mark), "restart": runbook("true")}
        async with running(tmp_path, TOPOLOGY | {"runbooks": books}) as tandem:
            scorer.free.clear()
            await _drifts(tandem, "FAIL")
            await tandem.message("is being asked", "run.approve")
            assert await tandem.deliver(alert()) == 202  # which has nothing to do with the model
            other = await tandem.message("Restart checkout", "run.approve")
            await tandem.slack.click(ON_CALL, CHANNEL, other["ts"], "run.approve")
            await tandem.message("Restart checkout", "verifying")
            scorer.free.set()
            seen = await tandem.message("would let this pass now", "95 % interval 0.", "500 rows", "run.approve")
            scorer.losses("better", HARD)
            await tandem.slack.click(ON_CALL, CHANNEL, seen["ts"], "run.approve")
            failed = await tandem.message("the challenger is not shown to be better", absent="run.approve")
            assert failed["ts"] == seen["ts"]
            assert not (tmp_path / "promoted").exists()


@needs_mlflow
async def test_a_challenger_that_is_better_is_promoted_in_mlflow_by_who_saw_its_interval(tmp_path: Path) -> None:
    scorer = Scorer()
    async with mlflow_server(tmp_path) as mlflow, scorer.server:
        await mlflow.register(MODEL, 2)
        for alias, version in (("champion", "1"), ("challenger", "2")):
            await mlflow.call("registered-models/alias", name=MODEL, alias=alias, version=version)
        gate = {"gate": {"on": {"pinned reference": scorer.pair("better"), "recent labels": scorer.pair("better")}}}
        promote = {"mlflow": {"url": mlflow.url, "model": MODEL, "alias": "champion", "from_alias": "challenger"}}
        config = TOPOLOGY | {"runbooks": {"promote": _book("Promote the challenger", "data", gate, promote)}}
        async with running(tmp_path, config) as tandem:
            await _drifts(tandem, "FAIL")
            shown = ("would let this pass now", "pinned reference", "recent labels", "95 % interval 0.", "run.approve")
            message = await tandem.message(*shown)
            assert await mlflow.named_by(MODEL, "champion") == "1"
            await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
            await tandem.message("verifying", absent="run.approve")
            assert await mlflow.named_by(MODEL, "champion") == "2"
            await _drifts(tandem, "SUCCESS")
            await tandem.message("Verified: the alerts have resolved")


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
            since = {"startsAt": datetime.now(UTC).isoformat()}
            worse = {"alertname": "ForecastAccuracyDrop", "service": MODEL}  # no drift of what the model is fed
            assert await tandem.deliver(alert(**worse) | since) == 202
            message = await tandem.message("run.approve", f"set alias champion of {MODEL} to the newest version")
            assert f"champion of {MODEL} is now version 3" in json.dumps(await tandem.incidents())
            await tandem.slack.click(ON_CALL, CHANNEL, message["ts"], "run.approve")
            await tandem.message("verifying", absent="run.approve")
            assert await mlflow.named_by(MODEL, "champion") == "2"
            assert await tandem.deliver(alert("resolved", **worse) | since) == 202
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
        return await execute(PlannedStep("mlflow", {"url": url, "model": MODEL} | given), context({}))

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
