"""A language model rewrites summaries: a real server that speaks the API, good and bad answers, and none."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
import pytest
from aiohttp import web

from bot.domain.event import AlertEvent
from bot.domain.incident import Incident
from bot.notify.rewriting.language_model import ATTEMPTS, completer
from bot.notify.rewriting.rewriter import Rewriter
from bot.notify.view import load_view
from tests.integration.pipeline_driver import Pipeline
from tests.unit.notify.test_render import render, shown

MakeAlert = Callable[..., AlertEvent]
KEY = "sk-secret-of-the-test"
GOOD = "High latency has been felt on checkout since 12:00 UTC; 1 alert is firing."


def completion(text: str | None, finish_reason: str = "stop") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}


class ModelServer:
    """Answers every question with ``answer``: a completion's text, a whole body, or an HTTP status."""

    def __init__(self) -> None:
        self.answer: str | dict[str, Any] | bytes | int = GOOD
        self.delay = 0.0
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("Authorization", ""))
        await asyncio.sleep(self.delay)
        if isinstance(self.answer, int):
            return web.json_response({"error": {"message": "no"}}, status=self.answer)
        if isinstance(self.answer, bytes):
            return web.Response(body=self.answer, content_type="application/json")
        return web.json_response(completion(self.answer) if isinstance(self.answer, str) else self.answer)

    @property
    def told(self) -> list[str]:
        return [body["messages"][-1]["content"] for body in self.asked]


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with ModelServer().listening() as server:
        yield server


@pytest.fixture
async def rewriter(pipeline: Pipeline, model: ModelServer) -> AsyncIterator[Rewriter]:
    async with aiohttp.ClientSession() as session:
        complete = completer(session, model.url, "small", KEY, 0.5)
        yield Rewriter(pipeline.database, complete, {"payments", "cart"}, pipeline.clock, interval=0.0)


async def look_at_all(rewriter: Rewriter) -> None:
    while await rewriter.look():
        pass


async def message_of(pipeline: Pipeline, incident: Incident) -> tuple[str, str]:
    """The text of the notification, and what the blocks say."""
    async with pipeline.database.read() as connection:
        view = await load_view(connection, incident.id, pipeline.clock.now)
    assert view is not None
    rendered = render(view)
    return rendered.text, shown(rendered)


async def test_a_good_answer_takes_the_place_of_the_summary_in_the_message_and_only_there(
    pipeline: Pipeline, rewriter: Rewriter, model: ModelServer, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    before = await pipeline.only_incident()
    assert before.summary in (await message_of(pipeline, before))[0]
    await look_at_all(rewriter)
    incident = await pipeline.only_incident()
    text, blocks = await message_of(pipeline, incident)
    assert GOOD in text
    assert GOOD in blocks
    assert incident.summary == before.summary
    assert incident.version > before.version
    assert (model.asked[0]["model"], model.keys) == ("small", [f"Bearer {KEY}"])
    assert incident.summary in model.told[0]


async def test_the_same_facts_are_asked_about_once_and_changed_facts_show_the_summary_until_it_is_rewritten(
    pipeline: Pipeline, rewriter: Rewriter, model: ModelServer, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    await look_at_all(rewriter)
    await pipeline.send(alert())
    await look_at_all(rewriter)
    assert len(model.asked) == 1
    await pipeline.send(alert(shard="2"))
    incident = await pipeline.only_incident()
    text, _ = await message_of(pipeline, incident)
    assert incident.summary in text
    model.answer = "High latency has been felt on checkout since 12:00 UTC; 2 alerts are firing."
    await look_at_all(rewriter)
    assert model.answer in (await message_of(pipeline, incident))[0]
    assert len(model.asked) == 2


UNUSABLE: list[tuple[Any, int]] = [
    ("High latency on checkout since 12:00 UTC, because redis is affected.", 1),
    ("High latency on checkout since 12:00 UTC, because payments are affected.", 1),
    ("High latency on checkout since 12:01 UTC.", 1),
    ("<!channel> High latency on checkout since 12:00 UTC.", 1),
    (completion(None), 1),
    (completion("High latency on checkout", "length"), 1),
    ({"choices": []}, 1),
    ({"error": "what"}, 1),
    (b"<html>not JSON", 1),
    (b'{"choices": ' + b"[" * 70_000, 1),
    (401, 1),
    (302, 1),
    (500, ATTEMPTS),
    (429, ATTEMPTS),
]


async def test_anything_else_leaves_the_summary_as_it_is_and_is_not_asked_for_again(
    pipeline: Pipeline, rewriter: Rewriter, model: ModelServer, alert: MakeAlert
) -> None:
    for number, (answer, questions) in enumerate(UNUSABLE):
        model.answer = answer
        model.asked.clear()
        await pipeline.send(alert(shard=f"{number}"))
        await look_at_all(rewriter)
        await pipeline.send(alert(shard=f"{number}"))
        await look_at_all(rewriter)
        incident = await pipeline.only_incident()
        assert incident.summary in (await message_of(pipeline, incident))[0], answer
        assert len(model.asked) == questions, answer


async def test_an_answer_that_does_not_come_in_time_is_not_waited_for(
    pipeline: Pipeline, rewriter: Rewriter, model: ModelServer, alert: MakeAlert
) -> None:
    model.delay = 1.5
    await pipeline.send(alert())
    async with asyncio.timeout(3):
        await look_at_all(rewriter)
    assert len(model.asked) == 1


async def test_a_server_that_is_not_there_is_borne(pipeline: Pipeline, alert: MakeAlert) -> None:
    async with aiohttp.ClientSession() as session:
        complete = completer(session, "http://127.0.0.1:9/v1", "small", None, 0.5)
        await pipeline.send(alert())
        await look_at_all(Rewriter(pipeline.database, complete, set(), pipeline.clock, interval=0.0))
    incident = await pipeline.only_incident()
    assert incident.summary in (await message_of(pipeline, incident))[0]


async def test_facts_that_change_while_the_model_thinks_do_not_get_the_answer_to_the_old_ones(
    pipeline: Pipeline, rewriter: Rewriter, model: ModelServer, alert: MakeAlert
) -> None:
    model.delay = 0.3
    await pipeline.send(alert())
    looking = asyncio.create_task(rewriter.look())
    async with asyncio.timeout(10):
        while not model.asked:
            await asyncio.sleep(0.01)
    await pipeline.send(alert(shard="2"))
    await looking
    incident = await pipeline.only_incident()
    text, _ = await message_of(pipeline, incident)
    assert incident.summary in text
    await look_at_all(rewriter)
    assert len(model.asked) == 2


async def test_questions_keep_their_distance_and_resolved_incidents_are_not_asked_about(
    pipeline: Pipeline, model: ModelServer, alert: MakeAlert
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async with aiohttp.ClientSession() as session:
        complete = completer(session, model.url, "small", None, 2.0)
        paced = Rewriter(pipeline.database, complete, set(), pipeline.clock, interval=6.0, sleep=sleep)
        await pipeline.send(alert(), alert(service="cart"), alert(service="gone"), alert("resolved", service="gone"))
        await look_at_all(paced)
    assert len(model.asked) == 2
    assert model.keys == ["", ""]
    [pause] = waited
    assert 5.0 < pause <= 6.0
