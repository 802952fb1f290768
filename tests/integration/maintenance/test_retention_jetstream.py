"""Retention where the inbox is a stream: what is over leaves the stream through the archive, and nothing else does."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table

from bot.domain.event import AlertEvent, SamplesEvent, encode_events
from bot.domain.rules import Rules
from bot.errors import StorageUnavailable
from bot.inbox import jetstream_connection as jetstream
from bot.inbox import offsets
from bot.inbox.entries import NewEntry
from bot.inbox.jetstream import JetStreamInbox
from bot.inbox.switch import claim_offsets
from bot.maintenance.archive import Archive
from bot.maintenance.retention import AT_ONCE
from bot.storage.database import Database
from bot.storage.queries import snapshots as detector_state
from bot.watches.metrics import memory as watch_metrics_memory
from tests.conftest import Clock
from tests.integration.maintenance.retained import Retained
from tests.integration.pipeline_driver import Pipeline
from tests.integration.watches.metrics_driver import rules
from tests.nats_server import NatsServer

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # where the state is

Make = Callable[..., AlertEvent]


@pytest.fixture
async def stream(own_server: NatsServer) -> AsyncIterator[JetStreamInbox]:
    inbox = JetStreamInbox(own_server.url)
    yield inbox
    await inbox.close()


async def _retained(database: Database, stream: JetStreamInbox, clock: Clock, folder: Path, rules: Rules) -> Retained:
    await claim_offsets(database, stream, rules.partitions)
    return Retained(Pipeline(database, stream, clock, rules), folder)


def _entries(event: AlertEvent | SamplesEvent, partition: int, count: int, at: datetime) -> list[NewEntry]:
    return [NewEntry(partition, event.source, at, encode_events([event]))] * count


async def _seqs(stream: JetStreamInbox, partition: int) -> list[int]:
    return [entry.seq for entry in (await stream.entries_after(partition, 0, 5000)).entries]


async def test_a_stream_keeps_what_is_young_or_not_worked_through_or_not_learnt_and_the_archive_has_the_rest(
    database: Database, stream: JetStreamInbox, clock: Clock, alert: Make, tmp_path: Path
) -> None:
    retained = await _retained(
        database, stream, clock, tmp_path / "archive", Rules(metrics=rules().metrics, partitions=3)
    )
    old, samples = alert(), SamplesEvent("otlp", {}, [])
    for partition in range(3):
        await stream.append(_entries(old, partition, AT_ONCE + 20, clock.now))
        await stream.append(_entries(samples, partition, 5, clock.now))
    clock.pass_(days=2)
    await stream.append(_entries(alert(), 0, 3, clock.now))  # young
    first, second, third = [await _seqs(stream, partition) for partition in range(3)]
    async with database.write() as connection:
        await offsets.advance(connection, 0, 0, first[-1])
        await offsets.advance(connection, 1, 0, second[9])  # what is behind waits
        await offsets.advance(connection, 2, 0, third[-1])
        await detector_state.mark(connection, 2, watch_metrics_memory.WATCH, third[-3], clock.now)  # so much is learnt
    clock.pass_(hours=13)
    await retained.clean()
    assert [await _seqs(stream, partition) for partition in range(3)] == [first[-3:], second[10:], third[-2:]]
    archived = retained.archived("events")
    gone = [(0, seq) for seq in first[:-3]] + [(1, seq) for seq in second[:10]] + [(2, seq) for seq in third[:-2]]
    assert sorted((row["partition"], row["seq"]) for row in archived) == sorted(gone)
    assert {str(row["day"]) for row in archived} == {"2026-03-01"}
    assert {row["payload"] for row in archived} == {encode_events([event]).decode() for event in (old, samples)}


async def test_a_stream_that_retention_has_emptied_goes_on_where_it_was(
    database: Database, stream: JetStreamInbox, clock: Clock, alert: Make, tmp_path: Path
) -> None:
    retained = await _retained(database, stream, clock, tmp_path / "archive", Rules())
    await retained.pipeline.send(alert(instance="a"))
    await retained.pipeline.send(alert(instance="b"))
    clock.pass_(days=5)
    await retained.clean()
    assert await retained.entries() == []
    await claim_offsets(database, stream, Rules().partitions)  # as a start does
    assert await retained.pipeline.lag() == 0
    await retained.pipeline.send(alert(instance="c"))
    assert [row["seq"] for row in retained.archived("events")] + await retained.entries() == [1, 2, 3]
    assert [incident.version for incident in await retained.pipeline.incidents()] == [2, 1], "each alert was heard once"


async def test_a_stream_that_goes_away_between_file_and_deletion_loses_nothing_and_archives_nothing_twice(
    database: Database,
    stream: JetStreamInbox,
    own_server: NatsServer,
    clock: Clock,
    alert: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jetstream, "CONNECT_SECONDS", 0.5)
    retained = await _retained(database, stream, clock, tmp_path / "archive", Rules())
    for instance in "ab":
        await retained.pipeline.send(alert(instance=instance))
    clock.pass_(days=5)
    retained.retention = retained.with_archive(_Killing(str(retained.folder), own_server))
    with pytest.raises(StorageUnavailable):
        await retained.turn()
    own_server.start()
    monkeypatch.undo()
    await retained.clean()
    assert await retained.entries() == []
    assert [row["seq"] for row in retained.archived("events")] == [1, 2]


class _Killing(Archive):
    """When the first file is written the server is killed."""

    def __init__(self, address: str, server: NatsServer) -> None:
        super().__init__(address)
        self._server: NatsServer | None = server

    async def put(self, kind: str, day: date, name: str, table: Table, rows: Sequence[Mapping[str, Any]]) -> str:
        file = await super().put(kind, day, name, table, rows)
        if self._server:
            self._server.kill()
            self._server = None
        return file
