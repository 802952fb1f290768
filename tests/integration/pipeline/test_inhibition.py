"""A dead host silences its guests' alerts inside the incident, and loses none of them."""

from collections.abc import Callable

import pytest

from bot.domain.event import AlertEvent
from bot.domain.matcher import parse_matcher
from bot.domain.rules import CorrelationRules, Rules
from bot.inbox.inbox import Inbox
from bot.incidents.regroup import split_by_hand
from bot.notify.view import load_view
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.unit.notify.test_render import render, shown

MakeAlert = Callable[..., AlertEvent]


@pytest.fixture
async def pipeline(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    rules = Rules(
        correlation=CorrelationRules(partition_by=[]), depends_on={"cart": ["db-1"], "web": ["cart"], "db-1": []}
    )
    return await Pipeline(database, inbox, clock, rules).prepare()


async def message_of(pipeline: Pipeline) -> str:
    incident = await pipeline.only_incident()
    async with pipeline.database.read() as connection:
        view = await load_view(connection, incident.id, pipeline.clock.now)
    assert view is not None
    return shown(render(view))


def disk_slow(alert: MakeAlert) -> AlertEvent:
    return alert(alertname="DiskSlow", service="", job="node", instance="db-1:9100")


def host_down(alert: MakeAlert, status: str = "firing") -> AlertEvent:
    return alert(status, alertname="InstanceDown", service="", job="node", instance="db-1:9100", severity="critical")


def guests(alert: MakeAlert, status: str = "firing") -> list[AlertEvent]:
    """Two alerts that are placed on the host, and one of a service that tandem.yaml says depends on it."""
    placed = [alert(status, service="search", instance=f"db-1:{port}", severity="critical") for port in (80, 81)]
    return [*placed, alert(status, service="cart", severity="critical")]


async def test_guests_are_folded_while_their_host_is_down_and_shown_again_when_it_is_up(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(disk_slow(alert), *guests(alert), alert(service="web"))
    assert "*HighLatency* on search ×2" in await message_of(pipeline)
    clock.pass_(minutes=1)
    await pipeline.send(host_down(alert))
    incident = await pipeline.only_incident()
    said = "3 alerts of 2 services on db-1 (down) are its consequence"
    assert incident.title.startswith("db-1 is down: ")
    assert incident.summary.endswith(f"{said}.")
    assert len(await pipeline.alerts_of(incident)) == 6
    assert f"{said}: the message shows them in one line" in await pipeline.timeline_of(incident)
    message = await message_of(pipeline)
    assert "*What fires* · 6 alerts" in message
    assert said in message
    assert "*HighLatency* on search" not in message
    assert "*DiskSlow* on db-1" in message
    clock.pass_(minutes=1)
    await pipeline.send(host_down(alert, "resolved"))
    incident = await pipeline.only_incident()
    assert incident.inhibited == []
    assert "consequence" not in incident.summary
    assert "*HighLatency* on search ×2" in await message_of(pipeline)
    assert "db-1 is no longer down: what still fires there is shown again" in await pipeline.timeline_of(incident)


async def test_guests_that_come_and_go_while_the_host_is_down_change_the_line(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(host_down(alert))
    await pipeline.send(*guests(alert))
    assert "3 alerts of 2 services on db-1 (down)" in await message_of(pipeline)
    await pipeline.send(alert("resolved", service="cart", severity="critical"))
    assert "2 alerts of 1 service on db-1 (down)" in await message_of(pipeline)
    await pipeline.send(*guests(alert, "resolved"))
    incident = await pipeline.only_incident()
    assert incident.open
    assert incident.inhibited == []
    assert not any("no longer down" in line for line in await pipeline.timeline_of(incident))


async def test_a_service_that_runs_on_other_hosts_too_speaks_for_itself(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(*(alert(service="cart", instance=f"{host}:80") for host in ("db-1", "db-2")))
    await pipeline.send(host_down(alert), alert(alertname="Errors", service="cart"))
    message = await message_of(pipeline)
    assert "1 alert of 1 service on db-1 (down) is its consequence" in message
    assert "*Errors* on cart" in message
    assert "*HighLatency* on cart" in message
    assert "×2" not in message


async def test_what_a_person_splits_off_is_no_longer_folded_with_a_host_that_stayed(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(host_down(alert), *guests(alert))
    number = (await pipeline.only_incident()).number
    await split_by_hand(pipeline.database, number, [parse_matcher("service=search")], "U012AB3CD", clock.now)
    old, new = await pipeline.incidents()
    assert (old.inhibited, new.inhibited) == ([], [])
    await pipeline.send(alert(alertname="Errors", service="cart"))
    assert "2 alerts of 1 service on db-1 (down)" in (await pipeline.incidents())[0].summary
