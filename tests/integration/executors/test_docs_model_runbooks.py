"""The runbooks of models that docs/runbooks.md shows are valid, and do what it says when they are run."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.config import load_config
from bot.config.document import read_documents
from bot.domain.run import PlannedStep
from bot.remediation.executors import Outcome, execute
from tests.integration.executors.contexts import context
from tests.integration.executors.test_gate import HARD, IDS

DOCS = Path(__file__).parents[3] / "docs"
BLOCKS = re.findall(r"```yaml\n(.*?)```", (DOCS / "runbooks.md").read_text(), re.DOTALL)
FIRST_HOUR = re.findall(r"```yaml\n(.*?)```", (DOCS / "models-first-hour.md").read_text(), re.DOTALL)
OF_MODELS = [
    block for block in BLOCKS + FIRST_HOUR if block.startswith(("runbooks:", "services:")) and "mlflow" in block
]
[GATE] = [block for block in BLOCKS if block.startswith("- gate:")]
[RETRAIN] = [block for block in BLOCKS if "retrain-forecast:" in block]
MODELS = "models: {demand-forecast: {monitors: [{kind: performance, metric: accuracy}]}}\n"


class Tools:
    """A registry, a trainer, a scorer and whoever serves: ``better`` says how the retrained model does."""

    def __init__(self, better: bool) -> None:
        self.better, self.aliases = better, {"champion": "7"}
        self.losses = {"champion": HARD, "challenger": HARD * 0.5 if better else HARD * 1.1}
        app = web.Application()
        app.router.add_route("*", "/retrain", self._retrain)
        app.router.add_get("/runs/r1", self._state)
        app.router.add_get("/canary", self._state)
        app.router.add_get("/losses/{model}", self._losses)
        app.router.add_route("*", "/api/2.0/mlflow/{path:.*}", self._registry)
        self.server = TestServer(app)

    async def _retrain(self, _: web.Request) -> web.Response:
        self.aliases["challenger"] = "8"
        return web.json_response({"run": "r1"})

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response({"state": "success", "metrics": {"accuracy": 0.93}})

    async def _losses(self, request: web.Request) -> web.Response:
        losses = self.losses[request.match_info["model"]]
        return web.json_response({"ids": IDS, "losses": list(losses), "data": request.query["on"]})

    async def _registry(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            given = await request.json()
            self.aliases[given["alias"]] = given["version"]
            return web.json_response({})
        version = self.aliases.get(request.query["alias"])
        found = {"model_version": {"version": version}} if version else {"error_code": "RESOURCE_DOES_NOT_EXIST"}
        return web.json_response(found, status=200 if version else 404)

    def of(self, block: str) -> Any:
        """A block with the addresses of these tools in the place of the page's."""
        text = re.sub(r"https://\w+\.example/?", str(self.server.make_url("/")), block)
        return read_documents(Path("block"), text)[0].value


@pytest.fixture(params=[True, False])
async def tools(request: pytest.FixtureRequest) -> AsyncIterator[Tools]:
    made = Tools(request.param)
    async with made.server:
        yield made


async def _executed(step: dict[str, Any]) -> Outcome:
    [(kind, parameters)] = step.items()
    return await execute(PlannedStep(kind, parameters), context({}))


@pytest.mark.parametrize("block", OF_MODELS)
def test_each_runbook_of_a_model_is_valid(block: str, tmp_path: Path) -> None:
    file = tmp_path / "tandem.yaml"
    file.write_text(block if "models:" in block else MODELS + block)
    config, _ = load_config(file)
    assert config.runbooks


async def test_the_gate_of_the_page_passes_a_better_model_and_no_other(tools: Tools) -> None:
    [step] = tools.of(GATE)
    outcome = await _executed(step)
    assert outcome.ok is tools.better
    assert outcome.output.startswith("the pinned reference (reference): better by") and "(recent)" in outcome.output


async def test_a_retrained_model_is_promoted_once_it_has_passed_each_step(tools: Tools) -> None:
    book = tools.of(RETRAIN)["runbooks"]["retrain-forecast"]
    found = list[str]()
    for step in book["steps"]:
        outcome = await _executed(step)
        found.append(outcome.output)
        if not outcome.ok:
            break
    assert tools.aliases["champion"] == ("8" if tools.better else "7")
    assert found[:2] == [
        "previous of demand-forecast is version 7; it was nothing",
        "the pipeline has ended: success\naccuracy: 0.93",
    ]
    assert "interval" in found[2] and (len(found) == 6) is tools.better
    [undo] = book["rollback"]
    assert (await _executed(undo)).ok and tools.aliases["champion"] == "7"
