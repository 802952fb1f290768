"""The stream of events: everything once and in order, also for who comes back, and nothing for who does not read."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse

from bot.domain.event import AlertEvent
from bot.domain.incident import TimelineEntry, TimelineKind
from bot.storage.queries import incidents
from handlers.api import events as stream
from handlers.api.feed import Feed
from tests.integration.api.programs import Program, Programs, api
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def programs(pipeline: Pipeline) -> AsyncIterator[Programs]:
    async with api(pipeline) as found:
        yield found


async def _listen(program: Program, **headers: str) -> ClientResponse:
    named = {"Authorization": f"Bearer {program.token}", **headers}
    answer = await program.client.get("/api/events", headers=named)
    assert (answer.status, answer.content_type) == (200, "text/event-stream")
    while await answer.content.readline() != b"\n":
        pass
    return answer


async def _next(answer: ClientResponse) -> tuple[int, str, dict[str, Any]]:
    """Position, name and data of the next event."""
    found: dict[str, str] = {}
    async with asyncio.timeout(20):
        while line := (await answer.content.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            found[name] = value
    return (int(found["id"]), found["event"], json.loads(found["data"])) if "id" in found else await _next(answer)


async def test_what_happens_is_streamed_and_who_comes_back_gets_what_followed(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert
) -> None:
    first = await _listen(programs.ci)
    await pipeline.send(alert())
    await programs.ci.ok("POST", "/api/incidents/1/notes", {"text": "a note\nof two lines"}, status=201)
    position, name, data = await _next(first)
    assert (name, data["number"], data["severity"]) == ("incident.opened", 1, "warning")
    last, name, data = await _next(first)
    assert (name, data["text"], data["actor"]) == ("incident.note", "a note\nof two lines", "ci")
    first.close()
    await programs.ci.ok("POST", "/api/incidents/1/acknowledge")
    again = await _listen(programs.ci, **{"Last-Event-ID": str(position)})
    assert (await _next(again))[:2] == (last, "incident.note")
    assert (await _next(again))[2]["status"] == "acknowledged"
    again.close()


async def test_a_stream_has_nothing_of_other_domains(programs: Programs, pipeline: Pipeline, alert: MakeAlert) -> None:
    answer = await _listen(programs.eu)
    await pipeline.send(alert(cluster="us-2"))
    await pipeline.send(alert(cluster="eu-1"))
    assert (await _next(answer))[2]["domain"] == "eu-1"
    answer.close()


@on_sqlite
async def test_a_stream_needs_a_token_and_a_position_that_can_be_one(programs: Programs) -> None:
    await Program(programs.client, "wrong").problem(401, "GET", "/api/events")
    await programs.ci.problem(400, "GET", "/api/events", Last_Event_ID="x")
    await programs.ci.problem(400, "GET", "/api/events?from=1")


@on_sqlite
async def test_more_than_can_be_served_are_sent_away_and_those_who_do_not_read_are_let_go(
    programs: Programs, pipeline: Pipeline, alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.api.feed.MOST_LISTENERS", 2)
    monkeypatch.setattr(stream, "WRITE_SECONDS", 3.0)
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    deaf, reader = await _listen(programs.ci), await _listen(programs.ci)
    status, _, headers = await programs.ci("GET", "/api/events")
    assert (status, "Retry-After" in headers) == (429, True)
    deaf.connection.transport.pause_reading()  # type: ignore[union-attr]
    entry = TimelineEntry(incident_id=incident.id, at=pipeline.clock(), kind=TimelineKind.NOTE, text="x" * 50_000)
    for _ in range(12):
        async with pipeline.database.write() as connection:
            await incidents.add_to_timeline(connection, [entry] * 30)
    for _ in range(12 * 30):
        await _next(reader)
    async with asyncio.timeout(30):
        while (await programs.ci("GET", "/api/events?after=x"))[0] != 400:
            await asyncio.sleep(0.05)
        while programs.server.feed.listeners > 1:
            await asyncio.sleep(0.05)
    reader.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_number_that_is_still_being_committed_is_waited_for_and_one_that_never_comes_is_not(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    now = 0.0
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    entry = TimelineEntry(incident_id=incident.id, at=pipeline.clock(), kind=TimelineKind.NOTE, text="note")
    feed = Feed(pipeline.database, lambda: now)
    async with feed.listening():
        before = feed.position
        async with pipeline.database.write() as slow:
            await slow.exec_driver_sql("SELECT nextval('timeline_id_seq')")
            async with pipeline.database.write() as connection:
                await incidents.add_to_timeline(connection, [entry])
            await feed.look()
            assert feed.position == before
        now += 3
        await feed.look()
        assert feed.position == before + 2
