"""Metrics that misbehave become incidents: few, and the right ones."""

import re
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from bot.domain.alert import Alert
from bot.domain.event import AlertEvent, SamplesEvent, Series
from bot.domain.incident import IncidentStatus
from bot.domain.watched.sensitivity import Sensitivity
from bot.errors import StorageUnavailable
from bot.inbox import offsets
from bot.inbox.inbox import Inbox
from bot.maintenance.telemetry import TelemetryPruning
from bot.storage.database import Database
from bot.storage.queries import sensitivity
from tests.conftest import Clock
from tests.integration.watches.metrics_driver import Metrics, flowing, labels, noise, rules

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def alerts_of(metrics: Metrics) -> list[Alert]:
    found = await metrics.pipeline.incidents()
    return [alert for incident in found for alert in await metrics.pipeline.alerts_of(incident)]


@on_sqlite
async def test_a_level_that_shifts_is_one_incident_that_says_what_was_expected_and_is_resolved_when_it_is_over(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    calm = noise(1)
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), calm)])
    await metrics.minutes(20)
    assert await metrics.pipeline.incidents() == []
    metrics.flows = [(labels(), noise(2, level=130.0))]
    await metrics.minutes(3)
    incident = await metrics.pipeline.only_incident()
    [alert] = await metrics.pipeline.alerts_of(incident)
    assert (alert.source, alert.name, alert.service) == ("tandem", "MetricAnomaly", "checkout")
    assert alert.labels["pod"] == "checkout-0"
    assert re.fullmatch(r"checkout answers in 13\d s, usually 9\d(\.\d)? to 10\d", alert.annotations["summary"])
    assert "expected 9" in alert.annotations["description"]
    assert alert.chart is not None and len(alert.chart.x) == 60
    assert alert.chart.lines["observed"][-1] == pytest.approx(130, abs=5)
    assert alert.chart.high[-1] is not None and alert.chart.high[-1] < 105
    metrics.flows = [(labels(), calm)]
    await metrics.minutes(12)
    assert (await metrics.pipeline.only_incident()).status is IncidentStatus.RESOLVED


@on_sqlite
async def test_pods_that_misbehave_together_are_one_alert(database: Database, inbox: Inbox, clock: Clock) -> None:
    pods = range(100)
    metrics = await flowing(database, inbox, clock, rules(), [(labels(pod), noise(pod)) for pod in pods])
    metrics.flows = [(labels(pod), noise(pod, level=112.0)) for pod in pods]
    await metrics.minutes(4)
    [alert] = await alerts_of(metrics)
    affected = int(alert.annotations["affected"].split()[0])
    assert affected > 80 and alert.annotations["affected"].endswith("of 100 series")
    assert alert.annotations["description"].endswith(f"and {affected - 5} more")
    assert "pod" not in alert.labels


@on_sqlite
async def test_one_worker_of_twenty_that_always_differed_is_found(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    flows = [(labels(pod), noise(pod, level=160.0 if pod == 7 else 100.0 + pod % 3)) for pod in range(20)]
    metrics = await flowing(database, inbox, clock, rules(), flows)
    await metrics.minutes(12)
    [alert] = await alerts_of(metrics)
    assert (alert.name, alert.labels["pod"]) == ("InstanceDiffersFromPeers", "checkout-7")
    assert re.fullmatch(
        r"checkout-7 of checkout answers in 1\d\d s, others \d\d\.\d to 10\d", alert.annotations["summary"]
    )
    metrics.flows[7] = (labels(7), noise(7))
    await metrics.minutes(20)
    found = {alert.name: alert.firing for alert in await alerts_of(metrics)}
    assert found["InstanceDiffersFromPeers"] is False


async def test_a_restart_neither_pages_nor_forgets_what_fires(database: Database, inbox: Inbox, clock: Clock) -> None:
    shifted, calm = noise(2, level=130.0), (labels(1, service="cart"), noise(1))
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), noise(1)), calm])
    await metrics.minutes(10)  # snapshots are written
    metrics.flows = [(labels(), shifted), calm]
    await metrics.minutes(2)
    before = await alerts_of(metrics)
    assert [alert.firing for alert in before] == [True]
    metrics.restart()
    await metrics.minutes(10)
    after = await alerts_of(metrics)
    assert [(alert.identity, alert.episode, alert.firing) for alert in after] == [(before[0].identity, 1, True)]
    metrics.flows = [(labels(), noise(3)), calm]
    metrics.restart()
    await metrics.minutes(12)
    assert [alert.firing for alert in await alerts_of(metrics)] == [False]


async def test_after_a_restart_what_was_learnt_is_what_would_have_been_learnt_without_it(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    metrics = await flowing(database, inbox, clock, rules(), [(labels(pod), noise(pod)) for pod in range(3)])
    await metrics.minutes(8)
    kept = states(metrics)
    metrics.restart()
    await metrics.pass_(seconds=1)
    assert states(metrics) == kept


async def test_a_batch_that_failed_leaves_no_trace_in_what_is_learnt(
    database: Database, inbox: Inbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), noise(1))])
    await metrics.minutes(3)
    metrics.flows = [(labels(), noise(2, level=130.0))]
    fails = 2

    async def advance(*given: Any) -> None:
        nonlocal fails
        fails -= 1
        if fails >= 0:
            raise StorageUnavailable("the disk is full")
        await advances(*given)

    advances = offsets.advance
    monkeypatch.setattr(offsets, "advance", advance)
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await metrics.minutes(1)
    assert await metrics.pipeline.incidents() == []
    await metrics.minutes(1)
    [alert] = await alerts_of(metrics)
    assert (alert.episode, alert.repeats, alert.firing) == (1, 0, True)
    kept = states(metrics)
    metrics.restart()
    await metrics.pass_(seconds=1)
    assert states(metrics) == kept


async def test_an_entry_that_nothing_can_be_learnt_of_is_set_aside_and_holds_up_nobody(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), noise(1))])
    await metrics.send([Series(labels(), [1, 2], [1.0])])
    await metrics.minutes(2)
    metrics.restart()
    metrics.flows = [(labels(), noise(2, level=130.0))]
    await metrics.minutes(2)
    assert [alert.service for alert in await alerts_of(metrics)] == ["checkout"]
    async with database.read() as connection:
        assert await offsets.count_set_aside(connection) == 1


async def test_a_group_that_people_made_less_sensitive_has_to_surprise_more(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    async def fires(factor: float, service: str) -> bool:
        flow = labels(service=service)
        group = {"domain": "", "watch": "latency", "group": f"latency service={service}"}
        async with database.write() as connection:
            await sensitivity.save(
                connection, Sensitivity(**group, factor=factor, changed_at=clock.now, changed_by="U1")
            )
        metrics = await flowing(database, inbox, clock, rules(), [(flow, noise(1))])
        metrics.flows = [(flow, noise(2, level=115.0))]
        await metrics.minutes(2)
        return service in [alert.service for alert in await alerts_of(metrics)]

    assert [await fires(1.0, "checkout"), await fires(1e6, "cart")] == [True, False]


@on_sqlite
async def test_a_sender_that_catches_up_out_of_order_twice_and_from_the_future_pages_nobody(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    flow = noise(1)
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), flow)])
    await metrics.minutes(3)
    ahead, now = int((clock.now.timestamp() + 366 * 86_400) * 1000), int(clock.now.timestamp() * 1000)
    wild = Series(labels(), [ahead, now - 60_000, now - 60_000, now - 3_600_000], [9e9, 9e9, 9e9, 9e9])
    await metrics.send([wild])
    await metrics.minutes(2)
    clock.pass_(minutes=90)
    times = [int((clock.now.timestamp() - 60 * n) * 1000) for n in range(80, 0, -1)]
    await metrics.send([Series(labels(), times, [flow() for _ in times])] * 2)
    await metrics.minutes(3)
    assert await metrics.pipeline.incidents() == []
    metrics.flows = [(labels(), noise(2, level=130.0))]
    await metrics.minutes(2)
    assert [alert.name for alert in await alerts_of(metrics)] == ["MetricAnomaly"]


@on_sqlite
async def test_a_counter_is_watched_by_its_rate_and_a_reset_is_none_of_its_business(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    random, total, step = Random(1), 0.0, 600.0

    def counted() -> float:
        nonlocal total
        total += random.gauss(step, 6)
        return total

    metrics = await flowing(database, inbox, clock, rules(), [({**labels(), "__name__": "requests_total"}, counted)])
    await metrics.minutes(3)
    total = 0.0
    await metrics.minutes(3)
    assert await metrics.pipeline.incidents() == []
    step = 60.0
    await metrics.minutes(3)
    [alert] = await alerts_of(metrics)
    assert re.fullmatch(
        r"checkout gets 0\.9\d+ requests a second, usually 9\.\d+ to 10(\.\d)?", alert.annotations["summary"]
    )
    assert alert.annotations["description"].startswith("rate of requests_total {pod=checkout-0, service=checkout}: ")


async def test_samples_that_were_learnt_are_deleted_from_the_inbox_and_nothing_else_is(
    database: Database, inbox: Inbox, clock: Clock, alert: Callable[..., AlertEvent]
) -> None:
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), noise(1))])
    await metrics.pipeline.send(alert())
    await metrics.wait_in_the_inbox(80)
    await metrics.pipeline.worker.drain()
    pruning = TelemetryPruning(metrics.pipeline.services)
    while await pruning.prune():
        pass
    left = (await inbox.entries_after(0, 0, 1000)).entries
    kinds = Counter(type(event) for entry in left for event in entry.events)
    assert kinds[AlertEvent] == 1
    assert 59 <= kinds[SamplesEvent] <= 62
    assert await metrics.pipeline.lag() == 0
    kept = states(metrics)
    metrics.restart()
    await metrics.pass_(seconds=1)
    assert states(metrics) == kept


@on_sqlite
async def test_series_that_stop_are_missed_and_found_again(database: Database, inbox: Inbox, clock: Clock) -> None:
    stays = (labels(1, service="cart"), noise(1))
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), noise(2)), stays])
    await metrics.minutes(3)
    metrics.flows = [stays]
    await metrics.minutes(8)
    [alert] = await alerts_of(metrics)
    assert (alert.name, alert.service, alert.firing) == ("MetricsMissing", "checkout", True)
    assert alert.annotations["summary"] == "1 series of checkout no longer come, though they came regularly"
    metrics.restart()
    await metrics.minutes(3)
    metrics.flows = [(labels(), noise(2)), stays]
    await metrics.minutes(2)
    assert [alert.firing for alert in await alerts_of(metrics)] == [False]


@on_sqlite
async def test_pods_that_are_replaced_are_not_missed(database: Database, inbox: Inbox, clock: Clock) -> None:
    metrics = await flowing(database, inbox, clock, rules(), [(labels(pod), noise(pod)) for pod in range(6)])
    await metrics.minutes(3)
    metrics.flows = [*((labels(pod), noise(pod)) for pod in range(10, 16))]
    await metrics.minutes(20)
    assert await metrics.pipeline.incidents() == []


async def test_too_many_series_are_refused_and_the_others_keep_working(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    metrics = await flowing(database, inbox, clock, rules(most_series=50), [(labels(), noise(1))])
    now = int(clock.now.timestamp() * 1000)
    for part in range(5):
        new = range(1 + part * 2000, 1 + (part + 1) * 2000)
        await metrics.send([Series(labels(n, service=f"service-{n}"), [now], [1.0]) for n in new])
    assert len(states(metrics)) == 50
    metrics.flows = [(labels(), noise(2, level=130.0))]
    clock.pass_(minutes=1)
    await metrics.minutes(2)
    assert [alert.service for alert in await alerts_of(metrics)] == ["checkout"]


async def test_series_that_died_make_room(database: Database, inbox: Inbox, clock: Clock) -> None:
    metrics = await flowing(database, inbox, clock, rules(most_series=1, forget_after="1h"), [(labels(), noise(1))])
    await metrics.minutes(10)
    await metrics.pass_(hours=2)
    metrics.flows = [(labels(8), noise(8))]
    await metrics.minutes(8)
    assert list(states(metrics)) == ["checkout-8"]
    metrics.restart()
    await metrics.pass_(seconds=20)
    assert list(states(metrics)) == ["checkout-8"]


def states(metrics: Metrics) -> dict[str, bytes]:
    """What is learnt, by pod."""
    watch = metrics.pipeline.worker._watches[0]
    return {
        member.labels["pod"]: member.state()
        for memory in watch._snapshots  # type: ignore[attr-defined]
        for group in memory.groups.values()
        for member in group.members.values()
    }
