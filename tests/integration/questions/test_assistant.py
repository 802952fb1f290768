"""A language model may add to an answer what it read by the tools of agents; whatever it does, the answer stands."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from bot.assistant.assistant import Asking, Limits
from bot.assistant.chat import Unanswered
from bot.domain.event import AlertEvent
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.handlers.slack_workspace import CHANNEL, MEMBER, Office, office
from tests.integration.handlers.test_mentions import answers, thread_of_incident
from tests.integration.pipeline_driver import Pipeline
from tests.integration.questions.night import night
from tests.integration.questions.scripted_model import (
    Json,
    Script,
    ScriptedModel,
    assistant_of,
    calls,
    said,
    says,
    script,
    scripted,
    texts,
)

MakeAlert = Callable[..., AlertEvent]
ASKED = Asking("why is the shop slow?", "db is slow: 1.2 s, usually 80 ms; 2 alerts fire", {"db", "web", "redis"})


async def _finally(found: Office, thread: str, text: str, wanted: str) -> str:
    """The answer in the thread when it holds what is wanted."""
    await found.slack.post(MEMBER, CHANNEL, text, thread)

    async def there() -> bool:
        return any(wanted in one["text"] for one in answers(found.slack, thread))

    await until(there, wanted)
    [answer] = answers(found.slack, thread)
    return str(answer["text"])


async def test_what_a_model_read_stands_under_the_answer_with_its_evidence_and_what_it_invented_does_not(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    found = await night(database, inbox, clock)
    turns = script(
        calls(("get_incident", {"id": "1"})),
        says("db is the likely cause [E2]. redis is down, too [E2]. 17 services are affected [E2]. Nobody knows."),
    )
    async with (
        scripted(turns) as model,
        assistant_of(found.pipeline, model) as assistant,
        office(found.pipeline, {}, assistant=assistant) as desk,
    ):
        thread = await thread_of_incident(desk)
        text = await _finally(desk, thread, "@tandem what changed?", "By a language model")
    assert "deployed v42" in text and "🤖 db is the likely cause. [E2]" in text and "E2: `get_incident`" in text
    assert "redis" not in text and "17 services" not in text and "3 of its sentences did not" in text
    assert model.requests[0]["model"] == "scripted" and len(model.requests) == 2


async def test_a_question_that_no_rule_understands_is_answered_by_the_model(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout"))
    async with (
        scripted(script(says("checkout is triggered [E1]."))) as model,
        assistant_of(pipeline, model) as assistant,
        office(pipeline, {}, assistant=assistant) as desk,
    ):
        thread = await thread_of_incident(desk)
        text = await _finally(desk, thread, "@tandem compose a haiku of it", "By a language model")
    assert "🤖 checkout is triggered." in text


async def _hang(model: ScriptedModel, body: Json, request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return said("too late")


async def _drip(model: ScriptedModel, body: Json, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    while True:
        await response.write(b"data: \xff\x00 garbage\n\n")
        await asyncio.sleep(0.05)


async def _disconnect(model: ScriptedModel, body: Json, request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


WRONG: dict[str, tuple[Script, str]] = {
    "hangs": (_hang, "did not answer within 0.5 s"),
    "streams garbage": (_drip, "did not answer within 0.5 s"),
    "answers a megabyte": (script(lambda: web.Response(body=b"x" * 2**20)), "longer than 64 kB"),
    "answers a megabyte of JSON": (script(says("a" * 2**20)), "longer than 64 kB"),
    "is no JSON": (script(lambda: web.Response(text="<html>")), "no chat completion"),
    "is nested JSON": (script(lambda: web.Response(body=b"[" * 60_000)), "no chat completion"),
    "is another JSON": (script(lambda: web.json_response({"choices": {}})), "no chat completion"),
    "is empty": (script(lambda: web.json_response({"choices": []})), "empty"),
    "says nothing": (script(says("  ")), "empty"),
    "fails": (script(lambda: web.Response(status=500)), "status 500"),
    "redirects": (
        script(lambda: web.Response(status=302, headers={"Location": "http://169.254.169.254/"})),
        "status 302",
    ),
    "disconnects": (_disconnect, "cannot be reached"),
    "calls tools for ever": (
        script(calls(("list_services", {}), ("get_incident", {"id": "1"}))),
        "called tools 3 times without an answer",
    ),
    "calls without names": (script(calls(("", {}))), "cannot be read"),
    "invents all of it": (script(says("redis is down [E1].")), "nothing that it said is in its evidence"),
    "uses many tokens": (
        script(
            lambda: web.json_response(
                {
                    "choices": [
                        {"message": {"tool_calls": [{"id": "1", "function": {"name": "x", "arguments": "{}"}}]}}
                    ],
                    "usage": {"total_tokens": 9_000_000},
                }
            )
        ),
        "more than 30000 tokens",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
async def test_an_endpoint_that_misbehaves_leaves_the_answer_that_needs_no_model_and_it_says_so(
    pipeline: Pipeline, alert: MakeAlert, kind: str
) -> None:
    await pipeline.send(alert(service="checkout"))
    play, why = WRONG[kind]
    seconds = 0.5 if play in (_hang, _drip) else 20.0
    async with (
        scripted(play) as model,
        assistant_of(pipeline, model, Limits(steps=3, seconds=seconds)) as assistant,
        office(pipeline, {}, assistant=assistant) as desk,
    ):
        thread = await thread_of_incident(desk)
        text = await _finally(desk, thread, "@tandem how does it stand?", "No help from the language model")
    assert why in text and "triggered, warning" in text and "this is answered without it" in text
    assert len(model.requests) <= 3


async def _asked(assistant: Any, asking: Asking = ASKED, domain: str = "") -> Any:
    return await assistant(asking, domain)


async def test_not_to_know_is_an_answer(pipeline: Pipeline) -> None:
    async with scripted(script(says("I do not know."))) as model, assistant_of(pipeline, model) as assistant:
        spoken = await _asked(assistant)
    assert texts(spoken.checked.kept) == ["I do not know."] and not spoken.sources


async def test_requests_are_counted_by_the_hour_for_all_replicas_together(pipeline: Pipeline, clock: Clock) -> None:
    limits = Limits(per_hour=2)
    async with (
        scripted(script(says("db is slow [E1]."))) as model,
        assistant_of(pipeline, model, limits) as one,
        assistant_of(pipeline, model, limits) as other,
    ):
        await _asked(one)
        await _asked(other)
        for assistant in (one, other):
            with pytest.raises(Unanswered, match="2 times in this hour"):
                await _asked(assistant)
        clock.pass_(hours=1)
        await _asked(one)
    assert len(model.requests) == 3


async def test_only_so_many_questions_wait_for_a_model_that_is_slow(pipeline: Pipeline) -> None:
    async with scripted(_hang) as model, assistant_of(pipeline, model, Limits(seconds=1.0)) as assistant:
        found = await asyncio.gather(*(_asked(assistant) for _ in range(12)), return_exceptions=True)
    whys = [str(one) for one in found]
    assert sum("too many questions" in why for why in whys) == 4 and sum("within 1 s" in why for why in whys) == 8
    assert len(model.requests) == 2


async def test_the_same_tools_are_the_ones_that_agents_read_with_and_no_other_is_called(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout"))
    wanted = calls(
        ("propose_run", {"id": "1"}), ("acknowledge_incident", {"id": "1"}), ("add_note", {"id": "1"}), ("sh", {})
    )
    more = calls(("get_incident", "no JSON"), ("get_incident", "[1]"), ("list_incidents", {"colour": 1}))
    async with (
        scripted(script(wanted, more, says("I do not know."))) as model,
        assistant_of(pipeline, model) as assistant,
    ):
        await _asked(assistant)
    named = {one["function"]["name"] for one in model.requests[0]["tools"]}
    assert {"get_incident", "list_changes", "list_services", "list_runbooks", "list_models"} <= named
    assert not named & {"propose_run", "acknowledge_incident", "add_note"}
    assert all(one.startswith("Not done: ") for one in model.results) and len(model.results) == 7


async def test_secrets_are_masked_in_all_that_it_is_told_and_so_is_another_domain(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert(service="checkout", cluster="eu", password="hunter2", note="Bearer abcdef1234567890"))
    await pipeline.send(alert(service="hidden-one", cluster="us"))
    asks = calls(
        ("get_incident", {"id": "1"}), ("get_incident", {"id": "2"}), ("list_incidents", {}), ("list_services", {})
    )
    async with scripted(script(asks, says("I do not know."))) as model, assistant_of(pipeline, model) as assistant:
        await _asked(assistant, Asking("tell me of token=abc123 here", "nothing"), "eu")
    assert "checkout" in model.sent and "There is no incident of that id" in model.sent
    for secret in ("hunter2", "abcdef1234567890", "hidden-one"):
        assert secret not in model.sent
