"""What deliveries do to incidents, on both databases."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.domain.event import AlertEvent
from bot.domain.incident import IncidentStatus
from bot.domain.maintenance import MaintenanceWindow
from bot.domain.matcher import Matcher
from bot.domain.rules import Rules
from bot.domain.severity import Severity
from bot.domain.silence import Silence
from bot.errors import Refused
from bot.inbox.inbox import Inbox
from bot.incidents import lifecycle
from bot.storage.database import Database
from bot.storage.queries import silences
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, group_resolved

MakeAlert = Callable[..., AlertEvent]


async def test_an_alert_that_fires_opens_an_incident_and_its_resolution_closes_it(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    opened = await pipeline.only_incident()
    assert (opened.number, opened.status, opened.title) == (1, IncidentStatus.TRIGGERED, "checkout is slow")
    clock.pass_(minutes=3)
    await pipeline.send(alert("resolved"))
    closed = await pipeline.only_incident()
    assert (closed.status, closed.resolved_at) == (IncidentStatus.RESOLVED, clock.now)


async def test_firing_twice_is_one_alert_and_changes_nothing_that_people_see(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    before = await pipeline.only_incident()
    await pipeline.send(alert(), alert())
    after = await pipeline.only_incident()
    assert after == before
    [known] = await pipeline.alerts_of(after)
    assert known.repeats == 2


async def test_a_refire_soon_after_reopens_the_same_incident(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    clock.pass_(minutes=5)
    await pipeline.send(alert("resolved"))
    clock.pass_(minutes=9)
    await pipeline.send(alert())
    reopened = await pipeline.only_incident()
    assert reopened.status is IncidentStatus.TRIGGERED
    assert "Reopened: an alert fires again" in await pipeline.timeline_of(reopened)


async def test_a_refire_after_the_reopen_time_opens_a_new_incident(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    clock.pass_(minutes=5)
    await pipeline.send(alert("resolved"))
    clock.pass_(minutes=11)
    await pipeline.send(alert())
    first, second = await pipeline.incidents()
    assert (first.status, second.status, second.number) == (IncidentStatus.RESOLVED, IncidentStatus.TRIGGERED, 2)


async def test_a_resolution_that_overtook_its_firing_opens_nothing(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    began = clock.now
    clock.pass_(seconds=20)
    await pipeline.send(alert("resolved", starts_at=began, ends_at=clock.now))
    clock.pass_(seconds=1)
    await pipeline.send(alert("firing", starts_at=began))
    assert await pipeline.incidents() == []


async def test_a_firing_that_was_overtaken_by_its_resolution_does_not_reopen(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    began = clock.now
    await pipeline.send(alert(starts_at=began))
    clock.pass_(seconds=20)
    await pipeline.send(alert("resolved", starts_at=began, ends_at=clock.now))
    await pipeline.send(alert(starts_at=began))
    assert (await pipeline.only_incident()).status is IncidentStatus.RESOLVED


async def test_a_resolution_of_an_earlier_life_does_not_close_the_present_one(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    ended = clock.now
    clock.pass_(minutes=1)
    await pipeline.send(alert())
    await pipeline.send(alert("resolved", starts_at=ended - timedelta(minutes=5), ends_at=ended))
    assert (await pipeline.only_incident()).status is IncidentStatus.TRIGGERED


async def test_alerts_of_one_service_join_one_incident_within_the_window(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    clock.pass_(minutes=4)
    await pipeline.send(alert(alertname="QueueFull", severity="critical"))
    incident = await pipeline.only_incident()
    assert incident.severity is Severity.CRITICAL
    assert incident.title == "checkout falls behind with its queue"


async def test_alerts_of_one_group_of_the_sender_join_one_incident(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(group="g1"), alert(service="cart", group="g1"), alert(service="search", group="g2"))
    joined, other = await pipeline.incidents()
    assert (sorted(joined.services), other.services) == (["cart", "checkout"], ["search"])


async def test_alerts_without_service_or_group_join_by_their_name(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(service="", host="a"), alert(service="", host="b"))
    assert len(await pipeline.alerts_of(await pipeline.only_incident())) == 2


async def test_after_the_window_a_new_alert_of_the_service_opens_another_incident(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    clock.pass_(minutes=6)
    await pipeline.send(alert(alertname="QueueFull"))
    assert len(await pipeline.incidents()) == 2


async def test_alerts_of_different_domains_never_meet(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert(cluster="eu", group="g"), alert(cluster="us", group="g"))
    assert len(await pipeline.incidents()) == 2


async def test_services_that_stand_together_in_the_topology_share_an_incident_and_the_cause_is_the_deepest(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    depends_on = {"shop": ["api"], "api": ["pool"]}
    pipeline = await Pipeline(database, inbox, clock, Rules(depends_on=depends_on)).prepare()
    await pipeline.send(alert(service="shop"))
    clock.pass_(seconds=30)
    await pipeline.send(alert(service="pool", alertname="HostCPUSaturated"))
    incident = await pipeline.only_incident()
    assert (incident.causes[0].service, incident.causes[0].kind.value) == ("pool", "resource")
    assert "Resource contention on pool is the likely cause" in incident.summary


async def test_a_whole_groups_resolution_closes_also_what_the_sender_left_out(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(*[alert(instance=str(i), group="g", truncated=2) for i in range(5)])
    assert (await pipeline.only_incident()).truncated == 2
    clock.pass_(minutes=1)
    await pipeline.send(
        *[alert("resolved", instance=str(i), group="g", truncated=4) for i in range(1)], group_resolved("g", clock.now)
    )
    assert (await pipeline.only_incident()).status is IncidentStatus.RESOLVED


async def test_a_large_groups_resolution_ends_its_alerts_a_part_in_each_transaction(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(*[alert(instance=str(i), group="g", truncated=2) for i in range(1300)])
    clock.pass_(minutes=1)
    await pipeline.send(group_resolved("g", clock.now))
    incident = await pipeline.only_incident()
    assert sum(found.firing for found in await pipeline.alerts_of(incident)) == 800, "500 at once"
    clock.pass_(seconds=6)
    left = []
    while any(found.firing for found in await pipeline.alerts_of(incident)):
        await pipeline.worker.tick()
        left.append(sum(found.firing for found in await pipeline.alerts_of(incident)))
    assert left == [500, 200, 0]
    incident = await pipeline.only_incident()
    assert incident.status is IncidentStatus.RESOLVED
    ended = await pipeline.alerts_of(incident)
    assert len(ended) == 1300 and {found.ends_at for found in ended} == {clock.now - timedelta(seconds=6)}


async def test_an_alert_of_a_large_group_that_fires_again_after_the_groups_resolution_fires_on(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    events = [alert(instance=str(i), group="g", truncated=2) for i in range(700)]
    await pipeline.send(*events)
    clock.pass_(minutes=1)
    await pipeline.send(group_resolved("g", clock.now))
    incident = await pipeline.only_incident()
    waiting = next(found for found in await pipeline.alerts_of(incident) if found.firing)
    await pipeline.send(*[event for event in events if event.fingerprint == waiting.fingerprint])
    clock.pass_(seconds=6)
    await pipeline.worker.tick()
    firing = [found for found in await pipeline.alerts_of(await pipeline.only_incident()) if found.firing]
    assert [found.identity for found in firing] == [waiting.identity]


async def test_an_alert_that_flaps_is_damped_says_so_and_calms_down(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    for _ in range(4):
        await pipeline.send(alert())
        clock.pass_(seconds=40)
        await pipeline.send(alert("resolved", ends_at=clock.now))
        clock.pass_(seconds=40)
    flapping = await pipeline.only_incident()
    assert flapping.status is IncidentStatus.TRIGGERED, "a flapping alert counts as firing"
    said = [text for text in await pipeline.timeline_of(flapping) if "flapping" in text]
    assert len(said) == 1
    clock.pass_(minutes=6)
    await pipeline.worker.tick()
    calm = await pipeline.only_incident()
    assert calm.status is IncidentStatus.RESOLVED
    assert any("no longer flaps" in text for text in await pipeline.timeline_of(calm))


async def test_a_silence_holds_an_alert_back_and_its_end_announces_what_still_fires(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    silence = Silence(
        id="s",
        matchers=[Matcher("service", "=~", "check.*")],
        starts_at=clock.now,
        ends_at=clock.now + timedelta(hours=1),
        created_by="U1",
    )
    async with pipeline.database.write() as connection:
        await silences.add(connection, silence)
    await pipeline.send(alert(), alert(alertname="Gone"))
    await pipeline.send(alert("resolved", alertname="Gone"))
    await pipeline.worker.tick()
    assert await pipeline.incidents() == []
    clock.pass_(hours=1, seconds=1)
    await pipeline.worker.tick()
    assert (await pipeline.only_incident()).title == "checkout is slow"


async def test_an_incident_that_a_person_resolved_stays_so_while_its_alert_repeats_and_returns_later(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    await lifecycle.resolve(pipeline.database, (await pipeline.only_incident()).id, "U1", clock.now)
    clock.pass_(minutes=5)
    await pipeline.send(alert())
    assert (await pipeline.only_incident()).status is IncidentStatus.RESOLVED
    clock.pass_(minutes=6)
    await pipeline.send(alert())
    assert [incident.status for incident in await pipeline.incidents()] == ["resolved", "triggered"]


async def test_acknowledging_is_seen_and_a_second_time_is_refused(
    pipeline: Pipeline, alert: MakeAlert, clock: Clock
) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    await lifecycle.acknowledge(pipeline.database, incident.id, "U1", clock.now)
    assert (await pipeline.only_incident()).acknowledged_by == "U1"
    with pytest.raises(Refused, match="already acknowledged by @U1"):
        await lifecycle.acknowledge(pipeline.database, incident.id, "U2", clock.now)
    await lifecycle.resolve(pipeline.database, incident.id, "U2", clock.now)
    with pytest.raises(Refused, match="already resolved"):
        await lifecycle.resolve(pipeline.database, incident.id, "U1", clock.now)


async def test_incident_numbers_have_no_gaps(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(*[alert(service=f"s{i}", cluster=f"c{i % 5}") for i in range(20)])
    assert [incident.number for incident in await pipeline.incidents()] == list(range(1, 21))


async def test_a_maintenance_window_holds_alerts_back_until_it_closes(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    window = MaintenanceWindow.model_validate({"matchers": ["service=checkout"], "at": "11:30", "lasts": "1h"})
    pipeline = await Pipeline(database, inbox, clock, Rules(maintenance={"release": window})).prepare()
    await pipeline.send(alert(), alert(service="cart"))
    assert (await pipeline.only_incident()).services == ["cart"]
    clock.pass_(minutes=31)
    await pipeline.worker.tick()
    assert [incident.services for incident in await pipeline.incidents()] == [["cart"], ["checkout"]]


async def test_late_evidence_merges_two_incidents_and_both_say_so(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    rules = Rules(depends_on={name: ["db", "host"] for name in ("web", "cart", "search", "mail")})
    pipeline = await Pipeline(database, inbox, clock, rules).prepare()
    await pipeline.send(alert(service="web"))
    clock.pass_(seconds=5)
    await pipeline.send(alert(service="cart"))
    assert len(await pipeline.incidents()) == 2
    clock.pass_(seconds=15)
    await pipeline.send(alert(service="db", alertname="DiskFull"))
    older, younger = await pipeline.incidents()
    assert (older.number, older.status, len(await pipeline.alerts_of(older))) == (1, IncidentStatus.TRIGGERED, 3)
    assert (younger.number, younger.status, await pipeline.alerts_of(younger)) == (2, IncidentStatus.RESOLVED, [])
    assert "Took in incident #2: they have one cause" in await pipeline.timeline_of(older)
    assert "Became part of incident #1: they have one cause" in await pipeline.timeline_of(younger)
    await pipeline.send(*[alert("resolved", service=name) for name in ("web", "cart")])
    await pipeline.send(alert("resolved", service="db", alertname="DiskFull"))
    assert {incident.status for incident in await pipeline.incidents()} == {IncidentStatus.RESOLVED}


async def test_a_host_is_known_by_its_instance_and_meets_the_service_that_runs_on_it(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await Pipeline(database, inbox, clock, Rules(depends_on={"forecast": ["node-7"]})).prepare()
    await pipeline.send(alert(service="", job="node", instance="node-7:9100", alertname="HostOutOfMemory"))
    clock.pass_(seconds=20)
    await pipeline.send(alert(service="", job="kube-state-metrics", pod="forecast-6d4cf56db6-x2x1z"))
    incident = await pipeline.only_incident()
    assert incident.services == ["node-7", "forecast"]
    assert (incident.causes[0].service, incident.causes[0].kind) == ("node-7", "resource")
