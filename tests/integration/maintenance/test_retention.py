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
from bot.storage.tables.core import AlertRow, ChangeRow, IncidentRow, RunRow, TimelineRow, TraitRow
from tests.conftest import EVERY_INBOX, Clock
from tests.integration.maintenance.house import KEPT, House, Make, first_broken, resolved, write_audit
from tests.integration.pipeline_driver import Pipeline


@pytest.fixture
def house(pipeline: Pipeline, tmp_path: Path) -> House:
    return House(pipeline, tmp_path / "archive")


@EVERY_INBOX
async def test_entries_that_were_worked_through_go_by_whole_days_and_others_stay(house: House, alert: Make) -> None:
    clock = house.pipeline.clock
    await house.pipeline.send(alert(instance="a"))
    clock.pass_(days=1)
    await house.pipeline.send(alert(instance="b"))
    clock.pass_(days=1, hours=13)  # the first one's day is over for two days, the second one's is not
    await house.pipeline.append(alert(instance="c"))
    before = await house.entries()
    await house.keep()
    assert await house.entries() == before[1:]
    [entry] = house.archived("events")
    assert (entry["seq"], str(entry["day"]), "instance" in entry["payload"]) == (before[0], "2026-03-01", True)


@EVERY_INBOX
async def test_an_entry_that_nobody_worked_through_stays_however_old(house: House, alert: Make) -> None:
    await house.pipeline.append(alert())
    house.pipeline.clock.pass_(days=500)
    await house.keep()
    assert len(await house.entries()) == 1
    await house.pipeline.worker.drain()
    await house.keep()
    assert await house.entries() == []
    assert await house.pipeline.lag() == 0


async def test_a_resolved_incident_goes_with_all_that_belongs_to_it(house: House, alert: Make) -> None:
    await resolved(house, alert)
    assert await house.count(TraitRow)
    house.pipeline.clock.pass_(days=9)
    await house.keep()
    assert await house.count(IncidentRow) == 1
    house.pipeline.clock.pass_(days=2)
    await house.keep()
    assert [await house.count(model) for model in (IncidentRow, AlertRow, TimelineRow, TraitRow)] == [0, 0, 0, 0]
    [incident] = house.archived("incidents")
    [found] = house.archived("alerts")
    assert found["incident_id"] == incident["id"]
    assert msgspec.json.decode(found["labels"])["service"] == "checkout"
    assert {entry["incident_id"] for entry in house.archived("timeline")} == {incident["id"]}
    assert incident["resolved_at"].tzinfo is not None
    kinds = {folder.name for folder in house.folder.iterdir()}
    assert kinds == {"events", "incidents", "alerts", "timeline"}, "nothing of how Slack is spoken to"


async def test_an_open_incident_stays_and_goes_on(house: House, alert: Make) -> None:
    await house.pipeline.send(alert(instance="a"))
    house.pipeline.clock.pass_(days=500)
    await house.keep()
    await house.pipeline.send(alert("resolved", instance="a"))
    assert (await house.pipeline.only_incident()).resolved_at is not None


async def test_numbers_go_on_and_an_alert_that_fires_again_after_all_is_gone_opens_an_incident(
    house: House, alert: Make
) -> None:
    """Also one whose incident a person had closed while it fired on."""
    await house.pipeline.send(alert())
    incident = await house.pipeline.only_incident()
    await lifecycle.resolve(house.pipeline.database, incident.id, "U1", house.pipeline.clock.now)
    house.pipeline.clock.pass_(days=12)
    await house.keep()
    assert await house.pipeline.incidents() == []
    await house.pipeline.send(alert())
    assert (await house.pipeline.only_incident()).number == 2


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
    house = House(await Pipeline(database, inbox, clock, Rules(runbooks={"restart": book})).prepare(), tmp_path)
    incident_id = await resolved(house, alert)
    async with database.write() as connection:
        [run] = (await runs.of_incidents(connection, [incident_id]))[incident_id]
        await runs.save(connection, [msgspec.structs.replace(run, status=RunStatus.VERIFYING)])
    clock.pass_(days=50)
    await house.keep()
    assert (await house.count(IncidentRow), await house.count(RunRow)) == (1, 1)
    async with database.write() as connection:
        await runs.save(connection, [msgspec.structs.replace(run, status=RunStatus.SUCCEEDED)])
    await house.keep()
    assert (await house.count(IncidentRow), await house.count(RunRow)) == (0, 0)
    assert [row["runbook"] for row in house.archived("runs")] == ["restart"]


async def test_what_belongs_to_no_incident_goes_with_the_events(house: House, alert: Make, clock: Clock) -> None:
    change = ChangeEvent(source="test", id="d1", change=ChangeKind.DEPLOY, service="checkout", title="v2", at=clock.now)
    await house.pipeline.send(alert("resolved", instance="never-heard-firing"), change)
    assert (await house.count(AlertRow), await house.count(ChangeRow)) == (1, 1)
    clock.pass_(days=3)
    await house.keep()
    assert (await house.count(AlertRow), await house.count(ChangeRow)) == (0, 0)
    assert [row["id"] for row in house.archived("changes")] == ["d1"]
    assert len(house.archived("alerts")) == 1


async def test_the_audit_log_loses_its_beginning_and_is_whole(house: House) -> None:
    await write_audit(house, "one", "two")
    house.pipeline.clock.pass_(days=1)
    await write_audit(house, "three")
    house.pipeline.clock.pass_(days=20)
    await write_audit(house, "four")
    await house.keep()
    assert [row["action"] for row in house.archived("audit")] == ["one", "two"]
    assert await first_broken(house) is None
    house.pipeline.clock.pass_(days=30)
    await house.keep()
    assert [row["seq"] for row in house.archived("audit")] == [1, 2, 3, 4, 5]
    assert await first_broken(house) is None
    async with house.pipeline.database.read() as connection:
        assert (await audit.entries(connection))[-1]["action"] == audit.ARCHIVED


async def test_without_an_archive_it_is_only_deleted(house: House, alert: Make) -> None:
    await resolved(house, alert)
    house.pipeline.clock.pass_(days=50)
    house.retention = house.with_archive(None)
    await house.keep()
    assert await house.count(IncidentRow) == 0
    assert not house.folder.exists()


async def test_the_archive_may_be_behind_any_address_of_fsspec(house: House, alert: Make) -> None:
    await resolved(house, alert)
    house.pipeline.clock.pass_(days=50)
    place = f"memory://tandem-archive-{house.folder.parent.name}"
    house.retention = house.with_archive(Archive(place))
    await house.keep()
    files, root = fsspec.core.url_to_fs(place)
    [file] = files.glob(f"{root}/incidents/day=2026-03-01/*.parquet")
    assert pq.read_table(io.BytesIO(files.cat_file(file)))["number"].to_pylist() == [1]


async def test_what_durable_workflows_keep_of_runs_is_forgotten_with_them(house: House, alert: Make) -> None:
    incident_id = await resolved(house, alert)
    forgotten: list[str] = []
    away = [StorageUnavailable("away")]

    async def forget(run_ids: Collection[str]) -> None:
        if away:
            raise away.pop()
        forgotten.extend(run_ids)

    one = house.pipeline
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
    house.retention = Retention(one.database, one.inbox, KEPT, one.rules, None, one.clock, forget)
    with pytest.raises(StorageUnavailable):
        await house.keep()
    await house.keep()
    assert await house.count(RunRow) == 0
    assert forgotten == ["r1"]
