"""An agent that was never told about Tandem: given only ``/mcp`` and a token, it finds the demo's cause.

It knows tools by what their descriptions say and arguments by their schemas, and nothing else.
"""

from typing import Any

import httpx2
import msgspec
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from bot.config.model import Config
from bot.demo.story.teams import Commands, config
from bot.demo.tools import FOR, tools
from bot.domain.access.person import Person
from bot.domain.run import RunStatus
from bot.inbox.inbox import Inbox
from bot.incidents.permissions import Actor
from bot.remediation.approval import Terms, decide
from bot.storage.database import Database
from handlers.sources.registry import Refusal
from handlers.webhooks.alertmanager import parse
from tests.conftest import Clock
from tests.integration.api.programs import Programs, api
from tests.integration.pipeline_driver import Pipeline

STARVED = {"p95_ms": 1800.0, "queue_depth": 40.0, "contention": 0.9, "accuracy": 0.7}
TOKENS: list[dict[str, Any]] = [
    {"name": "stranger", "secret": "LOOK", "scopes": ["incidents:read", "runs:propose"]},
]


async def demo_night(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    """The first chapter of the demo: its configuration, and what its three tools send."""
    rules = Config.model_validate(config(Commands(["true"], ["true"], ["true"]))).rules()
    pipeline = await Pipeline(database, inbox, clock, rules).prepare()
    found = tools()
    for _ in range(2):
        for tool in found:
            tool.check(STARVED, clock.now)
        clock.pass_(seconds=FOR.total_seconds())
    for tool in found:
        body = msgspec.json.encode(tool.delivery())
        await pipeline.send(*(one for one in parse(body, {}, clock.now) if not isinstance(one, Refusal)))
    return pipeline


class Stranger:
    """Knows tools by words in their descriptions, and fills in what their schemas require from what it has read."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.known: dict[str, Any] = {}

    async def use(self, *words: str) -> tuple[bool, Any]:
        """Whether it was done, and what came back."""
        described = (await self._client.list_tools()).tools
        fitting = [one for one in described if all(word in (one.description or "").lower() for word in words)]
        tool = fitting[0]
        arguments = {name: self.known[name] for name in tool.input_schema.get("required", [])}
        result = await self._client.call_tool(tool.name, arguments)
        return not result.is_error, result.structured_content if not result.is_error else result.content[0].text  # type: ignore[union-attr]


async def _worked_out(programs: Programs) -> tuple[dict[str, Any], list[str], bool, Any]:
    """The likely cause, the runbooks that fit, and what became of the proposal of the first."""
    url, headers = str(programs.client.make_url("/mcp")), {"Authorization": "Bearer look-secret"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        agent = Stranger(client)
        _, listed = await agent.use("wrong now")
        agent.known["id"] = listed["incidents"][0]["id"]
        _, incident = await agent.use("causes with evidence")
        _, books = await agent.use("fit an incident")
        names = [one["name"] for one in books["runbooks"]]
        agent.known["runbook"] = names[0]
        done, answer = await agent.use("propose a runbook")
        return incident["causes"][0], names, done, answer


async def test_it_finds_the_cause_and_the_runbook_that_waits_for_approval_already(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    pipeline = await demo_night(database, inbox, clock)
    async with api(pipeline, TOKENS) as programs:
        cause, names, done, answer = await _worked_out(programs)
    assert (cause["service"], cause["kind"]) == ("forecast-pool", "resource")
    assert any("ForecastPoolCPUStarved" in text for text in cause["evidence"])
    assert names == ["scale-forecast-pool"] and not done and "offered" in answer
    [run] = await pipeline.runs_of(await pipeline.only_incident())
    assert run.status is RunStatus.PROPOSED and not run.decisions


async def test_what_somebody_rejected_it_proposes_anew_in_its_own_name_and_nothing_is_approved(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    pipeline = await demo_night(database, inbox, clock)
    incident = await pipeline.only_incident()
    [offered] = await pipeline.runs_of(incident)
    on_call = Actor(Person("U012AB3CD", groups=frozenset(offered.approvers)))
    terms = Terms(pipeline.rules.runbooks)
    await decide(database, terms, offered.id, offered.plan_hash, on_call, "reject", clock.now)
    clock.pass_(minutes=1)
    async with api(pipeline, TOKENS) as programs:
        _, names, done, _ = await _worked_out(programs)
    assert done and names == ["scale-forecast-pool"]
    proposed = [run for run in await pipeline.runs_of(incident) if run.status is RunStatus.PROPOSED]
    assert [(run.runbook, run.proposed_by) for run in proposed] == [("scale-forecast-pool", "stranger")]
