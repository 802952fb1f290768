"""How far the pipeline is behind: what senders, machines and people are told of it, and when no longer."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.event import AlertEvent
from bot.errors import InboxFull
from bot.inbox.backlog import FIRST_RETRY, LAST_RETRY, Backlog, Waiting, look
from bot.inbox.inbox import NewEntry, open_inbox
from bot.inbox.intake import Intake, entries_for
from bot.localslack import LocalSlack
from bot.notify.notifier import Notifier
from bot.notify.slack.channel import SlackChannel
from bot.storage.database import Database, open_database
from handlers.api.server import Api, Health
from handlers.slack import SlackEndpoint
from handlers.slack.registry import INCIDENT
from handlers.slack.reply import Reply
from handlers.slack.slash import answer
from tests.conftest import EVERY_INBOX, Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


@pytest.fixture
def backlog(pipeline: Pipeline) -> Backlog:
    return Backlog(pipeline.database, pipeline.inbox, pipeline.clock, pipeline.rules.partitions, most=10)


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack() as slack:
        yield slack


def _notifier(slack: LocalSlack, pipeline: Pipeline, backlog: Backlog) -> Notifier:
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    return Notifier(pipeline.database, SlackChannel(client, "incidents"), pipeline.clock, interval=0, backlog=backlog)


async def _tell_all(notifier: Notifier) -> None:
    while await notifier.reconcile():
        pass


def _texts(slack: LocalSlack) -> list[str]:
    """Each message of the channel with its blocks, the oldest first."""
    return [json.dumps(message, ensure_ascii=False) for message in slack.messages("incidents")]


@EVERY_INBOX
async def test_what_waits_is_counted_and_the_oldest_of_each_partition_known(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    assert (await look(pipeline.database, pipeline.inbox)).oldest is None
    first = clock.now
    await pipeline.append(alert(cluster="one"))
    clock.pass_(seconds=30)
    await pipeline.append(alert(cluster="one", instance="b"), alert(cluster="two"))
    waiting = await look(pipeline.database, pipeline.inbox)
    assert waiting.entries == 3
    assert sorted(waiting.since.values()) == [first, clock.now]
    await pipeline.worker.drain()
    assert await look(pipeline.database, pipeline.inbox) == type(waiting)()


@EVERY_INBOX
async def test_an_entry_that_this_version_cannot_read_waits_like_any_other(pipeline: Pipeline, clock: Clock) -> None:
    await pipeline.inbox.append([NewEntry(3, "test", clock.now, b'[{"kind":"of a release to come"}]')])
    assert await look(pipeline.database, pipeline.inbox) == Waiting(1, {3: clock.now})


async def test_a_partition_is_behind_after_a_minute_until_its_oldest_entry_is_young(
    pipeline: Pipeline, backlog: Backlog, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.append(alert(cluster="one"))
    clock.pass_(seconds=59)
    await backlog.look()
    assert backlog.caught_up
    assert backlog.age == timedelta(seconds=59)
    clock.pass_(seconds=2)
    await backlog.look()
    assert backlog.behind("one") == backlog.behind() == timedelta(seconds=61)
    assert backlog.behind("two") is None, "another partition"

    await pipeline.worker.drain()
    await pipeline.append(alert(cluster="one", instance="b"))
    clock.pass_(seconds=11)
    await backlog.look()
    assert backlog.behind("one"), "it has not caught up yet"
    await pipeline.worker.drain()
    await backlog.look()
    assert backlog.caught_up


async def test_while_too_much_waits_on_disk_senders_are_sent_away_for_longer_and_longer(
    pipeline: Pipeline, backlog: Backlog, alert: MakeAlert, clock: Clock
) -> None:
    intake = Intake(pipeline.inbox, full_for=backlog.retry_after)
    intake.start()
    entries = [entries_for([alert(instance=str(i))], "test", clock.now, [], 1) for i in range(12)]
    for entry in entries[:10]:
        await intake.append(entry)
    await backlog.look()
    waits = []
    for _ in range(4):
        with pytest.raises(InboxFull) as refused:
            await intake.append(entries[10])
        waits.append(refused.value.retry_after)
        clock.pass_(seconds=waits[-1])
    assert waits == [FIRST_RETRY, 5, 10, 20]
    clock.pass_(days=1)
    assert backlog.retry_after() == LAST_RETRY

    await pipeline.worker.drain()
    await backlog.look()
    await intake.append(entries[11])
    await intake.stop()
    assert await pipeline.lag() == 1, "what was refused is not there, what was taken is"


async def test_a_message_says_that_newer_alerts_come_and_stops_saying_so(
    pipeline: Pipeline, backlog: Backlog, alert: MakeAlert, clock: Clock, slack: LocalSlack
) -> None:
    notifier = _notifier(slack, pipeline, backlog)
    await pipeline.send(alert(cluster="one"))
    await pipeline.append(alert(cluster="one", instance="waits"))
    clock.pass_(minutes=3)
    await backlog.look()
    await _tell_all(notifier)
    assert ["Tandem is 3 min behind" in text for text in _texts(slack)] == [True]
    endpoint = SlackEndpoint(pipeline.database, {}, clock, lambda: None, behind=backlog.behind)
    said = await answer(endpoint, INCIDENT, "list", "U1")
    assert isinstance(said, Reply) and said.text.endswith("Tandem is 3 min behind: newer alerts are still coming in")

    calls = len(slack.calls)
    await _tell_all(notifier)
    assert len(slack.calls) == calls, "nothing more is said while that stays so"

    clock.pass_(seconds=-180)
    await pipeline.worker.drain()
    await backlog.look()
    await _tell_all(notifier)
    assert ["behind" in text for text in _texts(slack)] == [False]


async def test_what_is_over_already_is_told_after_what_is_not(
    pipeline: Pipeline, backlog: Backlog, alert: MakeAlert, clock: Clock, slack: LocalSlack
) -> None:
    await pipeline.send(alert(service="over", severity="critical", cluster="one"))
    clock.pass_(seconds=10)
    await pipeline.send(alert("resolved", ends_at=clock.now, service="over", severity="critical", cluster="one"))
    await pipeline.send(alert(service="not-over", cluster="two"))
    await _tell_all(_notifier(slack, pipeline, backlog))
    assert ["not-over" in text for text in _texts(slack)] == [True, False]


async def _asked(pipeline: Pipeline, path: str) -> tuple[int, str]:
    app = web.Application()
    health = Health(lambda: ("ok", True))
    Api(pipeline.database, pipeline.inbox, None, health, pipeline.clock).add_routes(app)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get(path)
        return answer.status, await answer.text()


async def test_machines_are_told_how_old_the_oldest_entry_is_and_being_behind_is_no_reason_to_be_unready(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.append(alert())
    clock.pass_(hours=1)
    status, body = await _asked(pipeline, "/readyz")
    said: dict[str, Any] = json.loads(body)
    assert (status, said["status"], said["inbox_lag"], said["oldest_waiting_seconds"]) == (200, "ok", 1, 3600)
    _, metrics = await _asked(pipeline, "/metrics")
    assert "\ntandem_inbox_oldest_waiting_seconds 3600.0\n" in metrics
    assert metrics.count("\ntandem_partition_oldest_waiting_seconds{") == 1
    await pipeline.worker.drain()
    _, metrics = await _asked(pipeline, "/metrics")
    assert "\ntandem_inbox_oldest_waiting_seconds 0.0\n" in metrics
    assert metrics.count("\ntandem_partition_oldest_waiting_seconds{") == 0


async def test_what_was_seen_last_stands_and_grows_older_while_the_database_is_away(clock: Clock) -> None:
    nowhere: Database = open_database("postgresql://tandem@127.0.0.1:1/tandem")
    backlog = Backlog(nowhere, open_inbox(nowhere), clock, 16)
    backlog.waiting = type(backlog.waiting)(3, {0: clock.now})
    clock.pass_(minutes=2)
    await backlog.look()
    assert backlog.problem
    assert backlog.age == timedelta(minutes=2)
    assert not backlog.caught_up
    await nowhere.close()
