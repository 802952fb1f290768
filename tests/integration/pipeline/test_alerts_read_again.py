"""What a later event about a known alert changes, on both databases: nothing that is shown stays as it first was."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from bot.domain.event import AlertEvent, AlertStatus
from bot.domain.incident import IncidentStatus
from bot.domain.rules import Rules
from bot.domain.runbook import Runbook
from bot.domain.severity import Severity
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]


def told_with(event: AlertEvent, severity: str, **annotations: str) -> AlertEvent:
    """The same alert, as its sender describes it now."""
    return msgspec.structs.replace(
        event, labels={**event.labels, "severity": severity}, annotations=annotations or event.annotations
    )


@pytest.mark.parametrize(
    "before, after, meant",
    [
        ("WARNING", "CRITICAL", Severity.CRITICAL),
        ("P4", "P1", Severity.CRITICAL),
        ("average", "disaster", Severity.CRITICAL),
        ("critical", "warning", Severity.WARNING),
        ("SEV-3", "Sev 2 - major", Severity.HIGH),
    ],
)
async def test_a_severity_that_changes_is_the_alerts_and_the_incidents(
    pipeline: Pipeline, alert: MakeAlert, before: str, after: str, meant: Severity
) -> None:
    event = told_with(alert(), before)
    await pipeline.send(event)
    shown = (await pipeline.only_incident()).version
    await pipeline.send(told_with(event, after))
    incident = await pipeline.only_incident()
    [known] = await pipeline.alerts_of(incident)
    assert (known.severity, known.labels["severity"], incident.severity) == (meant, after, meant)
    assert incident.version > shown
    assert any(f"is now {meant}" in line for line in await pipeline.timeline_of(incident))


async def test_a_changed_summary_or_link_is_stored_and_shown_anew(pipeline: Pipeline, alert: MakeAlert) -> None:
    event = msgspec.structs.replace(alert(), annotations={"summary": "71 %"})
    await pipeline.send(event)
    shown = (await pipeline.only_incident()).version
    await pipeline.send(msgspec.structs.replace(event, annotations={"summary": "99 %"}, link="https://g.example/1"))
    incident = await pipeline.only_incident()
    [known] = await pipeline.alerts_of(incident)
    assert (known.annotations, known.link) == ({"summary": "99 %"}, "https://g.example/1")
    assert incident.version > shown


async def test_a_runbook_for_critical_incidents_is_offered_once_an_alert_becomes_critical(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    runbook = Runbook.model_validate(
        {
            "title": "Restart",
            "when": {"severity": "critical"},
            "steps": [{"command": {"argv": ["true"], "timeout": "1s"}}],
            "verify": {"alerts_resolved": True, "within": "5m"},
            "approval": {"approvers": ["U1"]},
        }
    )
    rules = Rules(runbooks={"restart": runbook})
    pipeline = await Pipeline(database, inbox, clock, rules).prepare()
    event = alert()
    await pipeline.send(event)
    assert await pipeline.runs_of(await pipeline.only_incident()) == []
    await pipeline.send(told_with(event, "critical"))
    assert [run.runbook for run in await pipeline.runs_of(await pipeline.only_incident())] == ["restart"]


async def test_words_of_ones_own_decide_the_severity(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    rules = Rules(severities={"code-red": Severity.CRITICAL})
    pipeline = await Pipeline(database, inbox, clock, rules).prepare()
    await pipeline.send(told_with(alert(), "Code RED"))
    assert (await pipeline.only_incident()).severity is Severity.CRITICAL


async def test_what_fires_again_at_once_with_the_same_beginning_ends_up_firing(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    event = alert()
    await pipeline.send(event)
    clock.pass_(minutes=2)
    await pipeline.send(msgspec.structs.replace(event, status=AlertStatus.RESOLVED, ends_at=clock.now))
    clock.pass_(seconds=1)
    await pipeline.send(event)
    clock.pass_(seconds=10)
    await pipeline.worker.tick()
    incident = await pipeline.only_incident()
    assert incident.status is IncidentStatus.TRIGGERED
    assert [one.firing for one in await pipeline.alerts_of(incident)] == [True]


async def test_a_beginning_in_the_future_holds_up_no_resolution(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    ahead = alert(starts_at=clock.now + timedelta(days=1))
    await pipeline.send(ahead)
    assert (await pipeline.only_incident()).opened_at == clock.now
    clock.pass_(minutes=1)
    await pipeline.send(msgspec.structs.replace(ahead, status=AlertStatus.RESOLVED, ends_at=clock.now))
    assert (await pipeline.only_incident()).status is IncidentStatus.RESOLVED


async def test_an_incident_began_when_its_alert_did_and_not_when_we_learnt_of_it(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    began = clock.now - timedelta(hours=9)
    await pipeline.send(alert(starts_at=began))
    assert (await pipeline.only_incident()).opened_at == began


async def test_a_beginning_in_another_century_is_no_beginning(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert(starts_at=clock.now.replace(year=1970)))
    assert (await pipeline.only_incident()).opened_at == clock.now


async def test_the_healthy_time_before_a_reopening_is_no_outage(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    clock.pass_(minutes=5)
    await pipeline.send(alert("resolved"))
    clock.pass_(minutes=8)
    await pipeline.send(alert())
    clock.pass_(minutes=1)
    await pipeline.send(alert("resolved"))
    incident = await pipeline.only_incident()
    assert incident.lasted(clock.now) == timedelta(minutes=6)
    assert "lasted 6m" in incident.summary
