"""What an agent sees and does over ``/mcp``, with the protocol's own client."""

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.run import RunStatus
from bot.domain.runbook import Runbook
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.api.programs import Programs, api
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
READS = {"list_incidents", "get_incident", "list_changes", "list_services", "list_runbooks", "list_runs"}


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    book = Runbook.model_validate(
        {
            "title": "Restart it",
            "when": {"service": "checkout"},
            "steps": [{"command": {"argv": ["true"]}}],
            "approval": {"approvers": ["U012AB3CD"]},
        }
    )
    rules = Rules(runbooks={"restart-checkout": book}, depends_on={"shop": ["checkout"]})
    return await Pipeline(database, inbox, clock, rules).prepare()


@pytest.fixture
async def programs(pipeline: Pipeline) -> AsyncIterator[Programs]:
    async with api(pipeline) as found:
        yield found


@asynccontextmanager
async def agent(programs: Programs, token: str) -> AsyncIterator[Client]:
    url = str(programs.client.make_url("/mcp"))
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def _called(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def _refused(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)  # type: ignore[union-attr]


async def test_an_agent_finds_the_incident_and_what_fits_it_and_proposes_but_only_people_approve(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout"))
    async with agent(programs, "ci-secret") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools.keys() > READS and not [name for name in tools if "approve" in name]
        assert tools["propose_run"].input_schema["required"] == ["id", "runbook"]
        [found] = (await _called(client, "list_incidents", status="open"))["incidents"]
        assert "alerts" not in found
        incident = await _called(client, "get_incident", id=str(found["number"]))
        assert [one["labels"]["service"] for one in incident["alerts"]] == ["checkout"]
        fitting = await _called(client, "list_runbooks", id=found["id"])
        assert fitting == {"runbooks": [{"name": "restart-checkout", "title": "Restart it"}]}
        await _called(client, "add_note", id=found["id"], text="the pool is empty")
        await _called(client, "acknowledge_incident", id=found["id"])
        assert "offered" in await _refused(client, "propose_run", id=found["id"], runbook="restart-checkout")
    [run] = await pipeline.runs_of(await pipeline.only_incident())
    assert run.status is RunStatus.PROPOSED
    timeline = await pipeline.timeline_of(await pipeline.only_incident())
    assert any("the pool is empty" in text for text in timeline)


async def test_an_agent_sees_and_may_use_only_what_its_token_allows(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(cluster="us-2"))
    async with agent(programs, "look-secret") as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert "get_incident" in names and not names & {"acknowledge_incident", "add_note", "propose_run"}
        assert "lacks the scope" in await _refused(client, "acknowledge_incident", id="1")
    async with agent(programs, "eu-secret") as client:
        assert (await _called(client, "list_incidents"))["incidents"] == []
        assert "no incident" in await _refused(client, "get_incident", id="1")
        assert "no incident" in await _refused(client, "add_note", id="1", text="x")
    async with programs.client.post("/mcp", json={}, headers={"Authorization": "Bearer wrong"}) as answer:
        assert answer.status == 401


async def test_arguments_that_make_no_sense_are_refused_with_the_reason(programs: Programs) -> None:
    async with agent(programs, "ci-secret") as client:
        assert "no known field" in await _refused(client, "list_incidents", colour="red")
        assert "no tool" in await _refused(client, "drop_tables")
        assert "limit" in await _refused(client, "list_incidents", limit=100_000)
        assert "no incident" in await _refused(client, "get_incident")


async def test_a_result_is_cut_to_what_a_model_can_read_and_says_what_was_left_out(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(*[alert(instance=str(i)) for i in range(60)])
    async with agent(programs, "look-secret") as client:
        incident = await _called(client, "get_incident", id="1")
    assert (len(incident["alerts"]), incident["alerts_left_out"]) == (50, 10)


async def test_requests_that_are_no_protocol_get_an_answer_and_break_nothing(programs: Programs) -> None:
    headers = {"Authorization": "Bearer look-secret", "Accept": "application/json, text/event-stream"}
    for body in (b"", b"{", b"[]", b'{"jsonrpc": "2.0"}', b'{"jsonrpc":"2.0","id":1,"method":"nothing"}', b"\xff" * 99):
        async with programs.client.post(
            "/mcp", data=body, headers={**headers, "Content-Type": "application/json"}
        ) as answer:
            assert 200 <= answer.status < 500
    async with programs.client.post("/mcp", data=b"x" * 70_000, headers=headers) as answer:
        assert answer.status == 413
    async with programs.client.delete("/mcp", headers=headers) as answer:
        assert answer.status < 500
    async with agent(programs, "look-secret") as client:
        assert (await client.list_tools()).tools


async def test_an_agent_that_starts_its_tools_as_programs_has_the_same_ones(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout"))
    url = str(programs.client.make_url("/")).rstrip("/")
    for token in ("look-secret", "wrong"):
        environment = {**os.environ, "TANDEM_API_TOKEN": token}
        program = StdioServerParameters(
            command=sys.executable, args=["-m", "bot.cli", "mcp", "--url", url], env=environment
        )
        if token == "wrong":
            with pytest.RaisesGroup(pytest.RaisesExc(MCPError, match="Authorization"), flatten_subgroups=True):
                async with Client(program):
                    pass
        else:
            async with Client(program) as client:
                [found] = (await _called(client, "list_incidents"))["incidents"]
                assert found["services"] == ["checkout"]
