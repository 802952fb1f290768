"""The intake answers when events are on disk, and says so when they cannot be."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from threading import Event

import pytest
from sqlalchemy import text

from bot.domain.event import AlertEvent, AlertStatus
from bot.errors import InboxFull, StorageUnavailable
from bot.inbox import intake as intake_module
from bot.inbox.inbox import Inbox, NewEntry
from bot.inbox.intake import CROWD, Intake, entries_for
from tests.conftest import EVERY_INBOX, database_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _entries(name: str = "a") -> list[NewEntry]:
    event = AlertEvent("test", name, AlertStatus.FIRING, {"alertname": name}, NOW)
    return entries_for([event], "test", NOW, [], 1)


async def _rename(inbox: Inbox, name: str, to: str) -> None:
    async with database_of(inbox).write() as connection:
        await connection.execute(text(f"ALTER TABLE {name} RENAME TO {to}"))


@pytest.fixture
async def intake(inbox: Inbox) -> AsyncIterator[Intake]:
    intake = Intake(inbox, max_entries=50)
    intake.start()
    yield intake
    await intake.stop()


@EVERY_INBOX
async def test_what_is_appended_at_once_is_committed_together_and_all_of_it_is_there(
    intake: Intake, inbox: Inbox
) -> None:
    await asyncio.gather(*(intake.append(_entries(str(i))) for i in range(50)))
    assert await inbox.lag({0: 0}) == 50


@EVERY_INBOX
async def test_beyond_the_bound_the_sender_is_asked_to_come_again(intake: Intake) -> None:
    results = await asyncio.gather(*(intake.append(_entries(str(i))) for i in range(60)), return_exceptions=True)
    assert sum(isinstance(result, InboxFull) for result in results) == 10
    await intake.append(_entries("later"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_comes_in_is_committed_while_all_threads_of_the_loop_wait_for_others(
    intake: Intake, inbox: Inbox
) -> None:
    """They ask for names that nobody answers for, and read databases of others."""
    answered = Event()
    waiting = [asyncio.create_task(asyncio.to_thread(answered.wait)) for _ in range(64)]
    try:
        async with asyncio.timeout(30):
            await intake.append(_entries())
    finally:
        answered.set()
        await asyncio.gather(*waiting)
    assert await inbox.lag({0: 0}) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_append_that_is_cancelled_is_over_before_the_next_begins(inbox: Inbox) -> None:
    for turns in range(8):
        cancelled = asyncio.create_task(inbox.append(_entries("cancelled")))
        for _ in range(turns):
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        await inbox.append(_entries(f"next-{turns}"))
    events = [event for entry in (await inbox.entries_after(0, 0, 100)).entries for event in entry.events]
    names = [event.fingerprint for event in events if isinstance(event, AlertEvent)]
    assert [name for name in names if name != "cancelled"] == [f"next-{turns}" for turns in range(8)]


@EVERY_INBOX
async def test_stopping_commits_what_waits(inbox: Inbox) -> None:
    intake = Intake(inbox)
    intake.start()
    waiting = asyncio.create_task(intake.append(_entries()))
    await asyncio.sleep(0)
    await intake.stop()
    await waiting
    assert await inbox.lag({0: 0}) == 1


@pytest.mark.parametrize(("requests", "most", "least"), [(2 * CROWD, 0.05, 0.05), (CROWD - 1, 3600.0, 0.0)])
async def test_the_pipeline_rests_after_a_crowd_of_requests_and_not_for_few_nor_for_long(
    intake: Intake, monkeypatch: pytest.MonkeyPatch, requests: int, most: float, least: float
) -> None:
    monkeypatch.setattr(intake_module, "MOST_REST", most)
    monkeypatch.setattr(intake_module, "CROWD_LASTS", 60.0)
    clock = asyncio.get_running_loop().time
    await asyncio.gather(*(intake.append(_entries(str(i))) for i in range(requests)))
    began = clock()
    async with asyncio.timeout(60):
        await intake.rest_after(3600.0)
    assert clock() - began >= least


@pytest.mark.parametrize(("passes", "most", "least"), [(0.0, 3600.0, 0.0), (3600.0, 0.05, 0.05)])
async def test_without_patience_the_pipeline_rests_while_the_crowd_is_there(
    intake: Intake, monkeypatch: pytest.MonkeyPatch, passes: float, most: float, least: float
) -> None:
    monkeypatch.setattr(intake_module, "MOST_REST", most)
    monkeypatch.setattr(intake_module, "CROWD_LASTS", 60.0)
    monkeypatch.setattr(intake_module, "CROWD_PASSES", passes)
    clock = asyncio.get_running_loop().time
    await asyncio.gather(*(intake.append(_entries(str(i))) for i in range(2 * CROWD)))
    began = clock()
    async with asyncio.timeout(60):
        await intake.rest_after(3600.0, patience=0.0)
    assert clock() - began >= least


async def test_a_database_that_takes_nothing_fails_the_requests_and_is_used_again_when_it_does(
    intake: Intake, inbox: Inbox
) -> None:
    await _rename(inbox, "inbox", "elsewhere")
    with pytest.raises(StorageUnavailable):
        await intake.append(_entries())
    await _rename(inbox, "elsewhere", "inbox")
    await intake.append(_entries())


@EVERY_INBOX
async def test_more_partitions_than_sqlite_takes_terms_are_asked_after_at_once(inbox: Inbox) -> None:
    """SQLite takes 500 terms in a compound SELECT. Every third partition has two entries, the first of them done."""
    partitions = 600
    await inbox.append([NewEntry(p, "test", NOW, b"[]") for p in range(0, partitions, 3)])
    done = {p: await inbox.next_seq(p, 0) or 0 for p in range(0, partitions, 3)}
    positions = dict.fromkeys(range(partitions), 0) | done
    assert await inbox.partitions_behind(positions) == {}
    assert await inbox.lag(positions) == 0
    await inbox.append([NewEntry(p, "test", NOW, b"[]") for p in range(0, partitions, 3)])
    assert await inbox.partitions_behind(positions) == dict.fromkeys(done, NOW)
    assert await inbox.lag(positions) == len(done)
    assert await inbox.partitions_behind({}) == {}
    assert await inbox.lag({}) == 0
