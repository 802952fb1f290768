"""What is over for long is archived and deleted; nothing else is."""

import io
from collections.abc import Collection
from pathlib import Path

import fsspec
import msgspec
import pyarrow.parquet as pq
import pytest

from bot.domain.event import ChangeEvent, ChangeKind
from bot.domain.rules import Rules
from bot.domain.run import Plan, Run, RunStatus
from bot.domain.runbook import Runbook
from bot.errors import StorageUnavailable
from bot.inbox.inbox import Inbox
from bot.incidents import lifecycle
from bot.maintenance.archive import Archive
from bot.maintenance.retention import Retention
from bot.storage.database import Database
from bot.storage.queries import audit, runs
from bot.storage.tables.core import AlertRow, ChangeRow, IncidentRow, TimelineRow, TraitRow
from bot.storage.tables.runs import RunRow
from tests.conftest import EVERY_INBOX, Clock
from tests.integration.maintenance.retained import KEPT, Make, Retained, first_broken, resolved, write_audit
from tests.integration.pipeline_driver import Pipeline


@pytest.fixture
def retained(pipeline: Pipeline, tmp_path: Path) -> Retained:
    return Retained(pipeline, tmp_path / "archive")


@EVERY_INBOX
async def test_entries_that_were_worked_through_go_by_whole_days_and_others_stay(
    retained: Retained, alert: Make
) -> None:
    clock = retained.pipeline.clock
    await retained.pipeline.send(alert(instance="a"))
    clock.pass_(days=1)
    await retained.pipeline.send(alert(instance="b"))
    clock.pass_(days=1, hours=13)  # the first one's day is over for two days, the second one's is not
    await retained.pipeline.append(alert(instance="c"))
    before = await retained.entries()
    await retained.clean()
    assert await retained.entries() == before[1:]
    [entry] = retained.archived("events")
    assert (entry["seq"], str(entry["day"]), "instance" in entry["payload"]) == (before[0], "2026-03-01", True)


@EVERY_INBOX
async def test_an_entry_that_nobody_worked_through_stays_however_old(retained: Retained, alert: Make) -> None:
    await retained.pipeline.append(alert())
    retained.pipeline.clock.pass_(days=500)
    await retained.clean()
    assert len(await retained.entries()) == 1
    await retained.pipeline.worker.drain()
    await retained.clean()
    assert await retained.entries() == []
    assert await retained.pipeline.lag() == 0


async def test_a_resolved_incident_goes_with_all_that_belongs_to_it(retained: Retained, alert: Make) -> None:
    await resolved(retained, alert)
    assert await retained.count(TraitRow)
    retained.pipeline.clock.pass_(days=9)
    await retained.clean()
    assert await retained.count(IncidentRow) == 1
    retained.pipeline.clock.pass_(days=2)
    await retained.clean()
    assert [await retained.count(model) for model in (IncidentRow, AlertRow, TimelineRow, TraitRow)] == [0, 0, 0, 0]
    [incident] = retained.archived("incidents")
    [found] = retained.archived("alerts")
    assert found["incident_id"] == incident["id"]
    assert msgspec.json.decode(found["labels"])["service"] == "checkout"
    assert {entry["incident_id"] for entry in retained.archived("timeline")} == {incident["id"]}
    assert incident["resolved_at"].tzinfo is not None
    kinds = {folder.name for folder in retained.folder.iterdir()}
    assert kinds == {"events", "incidents", "alerts", "timeline"}, "nothing of how Slack is spoken to"


async def test_an_open_incident_stays_and_goes_on(retained: Retained, alert: Make) -> None:
    await retained.pipeline.send(alert(instance="a"))
    retained.pipeline.clock.pass_(days=500)
    await retained.clean()
    await retained.pipeline.send(alert("resolved", instance="a"))
    assert (await retained.pipeline.only_incident()).resolved_at is not None


async def test_numbers_go_on_and_an_alert_that_fires_again_after_all_is_gone_opens_an_incident(
    retained: Retained, alert: Make
) -> None:
    """Also one whose incident a person had closed while it fired on."""
    await retained.pipeline.send(alert())
    incident = await retained.pipeline.only_incident()
    await lifecycle.resolve(retained.pipeline.database, incident.id, "U1", retained.pipeline.clock.now)
    retained.pipeline.clock.pass_(days=12)
    await retained.clean()
    assert await retained.pipeline.incidents() == []
    await retained.pipeline.send(alert())
    assert (await retained.pipeline.only_incident()).number == 2


async def test_an_incident_with_a_run_under_way_stays(
    database: Database, inbox: Inbox, clock: Clock, alert: Make, tmp_path: Path
) -> None:
    book = Runbook.model_validate(
        {
            "title": "Restart",
            "when": {"service": "checkout"},
            "steps": [{"command": {"argv": ["true"]}}],
            "approval": {"approvers": ["U012AB3CD"]},
        }
    )
    retained = Retained(await Pipeline(database, inbox, clock, Rules(runbooks={"restart": book})).prepare(), tmp_path)
    incident_id = await resolved(retained, alert)
    async with database.write() as connection:
        [run] = (await runs.of_incidents(connection, [incident_id]))[incident_id]
        await runs.save(connection, [msgspec.structs.replace(run, status=RunStatus.VERIFYING)])
    clock.pass_(days=50)
    await retained.clean()
    assert (await retained.count(IncidentRow), await retained.count(RunRow)) == (1, 1)
    async with database.write() as connection:
        await runs.save(connection, [msgspec.structs.replace(run, status=RunStatus.SUCCEEDED)])
    await retained.clean()
    assert (await retained.count(IncidentRow), await retained.count(RunRow)) == (0, 0)
    assert [row["runbook"] for row in retained.archived("runs")] == ["restart"]


async def test_what_belongs_to_no_incident_goes_with_the_events(retained: Retained, alert: Make, clock: Clock) -> None:
    change = ChangeEvent(source="test", id="d1", change=ChangeKind.DEPLOY, service="checkout", title="v2", at=clock.now)
    await retained.pipeline.send(alert("resolved", instance="never-heard-firing"), change)
    assert (await retained.count(AlertRow), await retained.count(ChangeRow)) == (1, 1)
    clock.pass_(days=3)
    await retained.clean()
    assert (await retained.count(AlertRow), await retained.count(ChangeRow)) == (0, 0)
    assert [row["id"] for row in retained.archived("changes")] == ["d1"]
    assert len(retained.archived("alerts")) == 1


async def test_the_audit_log_loses_its_beginning_and_is_whole(retained: Retained) -> None:
    await write_audit(retained, "one", "two")
    retained.pipeline.clock.pass_(days=1)
    await write_audit(retained, "three")
    retained.pipeline.clock.pass_(days=20)
    await write_audit(retained, "four")
    await retained.clean()
    assert [row["action"] for row in retained.archived("audit")] == ["one", "two"]
    assert await first_broken(retained) is None
    retained.pipeline.clock.pass_(days=30)
    await retained.clean()
    assert [row["seq"] for row in retained.archived("audit")] == [1, 2, 3, 4, 5]
    assert await first_broken(retained) is None
    async with retained.pipeline.database.read() as connection:
        assert (await audit.entries(connection))[-1]["action"] == audit.ARCHIVED


async def test_without_an_archive_it_is_only_deleted(retained: Retained, alert: Make) -> None:
    await resolved(retained, alert)
    retained.pipeline.clock.pass_(days=50)
    retained.retention = retained.with_archive(None)
    await retained.clean()
    assert await retained.count(IncidentRow) == 0
    assert not retained.folder.exists()


async def test_the_archive_may_be_behind_any_address_of_fsspec(retained: Retained, alert: Make) -> None:
    await resolved(retained, alert)
    retained.pipeline.clock.pass_(days=50)
    place = f"memory://tandem-archive-{retained.folder.parent.name}"
    retained.retention = retained.with_archive(Archive(place))
    await retained.clean()
    files, root = fsspec.core.url_to_fs(place)
    [file] = files.glob(f"{root}/incidents/day=2026-03-01/*.parquet")
    assert pq.read_table(io.BytesIO(files.cat_file(file)))["number"].to_pylist() == [1]


async def test_what_durable_workflows_keep_of_runs_is_forgotten_with_them(retained: Retained, alert: Make) -> None:
    incident_id = await resolved(retained, alert)
    forgotten: list[str] = []
    away = [StorageUnavailable("away")]

    async def forget(run_ids: Collection[str]) -> None:
        if away:
            raise away.pop()
        forgotten.extend(run_ids)

    one = retained.pipeline
    run = Run(
        id="r1",
        incident_id=incident_id,
        partition=0,
        runbook="restart",
        plan=Plan("restart", "", "Restart", [], [], 60, True),
        plan_hash="",
        status=RunStatus.SUCCEEDED,
        approvers=[],
        required=1,
        created_at=one.clock.now,
        expires_at=one.clock.now,
    )
    async with one.database.write() as connection:
        await runs.save(connection, [run])
    one.clock.pass_(days=50)
    retained.retention = Retention(one.services, KEPT, None, forget)
    with pytest.raises(StorageUnavailable):
        await retained.clean()
    await retained.clean()
    assert await retained.count(RunRow) == 0
    assert forgotten == ["r1"]
