"""Two faults at once: what the second one does is heard of before it is, and goes into the first one's incident."""

from collections.abc import Callable

import msgspec
import pytest

from bot.domain.event import AlertEvent
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from bot.domain.run import RunStatus
from bot.domain.runbook import Runbook
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries import runs
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
DEPENDS_ON = {"a": ["db", "queue"], "b": ["a"], "c": ["db"]}
RUNBOOK = Runbook.model_validate(
    {
        "title": "Restart",
        "when": {"service": "db"},
        "steps": [{"command": {"argv": ["true"]}}],
        "approval": {"approvers": ["U1"]},
    }
)


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    rules = Rules(depends_on=DEPENDS_ON, runbooks={"restart": RUNBOOK})
    return await Pipeline(database, inbox, clock, rules).prepare()


async def first_fault_and_more(pipeline: Pipeline, clock: Clock, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="db", alertname="DiskFull"))
    clock.pass_(seconds=10)
    await pipeline.send(alert(service="c"))
    clock.pass_(seconds=90)
    await pipeline.send(alert(service="a"), alert(service="b"))


async def second_fault(pipeline: Pipeline, clock: Clock, alert: MakeAlert) -> list[Incident]:
    clock.pass_(seconds=5)
    await pipeline.send(alert(service="queue", alertname="QueueFull"))
    return await pipeline.incidents()


async def test_alerts_move_to_the_incident_that_explains_them_better_and_both_say_so(
    pipeline: Pipeline, clock: Clock, alert: MakeAlert
) -> None:
    await first_fault_and_more(pipeline, clock, alert)
    assert (await pipeline.only_incident()).services == ["db", "c", "a", "b"]
    first, second = await second_fault(pipeline, clock, alert)
    assert (first.services, second.services) == (["db", "c"], ["a", "b", "queue"])
    assert [cause.service for incident in (first, second) for cause in incident.causes[:1]] == ["db", "queue"]
    assert {one.service for one in await pipeline.alerts_of(second)} == {"queue", "a", "b"}
    assert "Alerts of a, b are part of incident #2 now: see there" in await pipeline.timeline_of(first)
    assert "Took over the alerts of a, b from incident #1" in await pipeline.timeline_of(second)


async def test_what_moved_is_found_in_its_new_incident_from_then_on(
    pipeline: Pipeline, clock: Clock, alert: MakeAlert
) -> None:
    await first_fault_and_more(pipeline, clock, alert)
    await second_fault(pipeline, clock, alert)
    await pipeline.send(alert(service="a", alertname="Errors"), alert("resolved", service="b"))
    first, second = await pipeline.incidents()
    assert {one.name for one in await pipeline.alerts_of(second) if one.service == "a"} == {"HighLatency", "Errors"}
    assert [one.status for one in await pipeline.alerts_of(second) if one.service == "b"] == ["resolved"]
    assert first.services == ["db", "c"]


async def test_nothing_leaves_an_incident_while_a_run_in_it_is_under_way(
    pipeline: Pipeline, database: Database, clock: Clock, alert: MakeAlert
) -> None:
    await first_fault_and_more(pipeline, clock, alert)
    incident = await pipeline.only_incident()
    async with database.write() as connection:
        [run] = (await runs.of_incidents(connection, [incident.id]))[incident.id]
        await runs.save(connection, [msgspec.structs.replace(run, status=RunStatus.VERIFYING)])
    first, second = await second_fault(pipeline, clock, alert)
    assert (first.services, second.services) == (["db", "c", "a", "b"], ["queue"])
