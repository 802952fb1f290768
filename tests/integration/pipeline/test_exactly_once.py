"""Effects happen once, whatever fails and however deliveries come."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from bot.domain.event import AlertEvent, partition_of
from bot.domain.incident import IncidentStatus
from bot.domain.rules import Rules
from bot.domain.run import Plan
from bot.domain.runbook import Runbook
from bot.inbox import offsets
from bot.inbox.inbox import Inbox, NewEntry, open_inbox
from bot.pipeline.batch import Batch, Trigger
from bot.pipeline.stage import Stage
from bot.storage.database import Database, open_database
from tests.conftest import EVERY_INBOX, Clock
from tests.integration.pipeline_driver import Pipeline, make_alert

MakeAlert = Callable[..., AlertEvent]

RUNBOOK = Runbook.model_validate(
    {
        "title": "Restart it",
        "when": {"service": "checkout"},
        "steps": [{"command": {"argv": ["true"]}}],
        "approval": {"approvers": ["U1"]},
    }
)


class Crash(BaseException):
    """Ends a transaction in its midst, as a kill does: nothing of ours handles it."""


@EVERY_INBOX
async def test_a_crash_in_a_transaction_leaves_no_trace_and_the_next_attempt_has_the_whole_effect(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    def crash(name: str, runbook: Runbook, values: Mapping[str, str]) -> Plan:
        raise Crash

    rules = Rules(runbooks={"restart": RUNBOOK})
    crashing = await Pipeline(database, inbox, clock, rules, crash).prepare()
    await crashing.append(alert())
    with pytest.raises(Crash):
        await crashing.worker.drain()
    assert await crashing.incidents() == []
    healthy = Pipeline(database, inbox, clock, rules)
    await healthy.worker.drain()
    incident = await healthy.only_incident()
    assert (incident.number, incident.version) == (1, 1)
    assert [run.status for run in await healthy.runs_of(incident)] == ["proposed"]


@EVERY_INBOX
async def test_an_entry_that_cannot_be_worked_through_is_set_aside_and_holds_up_nobody(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.append(alert(service="a"))
    partition = partition_of("", pipeline.rules.partitions)
    await pipeline.inbox.append([NewEntry(partition, "alertmanager", pipeline.clock.now, b"not json")])
    await pipeline.append(alert(service="c"))
    await pipeline.worker.drain()
    assert [incident.services for incident in await pipeline.incidents()] == [["a"], ["c"]]
    async with pipeline.database.read() as connection:
        assert await offsets.count_set_aside(connection) == 1
    assert await pipeline.lag() == 0


@EVERY_INBOX
async def test_a_batch_that_fails_in_any_stage_has_its_whole_effect_once(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    """Each stage in turn does its work on a batch of six entries and fails then; afterwards they are tried alone."""
    pipeline = await Pipeline(database, inbox, clock, Rules()).prepare()
    stages = pipeline.worker._stages[Trigger.ENTRIES]
    for at, stage in enumerate(stages):
        failed: list[str] = []

        async def fails_once(
            batch: Batch, connection: AsyncConnection, stage: Stage = stage, failed: list[str] = failed
        ) -> None:
            await stage.work(batch, connection)
            if not failed:
                failed.append(stage.name)
                raise RuntimeError(f"{stage.name} fails in the middle")

        pipeline.worker._stages[Trigger.ENTRIES] = [*stages[:at], stage._replace(work=fails_once), *stages[at + 1 :]]
        for instance in range(6):
            await pipeline.append(alert(cluster=stage.name, instance=str(instance)))
        with capture_logs():
            await pipeline.worker.drain()
        assert failed == [stage.name]
    found = await pipeline.incidents()
    assert [incident.number for incident in found] == list(range(1, len(stages) + 1))
    for incident in found:
        assert {one.labels["instance"] for one in await pipeline.alerts_of(incident)} == set("012345")
        firing = [text for text in await pipeline.timeline_of(incident) if "firing" in text]
        assert sum(int(text.split()[0]) for text in firing) == 6, "each is told once"
    async with database.read() as connection:
        assert await offsets.count_set_aside(connection) == 0
    assert await pipeline.lag() == 0


@EVERY_INBOX
async def test_two_workers_on_one_database_have_the_effect_of_one(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    first = await Pipeline(database, inbox, clock, Rules()).prepare()
    second = Pipeline(database, inbox, clock, Rules())
    for i in range(40):
        await first.append(alert(service=f"s{i % 4}", instance=str(i), cluster=f"c{i % 3}"))
    await asyncio.gather(first.worker.drain(), second.worker.drain(), return_exceptions=True)
    await first.worker.drain()
    found = await first.incidents()
    assert [incident.number for incident in found] == list(range(1, 13))
    counts = [len(await first.alerts_of(incident)) for incident in found]
    assert sum(counts) == 40


@given(seed=st.integers(0, 2**32), alerts=st.integers(1, 12), repeats=st.integers(1, 3))
@settings(max_examples=15)
async def test_any_order_and_repetition_of_deliveries_ends_in_the_state_that_was_last(
    tmp_path_factory: pytest.TempPathFactory, seed: int, alerts: int, repeats: int
) -> None:
    """All alerts fire and half of them resolve; deliveries are shuffled within the reorder time and repeated."""
    folder: Path = tmp_path_factory.mktemp("any-order")
    database = open_database(f"sqlite:///{folder}/t.db")
    await database.migrate()
    inbox = open_inbox(database)
    await inbox.prepare(0)
    try:
        clock, random = Clock(), Random(seed)
        pipeline = await Pipeline(database, inbox, clock, Rules()).prepare()
        make, began = make_alert(clock), clock.now
        deliveries: list[AlertEvent] = []
        for i in range(alerts):
            deliveries.append(make(instance=str(i), starts_at=began))
            if i % 2:
                ended = began + timedelta(seconds=2)
                deliveries.append(make("resolved", instance=str(i), starts_at=began, ends_at=ended))
        deliveries *= repeats
        random.shuffle(deliveries)
        clock.pass_(seconds=5)
        apart = pipeline.rules.alerts.reorder_within / (len(deliveries) + 1)  # all of them within the reorder time
        for delivery in deliveries:
            clock.pass_(seconds=apart.total_seconds())
            await pipeline.send(delivery)
        incidents = await pipeline.incidents()
        known = [found for incident in incidents for found in await pipeline.alerts_of(incident)]
        firing = {found.labels["instance"] for found in known if found.firing}
        assert firing == {str(i) for i in range(0, alerts, 2)}
        assert len({(found.identity, found.episode) for found in known}) == len(known)
        assert all(incident.status is IncidentStatus.TRIGGERED for incident in incidents if incident.open)
        assert sum(incident.open for incident in incidents) == 1
    finally:
        await inbox.close()
        await database.close()
