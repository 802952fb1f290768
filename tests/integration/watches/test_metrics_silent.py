"""Metrics whose sender falls silent: one alert about it, and nothing that was found in them recovers."""

from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.watches.metrics_driver import Labels, Shape, flowing, labels, noise, rules
from tests.integration.watches.test_watch_metrics import alerts_of


async def test_a_sender_that_stops_is_one_alert(database: Database, inbox: Inbox, clock: Clock) -> None:
    flows: list[tuple[Labels, Shape]] = [(labels(service=f"service-{n}"), noise(n)) for n in range(5)]
    metrics = await flowing(database, inbox, clock, rules(), flows)
    await metrics.minutes(3)
    metrics.flows = []
    await metrics.minutes(8)
    [alert] = await alerts_of(metrics)
    said = "metrics from prometheus stopped: 5 series came regularly, and none comes now"
    assert (alert.annotations["summary"], alert.service) == (said, "")
    metrics.flows = flows
    await metrics.minutes(2)
    assert [alert.firing for alert in await alerts_of(metrics)] == [False]


async def test_a_sender_that_stops_while_series_are_due_at_different_times_is_one_alert(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    often: list[tuple[Labels, Shape]] = [(labels(service=f"service-{n}"), noise(n)) for n in range(3)]
    seldom: list[tuple[Labels, Shape]] = [(labels(service=f"slow-{n}"), noise(n)) for n in range(2)]
    metrics = await flowing(database, inbox, clock, rules(), often)
    for minute in range(100):
        metrics.flows = [*often, *(seldom if minute % 5 == 0 else [])]
        await metrics.minutes(1)
    metrics.flows = []
    await metrics.minutes(45)
    [alert] = await alerts_of(metrics)
    assert "metrics from prometheus stopped" in alert.annotations["summary"]
    metrics.flows = [*often, *seldom]
    await metrics.minutes(3)
    assert [alert.firing for alert in await alerts_of(metrics)] == [False]


async def test_nothing_recovers_while_its_sender_is_silent(database: Database, inbox: Inbox, clock: Clock) -> None:
    others: list[tuple[Labels, Shape]] = [(labels(service=f"service-{n}"), noise(n)) for n in range(3)]
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), noise(9)), *others])
    metrics.flows = [(labels(), noise(2, level=130.0)), *others]
    await metrics.minutes(3)
    metrics.flows = []
    await metrics.minutes(15)
    found = {alert.name: alert.firing for alert in await alerts_of(metrics)}
    assert found == {"MetricAnomaly": True, "MetricsMissing": True}


async def test_a_clock_that_was_set_back_keeps_no_watch_from_its_series(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    """Silence would else be found only once the clock is where it was."""
    forecast = {"limit": 1000.0, "ahead": "10m"}
    watch = {"latency": {"match": ["__name__=latency_seconds"], "forecast": forecast}}
    metrics = await flowing(database, inbox, clock, rules(watch=watch), [(labels(), noise(1))])
    await metrics.minutes(2)
    watches = [
        one for one in metrics.pipeline.worker._watches if type(one).__name__ in ("MetricsWatch", "ForecastWatch")
    ]
    assert len(watches) == 2 and [one.awaiting() for one in watches] == [set(), set()]
    clock.pass_(hours=-1)
    assert [one.awaiting() for one in watches] == [{0}, {0}]
