"""A level that comes with a deploy: it alerts and names the deploy, and where it holds it is usual after hours."""

from datetime import timedelta

import pytest

from bot.domain.alert import Alert
from bot.domain.event import ChangeEvent, ChangeKind, EndedBy
from bot.domain.incident import IncidentStatus
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.watches.metrics_driver import Metrics, flowing, labels, noise, rules


def deploy(clock: Clock, ago: timedelta = timedelta(), service: str = "checkout") -> ChangeEvent:
    at = clock.now - ago
    return ChangeEvent("ci", "1", service, ChangeKind.DEPLOY, f"{service} 1.4", at, version="1.4")


async def alerts_of(metrics: Metrics) -> list[Alert]:
    found = await metrics.pipeline.incidents()
    return [alert for incident in found for alert in await metrics.pipeline.alerts_of(incident)]


async def deployed(
    database: Database, inbox: Inbox, clock: Clock, level: float = 130.0, service: str = "checkout"
) -> Metrics:
    """A level that shifts with a deploy, three minutes later."""
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), noise(1))])
    await metrics.minutes(10)
    await metrics.pipeline.send(deploy(clock, service=service))
    metrics.flows = [(labels(), noise(2, level=level))]
    await metrics.minutes(3)
    return metrics


async def test_a_level_after_a_deploy_alerts_names_it_and_is_usual_after_two_hours(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    began = clock.now + timedelta(minutes=10)
    metrics = await deployed(database, inbox, clock)
    [alert] = await alerts_of(metrics)
    assert alert.firing
    assert alert.annotations["summary"].endswith(f", since the deploy 1.4 of checkout at {began:%H:%M} UTC")
    await metrics.minutes(60)
    metrics.restart()
    await metrics.minutes(50)
    assert [one.firing for one in await alerts_of(metrics)] == [True]
    await metrics.minutes(15)
    [alert] = await alerts_of(metrics)
    assert (alert.firing, alert.ended_by) == (False, EndedBy.NEW_LEVEL)
    incident = await metrics.pipeline.only_incident()
    assert incident.status is IncidentStatus.RESOLVED
    timeline = await metrics.pipeline.timeline_of(incident)
    assert any("the level that came with a change has held" in entry for entry in timeline)
    metrics.restart()
    await metrics.minutes(60)
    assert [one.firing for one in await alerts_of(metrics)] == [False]
    metrics.flows = [(labels(), noise(3, level=160.0))]
    await metrics.minutes(5)
    assert [one.firing for one in await alerts_of(metrics) if one.firing] == [True], "as large a shift again alerts"


@pytest.mark.parametrize("service", ["cart", ""])
async def test_without_a_deploy_of_its_service_it_goes_on(
    database: Database, inbox: Inbox, clock: Clock, service: str
) -> None:
    metrics = await deployed(database, inbox, clock, service=service or "payments")
    await metrics.minutes(130)
    [alert] = await alerts_of(metrics)
    assert alert.firing and "since" not in alert.annotations["summary"]


async def test_a_deploy_that_is_reported_late_is_named_in_the_same_alert(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), noise(1))])
    metrics.flows = [(labels(), noise(2, level=130.0))]
    await metrics.minutes(12)
    await metrics.pipeline.send(deploy(clock, timedelta(minutes=13)))
    await metrics.minutes(1)
    [alert] = await alerts_of(metrics)
    assert alert.firing and "since the deploy 1.4 of checkout at" in alert.annotations["summary"]
    await metrics.minutes(115)
    assert [one.firing for one in await alerts_of(metrics)] == [False]


async def test_what_still_rises_has_no_new_level(database: Database, inbox: Inbox, clock: Clock) -> None:
    metrics = await deployed(database, inbox, clock)
    begun = clock.now
    metrics.flows = [(labels(), lambda: 130.0 + (clock.now - begun).total_seconds() / 60)]
    await metrics.minutes(130)
    assert [one.firing for one in await alerts_of(metrics)] == [True]


async def test_more_failures_are_no_new_normal(database: Database, inbox: Inbox, clock: Clock) -> None:
    named = labels(__name__="latency_errors")
    metrics = await flowing(database, inbox, clock, rules(), [(named, noise(1))])
    await metrics.pipeline.send(deploy(clock))
    metrics.flows = [(named, noise(2, level=130.0))]
    await metrics.minutes(135)
    assert [one.firing for one in await alerts_of(metrics)] == [True]
