"""A delivery of which something cannot be taken, and one that is very large: what is kept, answered and told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.health.refusals import EVERY, Refusals
from bot.inbox.inbox import Inbox
from bot.inbox.intake import Intake
from bot.localslack import LocalSlack
from bot.notify.slack.channel import SlackChannel
from handlers.http.endpoint import Limits, add_webhook_routes
from handlers.http.fast_path import Lane
from tests.conftest import Clock

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # no other statement is made here

TOKEN = "a-token-of-some-length"
GOOD = {"status": "firing", "labels": {"alertname": "Slow"}, "startsAt": "2026-03-01T00:00:00Z"}
BAD = GOOD | {"labels": "Slow"}
MOST = 8 * 2**20


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]


class Endpoint:
    def __init__(self, url: str, inbox: Inbox, refusals: Refusals) -> None:
        self.url, self.inbox, self.refusals = url, inbox, refusals

    async def send(self, *alerts: Any, source: str = "alertmanager", **fields: Any) -> Answer:
        body = {"version": "4", "status": "firing", "groupKey": "g", "alerts": alerts} | fields
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/webhooks/{source}", data=json.dumps(body), headers=headers) as answer,
        ):
            return Answer(answer.status, await answer.json(content_type=None))

    async def entries(self) -> list[list[AlertEvent]]:
        """The alerts of each entry of the inbox."""
        found: list[list[AlertEvent]] = []
        position = 0
        while entries := (await self.inbox.entries_after(0, position, 1000)).entries:
            position = entries[-1].seq
            found += [[event for event in entry.events if isinstance(event, AlertEvent)] for entry in entries]
        return found

    async def stored(self) -> list[AlertEvent]:
        return [event for events in await self.entries() for event in events]


@asynccontextmanager
async def serving(inbox: Inbox, clock: Clock) -> AsyncIterator[Endpoint]:
    intake, refusals = Intake(inbox), Refusals(clock)
    intake.start()
    app = web.Application()
    limits = Limits(MOST, refusals.note)
    fast = add_webhook_routes(app, intake, TOKEN, clock, [], 1, limits=limits)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    assert runner.server is not None
    lane = Lane(fast, runner.server)
    server = await asyncio.get_running_loop().create_server(lane, "127.0.0.1", 0)
    try:
        yield Endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", inbox, refusals)
    finally:
        server.close()
        await lane.close(5)
        await runner.cleanup()
        await intake.stop()


@pytest.fixture
async def endpoint(inbox: Inbox, clock: Clock) -> AsyncIterator[Endpoint]:
    async with serving(inbox, clock) as endpoint:
        yield endpoint


def counted(source: str) -> float:
    return REGISTRY.get_sample_value("tandem_alerts_refused_total", {"source": source}) or 0.0


@pytest.mark.parametrize("source", ["alertmanager", "grafana"])
async def test_one_bad_alert_is_named_in_the_answer_and_the_others_are_kept(endpoint: Endpoint, source: str) -> None:
    before = counted(source)
    status, body = await endpoint.send(GOOD, BAD, GOOD | {"labels": {"alertname": 5}}, source=source)
    assert (status, body["accepted"]) == (202, 2)
    [refused] = body["refused"]
    assert refused["index"] == 1
    assert "$.alerts[1].labels" in refused["reason"]
    assert [event.labels["alertname"] for event in await endpoint.stored()] == ["Slow", "5"]
    assert counted(source) == before + 1


async def test_an_answer_to_what_is_all_taken_has_nothing_but_the_count(endpoint: Endpoint) -> None:
    assert await endpoint.send(GOOD, GOOD) == (202, {"accepted": 2})


async def test_a_delivery_of_which_nothing_can_be_taken_is_a_400(endpoint: Endpoint) -> None:
    status, body = await endpoint.send(BAD, None)
    assert status == 400
    assert "$.alerts[0].labels" in body["detail"]
    assert await endpoint.stored() == []


async def test_more_alerts_and_bytes_than_one_part_are_taken_in_order_and_in_small_entries(endpoint: Endpoint) -> None:
    filler = {"description": "x" * 350}
    alerts = [GOOD | {"labels": {"alertname": "Slow", "n": str(i)}, "annotations": filler} for i in range(12_000)]
    gone = {"status": "resolved", "endsAt": "2026-03-01T01:00:00Z"}
    assert await endpoint.send(*alerts, alerts[0] | gone) == (202, {"accepted": 12_001})
    assert max(map(len, await endpoint.entries())) <= 250  # others had their turn after each
    stored = await endpoint.stored()
    assert [event.labels["n"] for event in stored] == [*map(str, range(12_000)), "0"]
    assert [event.status for event in stored[-2:]] == ["firing", "resolved"]


async def test_what_is_over_the_setting_is_a_413_and_told(endpoint: Endpoint, clock: Clock) -> None:
    status, body = await endpoint.send(GOOD, filler="x" * MOST)
    assert status == 413
    assert str(MOST) in body["detail"]
    [message] = await published(endpoint.refusals)
    assert "alertmanager" in message


async def published(refusals: Refusals) -> list[str]:
    async with LocalSlack(channels=("incidents", "ops")) as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        channel = SlackChannel(client, "ops")
        await refusals.publish(channel)
        await refusals.publish(channel)
        return [json.dumps(message, ensure_ascii=False) for message in slack.messages("ops")]


async def test_the_ops_channel_is_told_once_an_hour_for_each_source_what_was_refused(
    endpoint: Endpoint, clock: Clock
) -> None:
    await endpoint.send(GOOD, BAD)
    await endpoint.send(BAD)
    await endpoint.send(BAD, source="grafana")
    messages = await published(endpoint.refusals)
    assert ["2 deliveries of alertmanager" in messages[0], "a delivery of grafana" in messages[1]] == [True, True]
    assert "$.alerts[0].labels" in messages[0]
    await endpoint.send(BAD)
    assert await published(endpoint.refusals) == []
    clock.now += EVERY
    assert len(await published(endpoint.refusals)) == 1


async def test_a_stranger_does_not_reach_the_ops_channel(endpoint: Endpoint) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{endpoint.url}/webhooks/alertmanager", data="x") as no,
    ):
        assert no.status == 401
    assert await published(endpoint.refusals) == []
