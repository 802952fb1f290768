"""A question over the API is answered as in the thread; and who is on call is told to programs."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.assistant.assistant import Limits
from bot.client import AsyncTandem
from bot.domain.event import AlertEvent
from bot.domain.oncall.schedule import Schedule
from bot.inbox.inbox import Inbox
from bot.questions.question import Knowledge, all_questions
from bot.routing.schedules.roster import Roster
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.api.programs import api
from tests.integration.api.test_mcp import agent
from tests.integration.pipeline_driver import Pipeline
from tests.integration.questions.night import Night, night
from tests.integration.questions.scripted_model import assistant_of, calls, says, script, scripted

MakeAlert = Callable[..., AlertEvent]
SCHEDULES = {
    name: Schedule.model_validate({"rotation": [user], "handover": "mon 09:00", "zone": "UTC"})
    for name, user in (("shop", "U0ANA"), ("spare", "U0BEN"))
}


@pytest.fixture
async def found(database: Database, inbox: Inbox, clock: Clock) -> Night:
    return await night(database, inbox, clock)


async def test_what_a_question_is_answered_with_is_what_the_thread_says(found: Night) -> None:
    async with api(found.pipeline, backed_by={"knowledge": found.knowledge}) as programs:
        for question in all_questions().values():
            there = await found.asked(question.label)
            given = await programs.look.ok("POST", "/api/incidents/1/ask", {"question": question.label})
            assert (given["answer"], given["asked"]) == (there.says, question.name)
            assert [one["text"] for one in given["evidence"]] == [line.text for line in there.lines]
            assert given["model"] is None and given["suggestions"] == []
        chart = (await programs.look.ok("POST", "/api/incidents/1/ask", {"question": "latency of db"}))["chart"]
        [line] = chart["lines"].values()
        assert chart["unit"] == "s" and len(line) == len(chart["x"]) == 60
        assert datetime.fromtimestamp(chart["x"][-1] / 1000, UTC) <= found.pipeline.clock()


async def test_what_no_rule_understands_offers_what_does_and_odd_questions_are_refused(found: Night) -> None:
    async with api(found.pipeline) as programs:
        given = await programs.look.ok("POST", "/api/incidents/1/ask", {"question": "sing a song"})
        assert given["asked"] is None and given["evidence"] == [] and "I have no answer" in given["answer"]
        assert {"name": "changed", "question": "What changed?"} in given["suggestions"]
        for odd in ({}, {"question": ""}, {"question": "x" * 1001}, {"question": 1}, {"question": "x", "modle": True}):
            await programs.look.problem(400, "POST", "/api/incidents/1/ask", odd)
        await programs.look.problem(404, "POST", "/api/incidents/9/ask", {"question": "why?"})


async def test_a_language_model_adds_sentences_with_their_evidence_unless_it_is_not_wanted(found: Night) -> None:
    turns = script(
        calls(("get_incident", {"id": "1"}), ("ask_incident", {"id": "1", "question": "why?"})),
        says("db is the likely cause [E2]. redis is down [E2]."),
        says("Nobody said so."),
    )
    async with (
        scripted(turns) as model,
        assistant_of(found.pipeline, model) as ask_model,
        api(found.pipeline, backed_by={"ask_model": ask_model}) as programs,
    ):
        given = await programs.look.ok("POST", "/api/incidents/1/ask", {"question": "compose a haiku"})
        assert given["answer"] == "db is the likely cause." and given["asked"] is None
        assert given["model"]["sentences"] == [{"text": "db is the likely cause.", "cites": ["E2"]}]
        assert given["model"]["sources"] == {"E2": "get_incident"} and given["model"]["left_out"] == 1
        assert "there is no tool 'ask_incident'" in model.results[1], "a question is no tool of the model"
        given = await programs.look.ok("POST", "/api/incidents/1/ask", {"question": "what changed?"})
        assert "nothing that it said" in given["model"]["problem"] and "deployed v42" in str(given["evidence"])
        asked = len(model.requests)
        body = {"question": "what changed?", "model": False}
        assert (await programs.look.ok("POST", "/api/incidents/1/ask", body))["model"] is None
        assert len(model.requests) == asked


async def test_a_model_that_hangs_leaves_the_answer_of_the_rules(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())

    async def hangs(*_: Any) -> Any:
        await asyncio.sleep(3600)

    async with (
        scripted(hangs) as model,
        assistant_of(pipeline, model, Limits(seconds=0.3)) as ask_model,
        api(pipeline, backed_by={"ask_model": ask_model}) as programs,
    ):
        given = await programs.look.ok("POST", "/api/incidents/1/ask", {"question": "how does it stand?"})
    assert "did not answer within 0.3 s" in given["model"]["problem"] and given["asked"] == "status"


async def test_agents_ask_and_learn_who_is_on_call_with_a_token_that_reads(found: Night) -> None:
    roster = Roster(found.pipeline.database, SCHEDULES, {"ana": "U0ANA"}, found.pipeline.clock)
    knowledge = Knowledge(found.pipeline.database, found.pipeline.rules, roster)
    async with (
        api(found.pipeline, backed_by={"knowledge": knowledge}) as programs,
        agent(programs, "look-secret") as one,
    ):
        tools = {tool.name: tool for tool in (await one.list_tools()).tools}
        hints = tools["ask_incident"].annotations
        assert hints is not None and hints.read_only_hint
        asked = await one.call_tool("ask_incident", {"id": "1", "question": "what changed?"})
        assert asked.structured_content is not None and "deployed v42" in str(asked.structured_content["evidence"])
        on_call = await one.call_tool("get_oncall", {"service": "checkout"})
        assert on_call.structured_content is not None
        assert [person["name"] for person in on_call.structured_content["on_call"][0]["people"]] == ["ana"]


async def test_who_is_on_call_is_told_of_every_schedule_or_of_those_of_a_service_or_a_team(pipeline: Pipeline) -> None:
    roster = Roster(pipeline.database, SCHEDULES, {"ana": "U0ANA"}, pipeline.clock)
    knowledge = Knowledge(pipeline.database, pipeline.rules, roster)
    async with api(pipeline, backed_by={"knowledge": knowledge}) as programs:
        every = (await programs.look.ok("GET", "/api/oncall"))["on_call"]
        assert [(one["schedule"], one["teams"]) for one in every] == [("shop", ["shop"]), ("spare", [])]
        assert every[0]["people"] == [{"user": "U0ANA", "name": "ana"}] and every[0]["notes"] == []
        for query, wanted in {
            "service=checkout": ["shop"],
            "team=shop": ["shop"],
            "team=stock": [],
            "service=checkout&team=stock": [],
        }.items():
            shown = (await programs.look.ok("GET", f"/api/oncall?{query}"))["on_call"]
            assert [one["schedule"] for one in shown] == wanted, query
        await programs.look.problem(400, "GET", "/api/oncall?sevrice=checkout")
        async with AsyncTandem(str(programs.client.make_url("/")), "look-secret") as tandem:
            assert [one.schedule for one in await tandem.on_call(team="shop")] == ["shop"]


async def test_without_schedules_nobody_is_on_call_and_a_client_asks(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with api(pipeline) as programs, AsyncTandem(str(programs.client.make_url("/")), "look-secret") as tandem:
        assert await tandem.on_call() == []
        answer = await tandem.ask(1, "how does it stand?")
        assert answer.asked == "status" and "checkout" in answer.answer + str(answer.evidence)
