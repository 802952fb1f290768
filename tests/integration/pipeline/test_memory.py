"""Incidents of the past are remembered, and what helped then is offered first."""

from collections.abc import Callable

import msgspec

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.run import RunStatus
from bot.domain.runbook import Runbook
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries import runs
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


def _runbook(title: str) -> Runbook:
    return Runbook.model_validate(
        {
            "title": title,
            "when": {"service": "checkout"},
            "steps": [{"command": {"argv": ["true"]}}],
            "approval": {"approvers": ["U1"]},
        }
    )


async def _pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    rules = Rules(runbooks={"restart": _runbook("Restart it"), "scale": _runbook("Scale it out")})
    return await Pipeline(database, inbox, clock, rules).prepare()


async def _resolved_with(pipeline: Pipeline, alert: MakeAlert, clock: Clock, runbook: str) -> None:
    """An incident in which a runbook was verified."""
    await pipeline.send(alert(), alert(alertname="QueueFull"))
    incident = (await pipeline.incidents())[-1]
    [run] = [run for run in await pipeline.runs_of(incident) if run.runbook == runbook]
    async with pipeline.database.write() as connection:
        ended = msgspec.structs.replace(run, status=RunStatus.SUCCEEDED, ended_at=clock.now)
        await runs.save(connection, [ended])
    clock.pass_(minutes=14)
    await pipeline.send(alert("resolved"), alert("resolved", alertname="QueueFull"))


async def test_an_incident_like_an_earlier_one_says_so_and_offers_first_what_helped(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await _pipeline(database, inbox, clock)
    await _resolved_with(pipeline, alert, clock, "scale")
    clock.pass_(days=3)
    await pipeline.send(alert(), alert(alertname="QueueFull"))
    again = (await pipeline.incidents())[-1]
    [past] = again.past
    assert (past.number, past.likeness, past.helped) == (1, 1.0, ["scale"])
    assert "Seen before: #1, 3d 14m ago, lasted 14m; “Scale it out” helped" in await pipeline.timeline_of(again)
    assert [run.runbook for run in await pipeline.runs_of(again)] == ["scale", "restart"]


async def test_an_incident_unlike_any_other_remembers_nothing(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await _pipeline(database, inbox, clock)
    await _resolved_with(pipeline, alert, clock, "scale")
    clock.pass_(days=3)
    await pipeline.send(alert(alertname="CertificateExpires", service="cart"))
    assert (await pipeline.incidents())[-1].past == []


async def test_the_same_incident_is_not_its_own_past(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await _pipeline(database, inbox, clock)
    await _resolved_with(pipeline, alert, clock, "restart")
    await pipeline.send(alert())
    reopened = await pipeline.only_incident()
    assert reopened.open
    assert reopened.past == []
