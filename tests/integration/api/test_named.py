"""A filter that names what is not there is refused with the nearest name: an empty list would read as: all is well."""

from collections.abc import Callable

import pytest

from bot.domain.event import AlertEvent, ChangeEvent, ChangeKind
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from handlers.api.operation import all_operations
from tests.conftest import Clock
from tests.integration.api.programs import Programs, api
from tests.integration.pipeline_driver import Pipeline
from tests.integration.remediation.runs_driver import book

MakeAlert = Callable[..., AlertEvent]
NAMING = {"team": "shpo", "service": "payment", "runbook": "restrat", "model": "frau"}
"""Parameters that name what is in tandem.yaml, and how each is misspelt."""
NEAREST = {"team": "shop", "service": "payments", "runbook": "restart", "model": "fraud"}
ANSWERED = "/api/verdict"
"""Says in its reasons that nothing is known of it: a rollout that is judged by it goes on waiting."""


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    rules = Rules(depends_on={"storefront": ["payments"]}, runbooks={"restart": book()})
    return await Pipeline(database, inbox, clock, rules).prepare()


async def test_every_filter_of_every_operation_refuses_a_name_that_is_not_there_with_the_nearest(
    pipeline: Pipeline,
) -> None:
    seen = set()
    async with api(pipeline) as programs:
        for one in all_operations():
            for name in NAMING.keys() & set(one.query.__struct_fields__):
                if one.path == ANSWERED:
                    continue
                said = await programs.ci.problem(404, "GET", f"{one.path}?{name}={NAMING[name]}")
                assert f"{name}: " in said and f"did you mean {NEAREST[name]!r}?" in said, (one.path, said)
                seen.add((one.path, name))
        body = {"runbook": "restrat"}
        await programs.ci.ok("POST", "/api/incidents", {"title": "Slow", "service": "payments"}, status=201)
        assert "did you mean 'restart'?" in await programs.ci.problem(400, "POST", "/api/incidents/1/runs", body)
    assert seen >= {
        ("/api/changes", "service"),
        ("/api/incidents", "service"),
        ("/api/incidents", "team"),
        ("/api/oncall", "service"),
        ("/api/oncall", "team"),
        ("/api/runs", "runbook"),
        ("/api/services", "team"),
    }


async def _counts(programs: Programs, *paths: str) -> list[int]:
    found = [await programs.ci.ok("GET", path) for path in paths]
    return [len(next(part for part in answer.values() if isinstance(part, list))) for answer in found]


async def test_a_name_that_is_there_has_its_list_also_where_that_is_empty(pipeline: Pipeline, alert: MakeAlert) -> None:
    """A service is there once anything came about it, whether tandem.yaml has it or not."""
    change = ChangeEvent("ci", "1", "billing", ChangeKind.DEPLOY, "v2", pipeline.clock(), {"cluster": "eu-1"})
    await pipeline.send(alert(cluster="eu-1", service="ledger"), change)
    async with api(pipeline) as programs:
        await programs.ci.ok("POST", "/api/incidents", {"title": "Slow", "service": "by-hand"}, status=201)
        named = ("payments", "storefront", "checkout-eu", "ledger", "billing", "by-hand")
        opened = await _counts(programs, *(f"/api/incidents?service={name}" for name in named))
        assert opened == [0, 0, 0, 1, 0, 1]
        assert await _counts(programs, *(f"/api/changes?service={name}" for name in named)) == [0, 0, 0, 0, 1, 0]
        resolved = [f"/api/incidents?status=resolved&service={name}" for name in named]
        assert await _counts(programs, *resolved, "/api/oncall?service=ledger", "/api/oncall?team=stock") == [0] * 8
        assert await _counts(programs, "/api/incidents?team=stock", "/api/runs?runbook=restart") == [0, 0]


async def test_what_a_token_may_not_see_is_no_name_that_is_there(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(cluster="us-2", service="vault"))
    async with api(pipeline) as programs:
        for path in ("incidents", "changes", "oncall"):
            await programs.ci.ok("GET", f"/api/{path}?service=vault")
            said = await programs.eu.problem(404, "GET", f"/api/{path}?service=vaul")
            assert "vault" not in said
            await programs.eu.problem(404, "GET", f"/api/{path}?service=vault")


async def test_runs_of_a_runbook_that_tandem_yaml_no_longer_has_are_listed(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(cluster="eu-1", service="checkout"))
    pipeline.rules = Rules()
    async with api(pipeline) as programs:
        assert await _counts(programs, "/api/runs?runbook=restart") == [1]
        assert await _counts(programs, "/api/runs?runbook=restart&status=succeeded") == [0]
        await programs.ci.problem(404, "GET", "/api/runs?runbook=other")
