"""An alert of a detector says at once that its data is good, and whether its end rests on data."""

import pytest

from bot.domain.alert import Alert
from bot.domain.event import AlertStatus, EndedBy
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from tests.conftest import Clock
from tests.integration.watches.metrics_driver import Metrics, flowing, labels, noise, rules

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def _alert(metrics: Metrics) -> Alert:
    [alert] = await metrics.pipeline.alerts_of(await metrics.pipeline.only_incident())
    return alert


async def _shifted(database: Database, inbox: Inbox, clock: Clock) -> Metrics:
    metrics = await flowing(database, inbox, clock, rules(), [(labels(), noise(1))])
    metrics.flows = [(labels(), noise(2, level=130.0))]
    await metrics.minutes(3)
    assert (await _alert(metrics)).good_since is None
    return metrics


async def test_a_metric_that_is_as_expected_again_is_good_before_its_alert_ends_by_the_data(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    metrics = await _shifted(database, inbox, clock)
    metrics.flows = [(labels(), noise(1))]
    await metrics.minutes(2)
    waiting = await _alert(metrics)
    assert waiting.firing and waiting.good_since is not None
    metrics.flows = [(labels(), noise(2, level=130.0))]
    await metrics.minutes(1)
    assert (await _alert(metrics)).good_since is None
    metrics.flows = [(labels(), noise(1))]
    await metrics.minutes(12)
    ended = await _alert(metrics)
    assert (ended.status, ended.ended_by) == (AlertStatus.RESOLVED, EndedBy.SENDER)


async def test_the_end_of_an_alert_about_metrics_that_stopped_rests_on_silence(
    database: Database, inbox: Inbox, clock: Clock
) -> None:
    metrics = await _shifted(database, inbox, clock)
    for _ in range(60):
        await metrics.pass_(minutes=1)
    assert (await _anomaly(metrics)).firing
    await metrics.pass_(hours=25)  # the series are forgotten
    ended = await _anomaly(metrics)
    assert (ended.status, ended.ended_by) == (AlertStatus.RESOLVED, EndedBy.SOURCE_SILENT)


async def _anomaly(metrics: Metrics) -> Alert:
    found = [await metrics.pipeline.alerts_of(incident) for incident in await metrics.pipeline.incidents()]
    [anomaly] = [alert for alerts in found for alert in alerts if alert.name == "MetricAnomaly"]
    return anomaly
