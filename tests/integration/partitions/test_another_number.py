"""Another number of partitions: all that was learnt and all that fires comes along, whatever was under way."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.components.partitions.labels import take_stranded
from bot.config import Config
from bot.domain.event import AlertEvent
from bot.errors import Refused
from bot.inbox import partitions
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries import snapshots
from bot.watches import homes as pieces
from tests.conftest import EVERY_INBOX, Clock
from tests.integration.maintenance.retained import Retained
from tests.integration.partitions.estate import CLUSTERS, Estate, ruled

Make = Callable[..., AlertEvent]


@EVERY_INBOX
async def test_every_alert_ends_its_incident_and_every_watch_knows_what_it_knew(
    database: Database, inbox: Inbox, clock: Clock, alert: Make
) -> None:
    estate = Estate(database, inbox, clock, ruled(16))
    await estate.fill(alert)
    began = len(await estate.pipeline.incidents())
    for wanted in (1, 4, 64):
        await estate.samples(1)  # waits in the inbox, as does this alert
        await estate.pipeline.append(alert(cluster=CLUSTERS[1], alertname=f"Before{wanted}"))
        await estate.offline.work_off()
        learnt = await estate.learnt()
        limits = await estate.limits()
        assert {watch for watch, _ in learnt} == {*pieces.MODULES} - {"models"}
        assert {len(states) for states in limits.values()} == {1}
        await estate.change(wanted)
        await estate.see_that_all_is_at_home()
        assert await estate.learnt() == learnt
        assert await estate.limits() == limits
        assert await estate.pipeline.lag() == 0
    assert len(await estate.all_end(*(f"Before{wanted}" for wanted in (1, 4, 64)))) == began


async def test_what_fails_in_the_middle_leaves_all_as_it_was(
    database: Database, inbox: Inbox, clock: Clock, alert: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    estate = Estate(database, inbox, clock, ruled(16))
    await estate.fill(alert)
    await estate.offline.work_off()
    learnt = await estate.learnt()

    async def fails(*_: object) -> None:
        raise OSError("in the middle")

    with monkeypatch.context() as patched:
        patched.setattr(partitions, "replace", fails)
        with pytest.raises(Exception, match="in the middle"):
            await estate.offline.change(4)
    await estate.see_that_all_is_at_home()
    assert await estate.learnt() == learnt


async def test_nothing_is_changed_while_entries_wait(
    database: Database, inbox: Inbox, clock: Clock, alert: Make
) -> None:
    estate = Estate(database, inbox, clock, ruled(16))
    await estate.fill(alert)
    offline = estate.offline
    await offline.work_off()
    await estate.pipeline.append(alert(cluster="us-1"))
    with pytest.raises(Refused, match="came in meanwhile"):
        await offline.change(4)
    async with database.read() as connection:
        assert await partitions.count(connection) == 16


@EVERY_INBOX
async def test_what_is_in_partitions_that_there_are_no_more_is_archived_in_its_time(
    database: Database, inbox: Inbox, clock: Clock, alert: Make, tmp_path: Path
) -> None:
    estate = Estate(database, inbox, clock, ruled(16))
    await estate.fill(alert)
    await estate.change(1)
    before = [(seq, payload) for seq, _, _, payload in await inbox.raw_entries_after(0, 10_000)]
    await estate.change(4)
    retained = Retained(estate.pipeline, tmp_path / "archive")
    clock.pass_(days=5)
    await retained.clean()
    assert await retained.entries() == []
    archived = {row["seq"]: row["payload"] for row in retained.archived("events")}
    assert archived == {seq: payload.decode() for seq, payload in before}
    async with database.read() as connection:
        assert await partitions.retired(connection, inbox.identity) == {}


async def test_what_cannot_be_read_is_named_before_anything_is_changed(
    database: Database, inbox: Inbox, clock: Clock, alert: Make
) -> None:
    estate = Estate(database, inbox, clock, ruled(16))
    await estate.fill(alert)
    async with database.write() as connection:
        await snapshots.save(connection, 3, "metrics", {"series:broken": b"no state"}, 0, clock.now)
    [loss] = await estate.offline.losses(4)
    assert "1 snapshots of the watch 'metrics' that cannot be read (series:broken)" in loss


@EVERY_INBOX
async def test_what_a_process_of_before_still_took_in_is_taken_up_by_the_next_start(
    database: Database, inbox: Inbox, clock: Clock, alert: Make
) -> None:
    estate = Estate(database, inbox, clock, ruled(16))
    await estate.start_anew()
    await estate.change(1)
    estate.pipeline.rules = ruled(16)  # as one believes that was cut off meanwhile
    for cluster in CLUSTERS:
        await estate.pipeline.append(alert(cluster=cluster))
    estate.start(ruled(1))
    await estate.pipeline.worker.drain()
    assert len(await estate.pipeline.incidents()) < len(CLUSTERS)
    for _ in range(2):
        await take_stranded(Config(), database, inbox, 1)
        await estate.pipeline.worker.drain()
        assert len(await estate.pipeline.incidents()) == len(CLUSTERS)
