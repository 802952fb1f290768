"""Very much at once: many short transactions, and turns for others in between."""

import asyncio
import time
from collections.abc import Callable

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.domain.event import AlertEvent
from bot.pipeline.size import MOST
from handlers.api.server import Api, Health
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


async def test_a_large_delivery_is_one_incident_after_many_short_transactions(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    batches: list[int] = []
    write = pipeline.database.write

    def counted(*, ahead: bool = False) -> object:
        batches.append(1)
        return write(ahead=ahead)

    await pipeline.append(*(alert(instance=str(number)) for number in range(1000)))
    pipeline.database.write = counted  # type: ignore[method-assign,assignment]
    await pipeline.worker.drain()
    pipeline.database.write = write  # type: ignore[method-assign]
    assert len(batches) > 1000 // MOST
    incident = await pipeline.only_incident()
    assert len(await pipeline.alerts_of(incident)) == 1000


async def test_the_api_reads_a_large_incident_in_slices_and_whole(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(*(alert(instance=str(number)) for number in range(1000)))
    incident = await pipeline.only_incident()
    app = web.Application()
    Api(pipeline.database, pipeline.inbox, "token", Health(lambda: ("off", True)), clock).add_routes(app)
    async with TestClient(TestServer(app)) as client:
        turns: list[float] = []
        others = asyncio.create_task(_take_turns(turns))
        headers = {"Authorization": "Bearer token"}
        found = await (await client.get(f"/api/incidents/{incident.id}", headers=headers)).read()
        during = len(turns)
        listed = await (await client.get("/api/incidents", headers=headers)).read()
        others.cancel()
    assert during > 1000 / 200
    shown = msgspec.json.decode(found)
    assert len({one["fingerprint"] for one in shown["alerts"]}) == 1000
    assert msgspec.json.decode(listed)["incidents"][0]["alerts"] == shown["alerts"]
    assert shown["timeline"]


async def _take_turns(turns: list[float]) -> None:
    while True:
        turns.append(time.perf_counter())
        await asyncio.sleep(0.001)
