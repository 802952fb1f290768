"""The runbooks of docs/verdict.md, run: MLflow's aliases and KServe's share of the traffic, moved by the verdict."""

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
from bot.kubernetes import Cluster
from bot.kubernetes.progress import progress_of
from bot.kubernetes.resources import INFERENCE_SERVICES
from bot.remediation.executors import Outcome, Protection, StepContext, execute
from tests.integration.kubernetes.api_server import ApiServer, Thing

PAGE = (Path(__file__).parents[3] / "docs" / "verdict.md").read_text()
BLOCKS = [one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if one.startswith("runbooks:")]
MODELS = """
models: {fraud: {served_by: fraud-api, monitors: [{kind: performance, metric: f1}]}}
services: {fraud-api: {}}
"""
CLUSTER = "kubernetes: {namespaces: [shop]}\n"


class Tools:
    """Tandem's verdicts, one after the other, and a registry."""

    def __init__(self, *verdicts: bool | None) -> None:
        self.verdicts, self.authorized = list(verdicts), set[str]()
        self.aliases = {"champion": "7", "challenger": "8"}
        app = web.Application()
        app.router.add_get("/api/verdict", self._verdict)
        app.router.add_route("*", "/api/2.0/mlflow/{path:.*}", self._registry)
        self.server = TestServer(app)

    async def _verdict(self, request: web.Request) -> web.Response:
        assert dict(request.query) == {"model": "fraud", "version": "8"}
        self.authorized.add(request.headers["Authorization"])
        ok = self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]
        return web.json_response({"ok": ok, "confidence": 0.0, "reasons": ["so it is"]})

    async def _registry(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            given = await request.json()
            self.aliases[given["alias"]] = given["version"]
            return web.json_response({})
        version = self.aliases.get(request.query["alias"])
        found = {"model_version": {"version": version}} if version else {"error_code": "RESOURCE_DOES_NOT_EXIST"}
        return web.json_response(found, status=200 if version else 404)

    async def run(self, block: str, cluster: Cluster | None = None) -> list[Outcome]:
        """The steps of the block's runbook, and its rollback where one fails."""
        text = re.sub(r"https://\w+\.example/?", str(self.server.make_url("/")), block).replace(
            "every: 30s", "every: 10ms"
        )
        [book] = read_documents(Path("block"), text)[0].value["runbooks"].values()
        done = list[Outcome]()
        for name in ("steps", "rollback"):
            for at, step in enumerate(book[name]):
                done.append(await self._performed(step, f"{name}/{at}", cluster))
                if not done[-1].ok:
                    break
            if done[-1].ok:
                return done
        raise AssertionError(done)

    async def _performed(self, step: dict[str, Any], name: str, cluster: Cluster | None) -> Outcome:
        [(kind, parameters)] = step.items()
        context = StepContext(
            "run-1", "incident-1", name, {"VERDICT": "s3cret"}, Protection(cluster=cluster), ("fraud-api",)
        )
        return await execute(PlannedStep(kind, parameters), context)


@pytest.fixture
async def tools(request: pytest.FixtureRequest) -> AsyncIterator[Tools]:
    made = Tools(*request.param)
    async with made.server:
        yield made


def test_the_runbooks_of_the_page_are_valid(tmp_path: Path) -> None:
    assert len(BLOCKS) == 2
    for block in BLOCKS:
        file = tmp_path / "tandem.yaml"
        file.write_text(MODELS + CLUSTER + block)
        config, _ = load_config(file)
        assert len(config.runbooks) == 1


@pytest.mark.parametrize("tools", [(None, None, True)], indirect=True)
async def test_a_challenger_that_is_not_worse_becomes_the_champion(tools: Tools) -> None:
    found = await tools.run(BLOCKS[0])
    assert [one.ok for one in found] == [True] * 4
    assert tools.aliases == {"champion": "8", "challenger": "8", "canary": "8", "previous": "7"}
    assert tools.authorized == {"Bearer s3cret"}


@pytest.mark.parametrize("tools", [(None, False)], indirect=True)
async def test_one_that_is_worse_goes_back(tools: Tools) -> None:
    found = await tools.run(BLOCKS[0])
    assert [one.ok for one in found] == [True, True, False, True, True]
    assert "the pipeline has ended: false" in found[2].output and "so it is" in found[2].output
    assert (tools.aliases["champion"], tools.aliases["canary"]) == ("7", "7")


def inference_service(percent: int | None) -> Thing:
    share = {} if percent is None else {"canaryTrafficPercent": percent}
    meta = {"name": "fraud-api", "namespace": "shop"}
    return {"metadata": meta, "spec": {"predictor": {"model": {"storageUri": "s3://fraud/8"}, **share}}, "status": {}}


def _moves_the_traffic(thing: Thing) -> None:
    """KServe's controller: what is declared becomes the traffic of Knative's revisions."""
    percent = thing["spec"]["predictor"].get("canaryTrafficPercent", 100)
    traffic = [{"latestRevision": True, "percent": percent}, {"revisionName": "fraud-1", "percent": 100 - percent}]
    ready = [{"type": "Ready", "status": "True"}]
    thing["status"] = {"conditions": ready, "components": {"predictor": {"traffic": traffic}}}


@pytest.mark.parametrize("tools, left", [((None, True), None), ((None, False), 0)], indirect=["tools"])
async def test_the_canary_gets_all_traffic_or_none(
    tools: Tools, left: int | None, server: ApiServer, cluster: Cluster
) -> None:
    server.controllers.append(_moves_the_traffic)
    server.add(INFERENCE_SERVICES, inference_service(10))
    found = await tools.run(BLOCKS[1], cluster)
    spec = server.get(INFERENCE_SERVICES, "shop", "fraud-api")["spec"]["predictor"]
    assert spec.get("canaryTrafficPercent") == left
    assert f"{100 if left is None else left} % of the traffic go to the latest revision" in found[-1].output
    assert spec["model"] == {"storageUri": "s3://fraud/8"}


@pytest.mark.parametrize(
    "status, text, done",
    [
        ({}, "it is not ready: nothing is said of it", False),
        ({"conditions": [{"type": "Ready", "status": "False", "message": "no image"}]}, "not ready: no image", False),
        ({"conditions": [{"type": "Ready", "status": "True"}]}, "10 % of the traffic go to the latest", True),
        (
            {
                "conditions": [{"type": "Ready", "status": "True"}],
                "components": {"predictor": {"traffic": [{"latestRevision": True, "percent": 100}]}},
            },
            "100 % of the traffic go to the latest revision, and 10 % are to",
            False,
        ),
    ],
)
def test_what_an_inference_service_says_of_itself(status: dict[str, Any], text: str, done: bool) -> None:
    thing = inference_service(10) | {"status": status}
    thing["metadata"]["generation"] = 3
    progress = progress_of("InferenceService", thing)
    assert text in progress.text and progress.done is done
    old = progress_of("InferenceService", thing | {"status": status | {"observedGeneration": 2}})
    assert not old.done and "has not seen the change" in old.text
