"""``bot.client`` against the API itself, and against servers that fail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.client import AsyncTandem, Conflict, Forbidden, Invalid, NotFound, Outdated, Tandem, Unavailable
from bot.client.answers import SilencePage
from bot.domain.event import AlertEvent
from tests.integration.api.programs import Programs, api
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


@pytest.fixture
async def programs(pipeline: Pipeline) -> AsyncIterator[Programs]:
    async with api(pipeline) as found:
        yield found


@asynccontextmanager
async def client(programs: Programs, token: str = "ci-secret") -> AsyncIterator[AsyncTandem]:
    async with AsyncTandem(str(programs.client.make_url("/")), token) as tandem:
        yield tandem


async def test_a_program_reads_and_changes_incidents(programs: Programs, pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with client(programs) as tandem:
        [listed] = [one async for one in tandem.incidents(status="open", service="checkout")]
        assert (listed.number, listed.services, listed.alerts) == (1, ["checkout"], [])
        taken = await tandem.acknowledge(1, seen=listed.version)
        assert (taken.status, taken.acknowledged_by) == ("acknowledged", "ci")
        with pytest.raises(Outdated):
            await tandem.set_severity(1, "critical", seen=listed.version)
        await tandem.note(1, "replica 3 was restarted")
        whole = await tandem.incident(listed.id)
        assert [one.labels["service"] for one in whole.alerts] == ["checkout"]
        assert "replica 3 was restarted" in [line.text for line in whole.timeline]
        assert whole.opened_at == pipeline.clock()
        assert (await tandem.report(1)).startswith("# ")
        opened = await tandem.open_incident("The shop is slow", severity="P1")
        assert (await tandem.merge(opened.number, 1)).number == 1


async def test_what_the_api_refuses_is_an_exception_with_its_words(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    async with client(programs) as tandem, client(programs, "look-secret") as looking:
        with pytest.raises(NotFound):
            await tandem.incident(99)
        with pytest.raises(Forbidden, match="lacks the scope"):
            await looking.note(1, "no")
        with pytest.raises(Invalid, match="severity"):
            await tandem.set_severity(1, "purple")
        await tandem.resolve(1)
        with pytest.raises(Conflict):
            await tandem.resolve(1)


async def test_lists_of_more_than_a_page_are_taken_to_their_end(programs: Programs, pipeline: Pipeline) -> None:
    async with client(programs) as tandem:
        for number in range(3):
            ends = pipeline.clock() + timedelta(hours=1 + number)
            await tandem.declare_silence(f"window-{number}", [f'service="s{number}"'], ends)
        pages = [page async for page in tandem._pages(SilencePage, "api/silences", limit=2)]
        assert [len(page.silences) for page in pages] == [2, 1]
        assert [one.id async for one in tandem.silences()] == ["window-0", "window-1", "window-2"]


async def test_the_client_without_asyncio_does_the_same(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())

    def work() -> list[str]:
        with Tandem(str(programs.client.make_url("/")), "ci-secret") as tandem:
            tandem.note(1, "from a script")
            return [f"{one.number} {one.title}" for one in tandem.incidents()]

    [line] = await asyncio.to_thread(work)
    assert line.startswith("1 ")
    assert any("from a script" in text for text in await pipeline.timeline_of(await pipeline.only_incident()))


async def test_who_comes_back_with_the_place_of_an_event_gets_what_followed(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    async with client(programs) as tandem:
        found = tandem.events(after=0)
        place, opened = await anext(found)
        assert (opened.kind, opened.number) == ("opened", 1)
        await tandem.note(1, "seen")
        later, noted = await anext(tandem.events(after=place))
        assert later > place
        assert (noted.kind, noted.text) == ("note", "seen")


@asynccontextmanager
async def failing(answer: Callable[[web.Request], object]) -> AsyncIterator[tuple[AsyncTandem, list[web.Request]]]:
    asked: list[web.Request] = []

    async def take(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        given = (
            answer(request)
            if len(asked) == 1
            else web.json_response({"number": 1, "opened_at": "2026-03-01T12:00:00Z"})
        )
        if given is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        assert isinstance(given, web.StreamResponse)
        return given

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    async with TestServer(app) as server, AsyncTandem(str(server.make_url("/")), "t") as tandem:
        yield tandem, asked


async def test_what_was_refused_for_now_is_sent_again_when_the_server_says() -> None:
    def busy(_request: web.Request) -> web.Response:
        return web.json_response({"detail": "come again"}, status=503, headers={"Retry-After": "0"})

    async with failing(busy) as (tandem, asked):
        assert (await tandem.note(1, "once")).number == 1
        assert len(asked) == 2


async def test_a_change_whose_answer_never_came_is_sent_again_with_the_same_key() -> None:
    async with failing(lambda _request: None) as (tandem, asked):
        assert (await tandem.note(1, "once")).number == 1
        keys = {request.headers["Idempotency-Key"] for request in asked}
        assert (len(asked), len(keys)) == (2, 1)


async def test_rows_whose_answer_never_came_are_sent_again_with_the_same_key() -> None:
    async with failing(lambda _request: None) as (tandem, asked):
        await tandem.log_labels("fraud", [{"id": "1", "label": 1}])
        assert [request.path for request in asked] == ["/models/fraud/labels"] * 2
        assert len({request.headers["Idempotency-Key"] for request in asked}) == 1


async def test_many_rows_go_in_parts_each_with_a_key_of_its_own() -> None:
    async with failing(lambda _request: web.json_response({"accepted": 100_000})) as (tandem, asked):
        await tandem.log_predictions("fraud", {"id": list(range(250_000))})
        assert (len(asked), len({request.headers["Idempotency-Key"] for request in asked})) == (3, 3)


async def test_a_server_that_is_away_is_said_after_as_many_attempts() -> None:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _away)
    async with TestServer(app) as server, AsyncTandem(str(server.make_url("/")), "t", attempts=2) as tandem:
        with pytest.raises(Unavailable, match="503: the database is not available"):
            await tandem.incident(1)


async def _away(_request: web.Request) -> web.Response:
    detail = {"detail": "the database is not available"}
    return web.json_response(detail, status=503, headers={"Retry-After": "0"})
