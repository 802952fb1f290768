"""DBOS's database cannot be opened: readiness and the doctor say so before an approved run waits for it in vain."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import make_url, text

from bot.commands.parts.checks.workflows import check_postgresql, check_workflows
from bot.config import Environment, read_environment
from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.remediation.approval import Terms
from bot.remediation.records import RunRecords
from bot.remediation.starting import Start
from bot.remediation.steps import Steps
from bot.remediation.workflow import Remediation
from bot.remediation.workflow_database import workflow_database
from bot.services import Services
from handlers.api.server import Api, Health
from tests.acceptance.harness import until
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import book

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def environment(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("TANDEM_DATABASE_URL", pipeline.database.address.render_as_string(hide_password=False))
    return read_environment()


@pytest.fixture
async def remediation(pipeline: Pipeline, environment: Environment) -> AsyncIterator[Remediation]:
    pipeline.rules = Rules(runbooks={"restart": book()})
    terms = Terms(pipeline.rules.runbooks)
    records = RunRecords(pipeline.database, pipeline.clock, lambda: None)
    services = Services(pipeline.database, pipeline.inbox, pipeline.rules, pipeline.clock)
    url = workflow_database(environment.database_url)
    made = Remediation(services, terms, Steps(records, {}, Start(records, terms)), url)
    await made.launch()
    yield made
    await made.close(grace=1)


def _make_a_folder(path: Path) -> None:
    path.mkdir()


def _write_rubbish(path: Path) -> None:
    path.write_bytes(b"rubbish" * 1000)


def _remove(path: Path) -> None:
    path.rmdir() if path.is_dir() else path.unlink()


@on_sqlite
@pytest.mark.parametrize("damage", [_make_a_folder, _write_rubbish])
async def test_while_dbos_cannot_be_opened_it_is_unready_and_well_again_by_itself(
    pipeline: Pipeline,
    remediation: Remediation,
    environment: Environment,
    alert: MakeAlert,
    damage: Callable[[Path], None],
) -> None:
    workflows = Path(str(make_url(workflow_database(environment.database_url)).database))
    app = web.Application()
    health = Health(lambda: ("off", True), workflows=remediation.health)
    Api(pipeline.database, pipeline.inbox, "token", health).add_routes(app)
    async with TestClient(TestServer(app)) as client:

        async def ready(**headers: str) -> tuple[int, str]:
            async with client.get("/readyz", headers=headers) as answer:
                return answer.status, (await answer.json())["workflows"]

        async def is_well() -> bool:
            return await ready() == (200, "ok")

        async def is_not() -> bool:
            return await ready() == (503, "unavailable")

        async def was_tried() -> bool:
            return bool(remediation.problem)

        async def was_opened() -> bool:
            return not remediation.problem

        assert await is_well(), "it is made with the first run"
        assert await check_workflows(pipeline.database, environment) == []
        damage(workflows)
        await until(is_not, "it is not ready")
        _, says = await ready(Authorization="Bearer token")
        assert str(workflows) in says and "no approved run begins" in says
        [found] = await check_workflows(pipeline.database, environment)
        assert found.failed and str(workflows) in found.text and "tried again by itself" in found.advice
        driver = Pipeline(pipeline.database, pipeline.inbox, pipeline.clock, pipeline.rules)
        await driver.send(alert(service="checkout"))
        working = asyncio.create_task(remediation.run())
        await until(was_tried, "it was to be opened")
        pipeline.clock.pass_(days=1)  # the offer lapses: nothing is left that would have it opened
        _remove(workflows)
        await until(is_well, "it is ready")
        await until(was_opened, "it was opened")
        working.cancel()
        assert await check_workflows(pipeline.database, environment) == []
        workflows.unlink()
        await until(is_not, "it is not ready")
        assert "was deleted while it was open: start Tandem again" in (await ready(Authorization="Bearer token"))[1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_the_doctor_sees_whether_the_schema_of_dbos_may_be_made(
    pipeline: Pipeline, environment: Environment
) -> None:
    assert await check_workflows(pipeline.database, environment) == []
    async with pipeline.database.write() as connection:
        await connection.execute(text("CREATE ROLE reads_only"))
        await connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reads_only"))
        await connection.execute(text("SET LOCAL ROLE reads_only"))
        [found] = await check_postgresql(connection)
        await connection.execute(text("RESET ROLE"))
        await connection.execute(text("DROP OWNED BY reads_only"))
        await connection.execute(text("DROP ROLE reads_only"))
    assert found.failed and "the schema dbos may not be made: no approved run begins" in found.text
