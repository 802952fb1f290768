"""What storms bring that no well-behaved sender does, on both databases."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, make_alert

MakeAlert = Callable[..., AlertEvent]


async def prepared(
    database: Database, inbox: Inbox, clock: Clock, depends_on: dict[str, list[str]]
) -> tuple[Pipeline, MakeAlert]:
    return await Pipeline(database, inbox, clock, Rules(depends_on=depends_on)).prepare(), make_alert(clock)


async def test_five_thousand_services_are_worked_on_and_their_two_faults_told_apart(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    depends_on = {f"s{i}": [f"s{(i - 1) // 3}"] for i in range(1, 5000)}
    pipeline, alert = await prepared(database, inbox, clock, depends_on)
    await pipeline.send(alert(service="s40", alertname="HighCPU"), alert(service="s4000", alertname="HighMemory"))
    clock.pass_(seconds=20)
    await pipeline.send(*(alert(service=f"s{i}") for i in (121, 122, 123)))
    one, other = await pipeline.incidents()
    assert (one.causes[0].service, sorted(one.services)) == ("s40", ["s121", "s122", "s123", "s40"])
    assert other.services == ["s4000"]


async def test_services_in_a_ring_are_one_incident(database: Database, inbox: Inbox, clock: Clock) -> None:
    ring = {f"s{i}": [f"s{(i + 1) % 6}"] for i in range(6)}
    pipeline, alert = await prepared(database, inbox, clock, ring)
    for i in (3, 2, 1, 0, 5, 4):
        await pipeline.send(alert(service=f"s{i}"))
        clock.pass_(seconds=20)
    assert sorted((await pipeline.only_incident()).services) == sorted(ring)


@pytest.mark.parametrize("skew", [-120, 120], ids=["behind", "ahead"])
async def test_a_sender_whose_clock_is_two_minutes_wrong_changes_neither_incident_nor_cause(
    database: Database, inbox: Inbox, clock: Clock, skew: int
) -> None:
    pipeline, alert = await prepared(database, inbox, clock, {"web": ["pool"], "api": ["pool"]})
    wrong = timedelta(seconds=skew)
    await pipeline.send(alert(service="pool", alertname="HighCPU", starts_at=clock.now + wrong))
    clock.pass_(seconds=20)
    await pipeline.send(alert(service="web"), alert(service="api"))
    incident = await pipeline.only_incident()
    assert incident.causes[0].service == "pool"
    assert incident.opened_at <= clock.now
    clock.pass_(seconds=20)
    ended = clock.now + wrong
    began = clock.now - timedelta(seconds=40)
    await pipeline.send(
        alert("resolved", service="pool", alertname="HighCPU", starts_at=began + wrong, ends_at=ended),
        *(alert("resolved", service=name, starts_at=began + timedelta(seconds=20)) for name in ("web", "api")),
    )
    assert not (await pipeline.only_incident()).open


async def test_alerts_without_a_service_are_an_incident_that_says_what_it_knows(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(*(alert(service="", alertname="Watchdogless", shard=str(i)) for i in range(5)))
    incident = await pipeline.only_incident()
    assert (incident.title, incident.services, incident.causes) == ("Watchdogless", [], [])
    assert "5 alerts are firing" in incident.summary


async def test_an_alert_with_two_hundred_labels_is_kept_whole(pipeline: Pipeline, alert: MakeAlert) -> None:
    many = {f"label_{i}": f"value {i}" * 20 for i in range(200)}
    await pipeline.send(alert(**many))
    [known] = await pipeline.alerts_of(await pipeline.only_incident())
    assert known.labels.items() >= many.items()


async def test_a_restart_in_the_middle_of_an_incident_continues_it(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    depends_on = {"web": ["pool"], "api": ["pool"]}
    before, alert = await prepared(database, inbox, clock, depends_on)
    await before.send(alert(service="pool", alertname="HighCPU"))
    clock.pass_(seconds=30)
    await before.append(alert(service="web"))
    after, _ = await prepared(database, inbox, clock, depends_on)
    await after.send(alert(service="api"))
    incident = await after.only_incident()
    assert (incident.number, sorted(incident.services)) == (1, ["api", "pool", "web"])
    assert incident.causes[0].service == "pool"
