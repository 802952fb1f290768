"""``POST /api/v1/lineage``: what OpenLineage's own client sends becomes edges, alerts and evidence."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    data_quality_assertions_dataset,
    dataset_version_dataset,
    error_message_run,
    source_code_location_job,
)
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport

from bot.domain.alert import Alert
from bot.domain.rules import CorrelationRules, Rules
from bot.inbox.inbox import Inbox
from bot.inbox.intake import Intake
from bot.model_store.references import Lineage as References
from bot.notify.thread import thread_update
from bot.pipeline.worker import Worker
from bot.storage.database import Database
from bot.storage.queries import learnt_edges
from bot.watches.configured import watches
from handlers.lineage import add_lineage_routes
from tests.acceptance.harness import TOKEN
from tests.acceptance.wire import AUTHENTIC
from tests.conftest import Clock
from tests.integration.api.programs import api
from tests.integration.pipeline_driver import Pipeline, make_alert, plan_without_values
from tests.integration.watches.models_driver import MODEL, Models, rules_for

RULES = Rules(
    correlation=CorrelationRules(partition_by=["cluster"]),
    depends_on={"demand-forecast": ["sales"], "sales": []},
    partitions=2,
)
RUNS = [f"0190e0c1-7b5e-7e2d-9d0b-00000000000{n}" for n in range(10)]
Json = dict[str, Any]


class Lineage(NamedTuple):
    pipeline: Pipeline
    session: ClientSession
    url: str

    async def post(self, *events: Json, query: str = "cluster=eu") -> tuple[int, Json]:
        body: Any = events[0] if len(events) == 1 else list(events)
        url = f"{self.url}/api/v1/lineage?{query}"
        async with self.session.post(url, data=json.dumps(body), headers=AUTHENTIC) as answer:
            said = await answer.json()
        await self.pipeline.worker.drain()
        return answer.status, said

    async def alerts(self) -> dict[tuple[str, str], str]:
        """Alert and service to status."""
        return {(one.name, one.service): one.status.value for one in await self.all_alerts()}

    async def all_alerts(self) -> list[Alert]:
        found = [await self.pipeline.alerts_of(incident) for incident in await self.pipeline.incidents()]
        return [alert for alerts in found for alert in alerts]

    async def edges(self) -> set[tuple[str, str]]:
        async with self.pipeline.database.read() as connection:
            found = await learnt_edges.all_edges(connection, self.pipeline.clock.now)
        return {(edge.service, edge.depends_on) for edge, _ in found}

    def event(self, kind: str, run: int = 0, *, job: str = "etl.load_sales", ago: int = 0, **more: Any) -> Json:
        at = self.pipeline.clock.now - timedelta(seconds=ago)
        made: Json = {"eventType": kind, "eventTime": at.isoformat(), "producer": "https://example.com"}
        made |= {"run": {"runId": RUNS[run], "facets": more.pop("run_facets", {})}}
        made |= {"job": {"namespace": "airflow", "name": job, "facets": more.pop("job_facets", {})}}
        outputs = [{"namespace": "postgres://db:5432", "name": "shop.public.sales"}]
        return {**made, "inputs": [], "outputs": outputs, **more}


@pytest.fixture
async def lineage(database: Database, inbox: Inbox, clock: Clock) -> AsyncIterator[Lineage]:
    pipeline = await Pipeline(database, inbox, clock, RULES).prepare()
    pipeline.worker = Worker(pipeline.services, plan_without_values, watches(RULES, clock))
    intake = Intake(inbox)
    intake.start()
    http = web.Application()
    add_lineage_routes(http, intake, TOKEN, clock, RULES)
    server = TestServer(http)
    await server.start_server(auto_decompress=False)
    async with ClientSession() as session:
        yield Lineage(pipeline, session, str(server.make_url("")).rstrip("/"))
    await server.close()
    await intake.stop()


def _emit(url: str, at: str, state: RunState, failed: bool) -> None:
    config = HttpConfig(url=url, endpoint="api/v1/lineage?cluster=eu", auth=ApiKeyTokenProvider({"api_key": TOKEN}))
    client = OpenLineageClient(transport=HttpTransport(config))
    error: Json = {"errorMessage": error_message_run.ErrorMessageRunFacet("no space left", "PYTHON", "at line 1")}
    location = source_code_location_job.SourceCodeLocationJobFacet(
        type="git", url="https://git.example/etl", version="4f2c1aa"
    )
    assertion = data_quality_assertions_dataset.Assertion(assertion="not_null", success=False, column="price")
    checked = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(assertions=[assertion])
    version = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion="42")
    raw = InputDataset("s3://lake", "raw/sales", inputFacets={"dataQualityAssertions": checked})
    sales = OutputDataset("postgres://db:5432", "shop.public.sales", facets={"version": version})
    run = Run(runId=RUNS[0], facets=error if failed else {})
    job = Job(namespace="airflow", name="etl.load_sales", facets={"sourceCodeLocation": location})
    about: Json = {"run": run, "job": job, "producer": "https://example.com", "inputs": [raw], "outputs": [sales]}
    client.emit(RunEvent(eventType=state, eventTime=at, **about))
    client.close()


async def test_what_the_real_client_sends_is_edges_alerts_and_versions(lineage: Lineage) -> None:
    at = lineage.pipeline.clock.now.isoformat()
    await asyncio.to_thread(_emit, lineage.url, at, RunState.COMPLETE, False)
    await lineage.pipeline.worker.drain()
    assert await lineage.edges() == {("etl.load_sales", "raw/sales"), ("sales", "etl.load_sales")}
    [alert] = await lineage.all_alerts()
    assert (alert.name, alert.service) == ("DataAssertionFailed", "raw/sales")
    assert alert.annotations["summary"] == "raw/sales: the assertion not_null of price fails"
    drifted = make_alert(lineage.pipeline.clock)(alertname="FeatureDrift", service="demand-forecast", cluster="eu")
    lineage.pipeline.clock.pass_(minutes=30)
    await lineage.pipeline.send(drifted)
    told = [line for one in await lineage.pipeline.incidents() for cause in one.causes for line in cause.evidence]
    assert any("version 42" in line and RUNS[0] in line and "4f2c1aa" in line for line in told)


async def test_a_drifted_feature_names_run_commit_and_version_of_the_data_in_message_and_api(
    lineage: Lineage, tmp_path: Path
) -> None:
    rules = rules_for(
        {"kind": "drift", "window": {"rows": 200}},
        correlation=RULES.correlation,
        depends_on=RULES.depends_on,
        partitions=RULES.partitions,
    )
    pipeline = lineage.pipeline
    models = Models(pipeline.database, pipeline.inbox, pipeline.clock, rules, tmp_path)
    random = np.random.default_rng(0)
    await models.reference("v1", {"x": random.normal(size=1000)}, lineage=References(data_version="42"))
    await models.predict({"x": random.normal(size=200)})
    await asyncio.to_thread(_emit, lineage.url, pipeline.clock.now.isoformat(), RunState.COMPLETE, False)
    await pipeline.worker.drain()
    pipeline.clock.pass_(minutes=30)
    models.restart()
    await models.predict({"x": random.normal(5, size=200)})
    await models.watch.close()
    [drifted] = [one for one in await lineage.all_alerts() if one.name == "FeatureDrift"]
    assert drifted.annotations["reference_data"] == f"data version 42, run {RUNS[0]}, commit 4f2c1aa"
    made = f"sales: version 42, written by run {RUNS[0]} of etl.load_sales from commit 4f2c1aa"
    assert drifted.annotations["data_versions"].startswith(made)
    shown = [(one.name, one.text) for one in thread_update([], [drifted]).alerts[0].annotations]
    assert ("data_versions", drifted.annotations["data_versions"]) in shown
    assert ("reference_data", drifted.annotations["reference_data"]) in shown
    async with api(models) as programs:
        [sales] = (await programs.ci.ok("GET", f"/api/models/{MODEL}"))["data"]
    assert (sales["dataset"], sales["version"], sales["run"]) == ("sales", "42", RUNS[0])
    assert (sales["job"], sales["commit"], sales["pulled"]) == ("etl.load_sales", "4f2c1aa", False)


async def test_a_run_that_fails_is_an_alert_on_the_job_and_on_what_it_should_have_written(lineage: Lineage) -> None:
    at = lineage.pipeline.clock.now.isoformat()
    await asyncio.to_thread(_emit, lineage.url, at, RunState.FAIL, True)
    await lineage.pipeline.worker.drain()
    found = {(one.name, one.service): one for one in await lineage.all_alerts()}
    assert "no space left" in found["JobRunFailed", "etl.load_sales"].annotations["summary"]
    assert found["DatasetNotWritten", "sales"].status.value == "firing"
    failed = next(one for one in await lineage.pipeline.incidents() if "sales" in one.services)
    assert (failed.causes[0].service, failed.causes[0].kind) == ("raw/sales", "data")  # whose assertion fails
    lineage.pipeline.clock.pass_(minutes=10)
    await lineage.post(lineage.event("COMPLETE", 1))
    after = await lineage.alerts()
    assert after["JobRunFailed", "etl.load_sales"] == after["DatasetNotWritten", "sales"] == "resolved"


ORDERS = [["START", "FAIL", "COMPLETE"], ["COMPLETE", "FAIL", "START"], ["FAIL", "COMPLETE", "START"]]


@pytest.mark.parametrize("order", ORDERS)
async def test_a_run_that_failed_has_failed_in_whatever_order_that_is_reported(
    lineage: Lineage, order: list[str]
) -> None:
    times = {"START": 60, "FAIL": 30, "COMPLETE": 29}
    for kind in order:
        assert (await lineage.post(lineage.event(kind, ago=times[kind])))[0] == 202
    assert (await lineage.alerts())["JobRunFailed", "etl.load_sales"] == "firing"


async def test_what_is_reported_late_of_an_earlier_run_does_not_fire(lineage: Lineage) -> None:
    await lineage.post(lineage.event("COMPLETE", 1))
    await lineage.post(lineage.event("FAIL", 0, ago=3600))
    assert await lineage.alerts() == {}


async def test_complete_with_an_error_is_a_failure_and_so_is_an_application_whose_job_failed(lineage: Lineage) -> None:
    error = {"errorMessage": {"message": "boom", "programmingLanguage": "SCALA"}}
    await lineage.post(lineage.event("COMPLETE", 0, run_facets=error))
    assert (await lineage.alerts())["JobRunFailed", "etl.load_sales"] == "firing"
    [cause] = (await lineage.pipeline.only_incident()).causes
    assert (cause.service, cause.kind) == ("etl.load_sales", "dependency")
    parent = {"parent": {"run": {"runId": RUNS[5]}, "job": {"namespace": "airflow", "name": "spark_app"}}}
    await lineage.post(lineage.event("FAIL", 1, job="spark_app.write", run_facets=parent, outputs=[]))
    await lineage.post(lineage.event("COMPLETE", 5, job="spark_app", outputs=[]))
    assert (await lineage.alerts())["JobRunFailed", "spark_app"] == "firing"
    assert ("spark_app", "spark_app.write") in await lineage.edges()


async def test_a_part_that_was_tried_again_with_success_does_not_make_the_whole_fail(lineage: Lineage) -> None:
    parent = {"parent": {"run": {"runId": RUNS[5]}, "job": {"namespace": "airflow", "name": "dag"}}}
    part: Json = {"job": "dag.task", "run_facets": parent, "outputs": []}
    await lineage.post(lineage.event("FAIL", 1, ago=60, **part), lineage.event("COMPLETE", 2, ago=30, **part))
    await lineage.post(lineage.event("COMPLETE", 5, job="dag", outputs=[]))
    assert {name for (name, service), status in (await lineage.alerts()).items() if service == "dag"} == set()


async def test_an_assertion_that_holds_again_ends_its_alert(lineage: Lineage) -> None:
    def checked(success: bool, ago: int) -> Json:
        facet = {"assertions": [{"assertion": "unique", "column": "id", "success": success, "severity": "error"}]}
        dataset = {"namespace": "x", "name": "orders", "inputFacets": {"dataQualityAssertions": facet}}
        return lineage.event("COMPLETE", 0 if success else 1, ago=ago, inputs=[dataset])

    await lineage.post(checked(False, 60))
    await lineage.post(checked(True, 120))  # which was before
    assert (await lineage.alerts())["DataAssertionFailed", "orders"] == "firing"
    await lineage.post(checked(True, 0))
    assert (await lineage.alerts())["DataAssertionFailed", "orders"] == "resolved"


async def test_what_is_asserted_of_a_dataset_without_a_run_counts_as_well(lineage: Lineage) -> None:
    facet = {"assertions": [{"assertion": "row_count", "success": False, "severity": "warn"}]}
    dataset = {"namespace": "x", "name": "sales", "facets": {"dataQualityAssertions": facet}}
    at = lineage.pipeline.clock.now.isoformat()
    assert await lineage.post({"eventTime": at, "dataset": dataset}) == (202, {"accepted": 1})
    [alert] = await lineage.all_alerts()
    assert (alert.name, alert.service, alert.severity.value) == ("DataAssertionFailed", "sales", "info")


async def test_another_commit_of_what_writes_a_dataset_is_a_change_that_may_be_the_cause(lineage: Lineage) -> None:
    for run, commit in ((0, "aaa111"), (1, "bbb222")):
        facets = {"sourceCodeLocation": {"type": "git", "url": "https://git.example/etl", "version": commit}}
        await lineage.post(lineage.event("COMPLETE", run, job_facets=facets))
        lineage.pipeline.clock.pass_(minutes=30)
    drifted = make_alert(lineage.pipeline.clock)(alertname="FeatureDrift", service="demand-forecast", cluster="eu")
    await lineage.pipeline.send(drifted)
    [cause] = (await lineage.pipeline.only_incident()).causes
    assert (cause.service, cause.kind) == ("sales", "data")
    assert "commit bbb222, before of aaa111" in cause.evidence[0]


WRONG: list[tuple[Any, int]] = [
    ({"eventTime": "2026-03-01T12:00:00Z"}, 400),
    ({"eventTime": "yesterday", "job": {"namespace": "a", "name": "b"}}, 400),
    ("[", 400),
]


@pytest.mark.parametrize("body, status", WRONG)
async def test_what_is_no_event_is_refused(lineage: Lineage, body: Any, status: int) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    async with lineage.session.post(f"{lineage.url}/api/v1/lineage", data=text, headers=AUTHENTIC) as answer:
        assert (answer.status, answer.content_type) == (status, "application/problem+json")
    async with lineage.session.post(f"{lineage.url}/api/v1/lineage", data=text) as answer:
        assert answer.status == 401
    assert (await lineage.post(lineage.event("START"), query="clustre=eu"))[0] == 400
