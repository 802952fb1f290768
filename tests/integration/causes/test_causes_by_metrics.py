"""The cause of an incident from watched metrics: services that are slow first, though their alerts do not say so."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random

import pytest

from bot.domain.cause import Cause, CauseKind
from bot.domain.event import SamplesEvent, Series
from bot.domain.incident import Incident
from bot.domain.rules import Rules
from bot.domain.watched.telemetry import MetricRules
from bot.inbox.inbox import Inbox
from bot.maintenance.telemetry import TelemetryPruning
from bot.storage.database import Database
from detectors.rootcause import Symptom, rank
from detectors.topology import Topology
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, make_alert
from tests.integration.watches.metrics_driver import Labels, Metrics, Shape

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SHOP = {"web": ["api", "cdn"], "api": ["db"]}
NORMAL = {"web": 0.3, "api": 0.2, "db": 0.08, "cdn": 0.02}
SLOW = {"web": 1.42, "api": 1.32, "db": 1.2, "cdn": 0.02}
WATCHED = {"watch": {"shop": {"match": ["__name__=~rpc_.*"]}}}


def quantiles(levels: Mapping[str, float], seed: int = 1) -> list[tuple[Labels, Shape]]:
    return [(_labels(service), _around(level, seed)) for seed, (service, level) in enumerate(levels.items(), seed)]


def _labels(service: str) -> dict[str, str]:
    return {"__name__": "rpc_duration_seconds", "quantile": "0.95", "service": service}


def _around(level: float, seed: int) -> Shape:
    random = Random(seed)
    return lambda: random.gauss(level, level / 50)


async def shop(
    database: Database, inbox: Inbox, clock: Clock, levels: Mapping[str, float] = NORMAL, metrics: object = WATCHED
) -> Metrics:
    """A shop whose metrics were calm for an hour and a half."""
    rules = Rules(depends_on=SHOP, metrics=MetricRules.model_validate(metrics), partitions=1)
    found = Metrics(await Pipeline(database, inbox, clock, rules).prepare(), quantiles(levels))
    await found.learn(90)
    return found


async def fire(metrics: Metrics, *services: str, alertname: str = "HighLatency") -> Incident:
    alert = make_alert(metrics.clock)
    await metrics.pipeline.send(*(alert(service=service, alertname=alertname) for service in services))
    return await metrics.pipeline.only_incident()


def named(incident: Incident) -> Sequence[str]:
    return [cause.service for cause in incident.causes]


async def test_a_service_without_an_alert_that_slowed_down_first_is_the_cause(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    metrics = await shop(database, inbox, clock)
    metrics.flows = quantiles(SLOW)
    await metrics.minutes(3)
    incident = await fire(metrics, "web")
    assert named(incident) == ["db"]
    [cause] = incident.causes
    assert cause.kind == "dependency" and cause.score > 0.8
    assert cause.evidence[0].startswith("p95 latency of db rose from 80")
    assert cause.evidence[0].endswith(" s at 12:00 UTC, 3 min before the first alert")
    assert cause.evidence[-1] == "it has no alert of its own"
    assert "A failing dependency, db is the likely cause: p95 latency of db rose from 80" in incident.summary


@on_sqlite
async def test_an_alert_that_had_fired_for_days_does_not_say_when_it_began(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    metrics = await shop(database, inbox, clock)
    metrics.flows = quantiles(SLOW)
    await metrics.minutes(3)
    days_ago = clock.now - timedelta(days=3)
    await metrics.pipeline.send(make_alert(clock)(service="web", starts_at=days_ago))
    assert named(await metrics.pipeline.only_incident()) == ["db"]


@on_sqlite
async def test_metrics_correct_what_alerts_alone_would_say(database: Database, inbox: Inbox, clock: Clock) -> None:
    alone = await shop(database, inbox, clock, metrics={})
    assert named(await fire(alone, "web", "api"))[0] == "api"


@on_sqlite
async def test_metrics_correct_what_alerts_alone_say(database: Database, inbox: Inbox, clock: Clock) -> None:
    metrics = await shop(database, inbox, clock)
    metrics.flows = quantiles(SLOW)
    await metrics.minutes(3)
    assert named(await fire(metrics, "web", "api"))[0] == "db"


@on_sqlite
async def test_where_nothing_is_measured_the_cause_is_exactly_what_alerts_say(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    metrics = await shop(database, inbox, clock, {"elsewhere": 0.3})
    metrics.flows = quantiles({"elsewhere": 3.0})
    await metrics.minutes(2)
    incident = await fire(metrics, "web", "api")
    at = clock.now.timestamp()
    symptoms = [Symptom(service, "HighLatency", 1, at) for service in ("web", "api")]
    assert incident.causes == [
        Cause(one.service, CauseKind(one.kind), one.score, one.evidence) for one in rank(symptoms, Topology(SHOP))
    ]


@on_sqlite
async def test_calm_metrics_leave_what_alerts_say_as_it_is(database: Database, inbox: Inbox, clock: Clock) -> None:
    metrics = await shop(database, inbox, clock)
    await metrics.minutes(3)
    incident = await fire(metrics, "web", "api")
    assert incident.causes[0].evidence == ["web depends on it (1 of 1 other affected)"]


@on_sqlite
@pytest.mark.parametrize("unmeasured", ["db", "api"])
async def test_who_is_not_measured_is_not_acquitted(
    database: Database, inbox: Inbox, clock: Clock, unmeasured: str
) -> None:
    """Metrics say that api lost the time, though it may have waited for a database that nobody measures."""
    slow = {service: level for service, level in SLOW.items() if service != unmeasured}
    calm = {service: level for service, level in NORMAL.items() if service != unmeasured}
    metrics = await shop(database, inbox, clock, calm)
    metrics.flows = quantiles(slow)
    await metrics.minutes(3)
    assert named(await fire(metrics, "web", "api", "db", alertname="HighLatency"))[0] == "db"


@on_sqlite
async def test_metrics_that_come_after_the_alert_still_name_the_cause(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    metrics = await shop(database, inbox, clock)
    first = await fire(metrics, "web")
    assert named(first) == []
    metrics.flows = quantiles(SLOW)
    await metrics.minutes(3)
    incident = await metrics.pipeline.only_incident()
    assert named(incident) == ["db"]
    assert incident.version == first.version + 1
    assert (await metrics.pipeline.timeline_of(incident))[-1].startswith("Likely cause: A failing dependency, db")


@on_sqlite
async def test_calm_metrics_change_no_message(database: Database, inbox: Inbox, clock: Clock) -> None:
    metrics = await shop(database, inbox, clock)
    first = await fire(metrics, "web")
    await metrics.minutes(7)
    assert await metrics.pipeline.only_incident() == first


async def test_a_restart_in_the_middle_forgets_nothing(database: Database, inbox: Inbox, clock: Clock) -> None:
    metrics = await shop(database, inbox, clock, metrics={**WATCHED, "keep_samples": "1m"})
    await metrics.minutes(8)  # until the snapshots are written
    pruning = TelemetryPruning(metrics.pipeline.services)
    while await pruning.prune():
        pass
    left = (await inbox.entries_after(0, 0, 1000)).entries
    assert len(left) < 8, "an hour and a half of samples is in the snapshots only"
    metrics.flows = quantiles(SLOW)
    await metrics.minutes(1)
    metrics.restart()
    await metrics.wait_in_the_inbox(2)
    metrics.restart()
    assert named(await fire(metrics, "web")) == ["db"]


@on_sqlite
async def test_clocks_that_are_two_minutes_apart_do_not_hide_it(database: Database, inbox: Inbox, clock: Clock) -> None:
    skews = {"web": timedelta(minutes=-2), "api": timedelta(), "db": timedelta(minutes=2), "cdn": timedelta()}
    rules = Rules(depends_on=SHOP, metrics=MetricRules.model_validate(WATCHED), partitions=1)
    metrics = Metrics(await Pipeline(database, inbox, clock, rules).prepare(), [])
    for minute in range(93):
        series = []
        for service, (_, shape) in zip(NORMAL, quantiles(NORMAL if minute < 90 else SLOW, seed=minute), strict=True):
            at = int((clock.now + skews[service]).timestamp() * 1000)
            series.append(Series(_labels(service), [at], [shape()]))
        await metrics.pipeline.append(SamplesEvent("prometheus", {}, series))
        clock.pass_(minutes=1)
    incident = await fire(metrics, "web")
    assert named(incident) == ["db"]
    assert incident.causes[0].evidence[0].endswith("at 13:30 UTC, 3 min before the first alert")


@on_sqlite
async def test_series_without_a_service_say_nothing(database: Database, inbox: Inbox, clock: Clock) -> None:
    nobody = {name: value for name, value in _labels("db").items() if name != "service"}
    metrics = await shop(database, inbox, clock, {"web": 0.3})
    metrics.flows.append((nobody, _around(9.0, 7)))
    await metrics.minutes(3)
    assert named(await fire(metrics, "web")) == []


@on_sqlite
async def test_without_enough_of_normal_times_it_is_not_clear(database: Database, inbox: Inbox, clock: Clock) -> None:
    rules = Rules(depends_on=SHOP, metrics=MetricRules.model_validate(WATCHED), partitions=1)
    metrics = Metrics(await Pipeline(database, inbox, clock, rules).prepare(), quantiles(NORMAL))
    await metrics.learn(20)
    metrics.flows = quantiles(SLOW)
    await metrics.minutes(3)
    assert named(await fire(metrics, "web")) == []
