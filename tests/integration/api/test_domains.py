"""A token of one correlation domain learns nothing of another by any operation, those that come later included."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.domain.event import AlertEvent, ChangeEvent, ChangeKind
from bot.domain.incident import TimelineEntry, TimelineKind
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries.incidents import add_to_timeline
from handlers.api.operation import Operation, all_operations
from handlers.mcp.tools import all_tools
from tests.conftest import Clock
from tests.integration.api.programs import api
from tests.integration.api.test_mcp import agent
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
HIDDEN = "hidden-vault"
"""Stands in every text of the other domain, and in no other."""
OF_ONE = [one for one in all_operations() if one.path.startswith("/api/incidents/{id}")]
LISTS = [one for one in all_operations() if one.method == "GET" and "{" not in one.path]
NEEDED = {"/api/changes": f"service={HIDDEN}", "/api/verdict": f"service={HIDDEN}&since=2026-03-01T11:00:00Z"}


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    return await Pipeline(database, inbox, clock, Rules()).prepare()


async def _two_domains(pipeline: Pipeline, alert: MakeAlert) -> tuple[int, str]:
    """The number and the id of the incident that the token does not see."""
    change = ChangeEvent("github", "1", HIDDEN, ChangeKind.DEPLOY, HIDDEN, pipeline.clock(), labels={"cluster": "us-2"})
    await pipeline.send(alert(cluster="eu-1"), change, alert(cluster="us-2", alertname=HIDDEN, service=HIDDEN))
    [other] = [one for one in await pipeline.incidents() if one.domain == "us-2"]
    return other.number, other.id


def _path(operation: Operation, incident: object) -> str:
    return operation.path.replace("{id}", str(incident)).replace("{name}", "x")


async def test_no_operation_on_an_incident_finds_one_of_another_domain(pipeline: Pipeline, alert: MakeAlert) -> None:
    async with api(pipeline) as programs:
        for incident in await _two_domains(pipeline, alert):
            for one in OF_ONE:
                body: Any = one.example if one.example is not None else {} if one.changes else None
                status, answer, _ = await programs.eu(one.method, _path(one, incident), body)
                assert status == 404 and HIDDEN not in str(answer), (one.method, one.path, answer)
            assert (await programs.ci("GET", f"/api/incidents/{incident}"))[0] == 200, "whose token sees all finds it"
        assert len(OF_ONE) > 15


async def test_no_list_has_anything_of_another_domain(pipeline: Pipeline, alert: MakeAlert) -> None:
    async with api(pipeline) as programs:
        number, _ = await _two_domains(pipeline, alert)
        await programs.ci.ok("POST", f"/api/incidents/{number}/notes", {"text": HIDDEN}, status=201)
        silence = {"matchers": [f'service="{HIDDEN}"', 'cluster="us-2"'], "duration": "1h", "comment": HIDDEN}
        await programs.ci.ok("POST", "/api/silences", silence, status=201)
        shown = set()
        for one in LISTS:
            status, answer, _ = await programs.eu("GET", f"{one.path}?{NEEDED.get(one.path, '')}")
            assert status == (404 if one.path == "/api/changes" else 200), (one.path, answer)
            answer.pop("detail", "")  # it names the service that was asked about
            assert HIDDEN not in _without_the_question(answer), (one.path, answer)
            _, whole, _ = await programs.ci("GET", f"{one.path}?{NEEDED.get(one.path, '')}")
            shown |= {one.path} if HIDDEN in _without_the_question(whole) else set()
        assert {"/api/incidents", "/api/services", "/api/silences", "/api/audit", "/api/changes"} <= shown


async def test_what_a_silence_matches_and_how_often_alerts_flap_is_counted_in_the_domains_of_the_token_alone(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    names = [f"{HIDDEN}-{place}" for place in range(7)]
    await pipeline.send(alert(cluster="eu-1"), *(alert(cluster="us-2", alertname=name) for name in names))
    [theirs] = [one for one in await pipeline.incidents() if one.domain == "us-2"]
    says = "HighLatency on checkout is flapping (x)"
    flapping = TimelineEntry(incident_id=theirs.id, at=pipeline.clock(), kind=TimelineKind.ALERTS, text=says)
    async with pipeline.database.write() as connection:
        await add_to_timeline(connection, [flapping])
    silence = {"matchers": ['service="checkout"'], "duration": "1h"}
    async with api(pipeline) as programs:
        made = await programs.eu.ok("POST", "/api/silences", silence, status=201)
        assert made["matches"] == "1 of the only alert of the last 24 hours (1 fires now): HighLatency"
        [kind] = (await programs.eu.ok("GET", "/api/noise"))["noise"]
        assert kind["flaps"] == 0
        assert {one["flaps"] for one in (await programs.ci.ok("GET", "/api/noise"))["noise"]} == {0, 1}


def _without_the_question(answer: Any) -> str:
    """What a verdict says names the service that was asked about, whoever asks."""
    return str({key: value for key, value in answer.items() if key != "reasons"})


async def test_no_tool_of_an_agent_finds_anything_of_another_domain(pipeline: Pipeline, alert: MakeAlert) -> None:
    number, _ = await _two_domains(pipeline, alert)
    given = {"id": str(number), "service": HIDDEN, "question": "why?", "text": "x", "runbook": "x", "model": "x"}
    async with api(pipeline) as programs, agent(programs, "eu-secret") as client:
        offered = {tool.name for tool in (await client.list_tools()).tools}
        assert offered == set(all_tools())
        for name, tool in all_tools().items():
            arguments = {key: given[key] for key in tool.schema["required"]}
            result = await client.call_tool(name, arguments)
            assert HIDDEN not in str(result.structured_content), name
            assert result.is_error or "id" not in arguments, name
