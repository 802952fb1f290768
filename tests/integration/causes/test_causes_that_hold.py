"""A cause rests on all that is known: evidence is added or contradicted, and never lost by what incidents do."""

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from bot.domain.event import AlertEvent, ChangeEvent, ChangeKind
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.incidents.regroup import merge_by_hand
from bot.storage.database import Database
from bot.storage.queries.records import investigations
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, make_alert

MakeAlert = Callable[..., AlertEvent]
SHOP = Rules(depends_on={"web": ["api", "cdn"], "api": ["db"], "cart": ["db"], "mail": ["queue"]})


def deployed(clock: Clock, service: str, ago: float) -> ChangeEvent:
    at = clock.now - timedelta(seconds=ago)
    return ChangeEvent("cd", f"{service}/{at}", service, ChangeKind.DEPLOY, f"{service} 2.0", at, {"cluster": ""})


async def shop(database: Database, inbox: Inbox, clock: Clock) -> Pipeline:
    return await Pipeline(database, inbox, clock, SHOP).prepare()


def first(incident: Incident) -> tuple[str, str]:
    return (incident.causes[0].service, incident.causes[0].kind) if incident.causes else ("", "")


async def test_a_deploy_a_second_after_the_minute_of_a_log_alert_stays_its_cause_when_others_join(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await shop(database, inbox, clock)
    minute = clock.now
    clock.pass_(seconds=40)
    await pipeline.send(deployed(clock, "api", 39), alert(service="web", starts_at=minute + timedelta(seconds=30)))
    logged = make_alert(clock)(service="api", alertname="LogRateAnomaly", starts_at=minute)
    await pipeline.send(msgspec.structs.replace(logged, tolerance=60.0))
    assert first(await pipeline.only_incident()) == ("api", "change")
    clock.pass_(seconds=30)
    await pipeline.send(alert(service="web", alertname="Second"))
    assert first(await pipeline.only_incident()) == ("api", "change")


async def test_the_right_cause_of_a_detectors_alert_survives_a_merge_into_an_older_incident_with_another(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await shop(database, inbox, clock)
    await pipeline.send(alert(service="mail"), alert(service="queue", alertname="HighCPU"))
    assert first(await pipeline.only_incident()) == ("queue", "resource")
    clock.pass_(minutes=12)
    found = make_alert(clock)(service="api", alertname="MetricAnomaly")
    await pipeline.send(deployed(clock, "api", 60), found)
    older, younger = await pipeline.incidents()
    assert first(younger) == ("api", "change")
    clock.pass_(seconds=20)
    await pipeline.send(alert(service="web"))
    await merge_by_hand(database, younger.number, older.number, "U1", clock.now)
    await pipeline.worker.tick()
    kept, _ = await pipeline.incidents()
    assert first(kept) == ("api", "change")
    [line] = [one for one in await pipeline.timeline_of(kept) if "before it was" in one]
    assert "deploy of api: api 2.0, 60 s earlier" in line and "before it was: resource contention on queue" in line


async def test_a_deploy_during_an_incident_does_not_take_the_cause_from_what_fired_before_it(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await shop(database, inbox, clock)
    await pipeline.send(*(alert(service=one) for one in ("web", "api", "cart")), alert(service="db", alertname="Down"))
    assert first(await pipeline.only_incident()) == ("db", "dependency")
    clock.pass_(minutes=4)
    await pipeline.send(deployed(clock, "web", 60), alert(service="web", alertname="Second"))
    assert first(await pipeline.only_incident()) == ("db", "dependency")


async def test_what_was_found_out_about_an_incident_is_known_of_the_one_that_it_became_part_of(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await shop(database, inbox, clock)
    await pipeline.send(alert(service="mail"))
    clock.pass_(minutes=20)
    await pipeline.send(deployed(clock, "api", 7200), alert(service="api"))
    older, younger = await pipeline.incidents()
    await merge_by_hand(database, younger.number, older.number, "U1", clock.now)
    await pipeline.worker.tick()
    async with database.read() as connection:
        known = await investigations.of_incidents(connection, [older.id])
    assert "deploys" in {one.check for one in known[older.id].findings}


@pytest.mark.parametrize("name", ["DiskFull", "NodeFilesystemAlmostOutOfSpace", "KubePersistentVolumeFillingUp"])
async def test_a_full_disk_is_no_contention_and_an_alert_that_fires_is_no_evidence_for_itself(
    database: Database, inbox: Inbox, clock: Clock, name: str
) -> None:
    pipeline = await shop(database, inbox, clock)
    await pipeline.send(make_alert(clock)(service="db", alertname=name))
    [cause] = (await pipeline.only_incident()).causes
    assert cause.kind == "storage"
    assert "contention" not in cause.phrase
    assert not any(name in one for one in cause.evidence)
