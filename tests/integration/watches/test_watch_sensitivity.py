"""What people said of alerts is heeded by the watches that raised them."""

import pytest

from bot.domain.watched.sensitivity import MOST, Sensitivity
from bot.inbox.inbox import Inbox
from bot.storage.database import Database
from bot.storage.queries import sensitivity
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline
from tests.integration.watches.metrics_driver import flowing, labels, noise
from tests.integration.watches.metrics_driver import rules as metric_rules
from tests.integration.watches.test_watch_logs import Flow, lines
from tests.integration.watches.test_watch_logs import rules as log_rules

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def lower(database: Database, clock: Clock, watch: str, group: str) -> None:
    lowered = Sensitivity(domain="", watch=watch, group=group, factor=MOST, changed_at=clock(), changed_by="U012AB3CD")
    async with database.write() as connection:
        await sensitivity.save(connection, lowered)


@on_sqlite
@pytest.mark.parametrize(("group", "alerts"), [("latency service=cart", 1), ("latency service=checkout", 0)])
async def test_metrics_alert_more_rarely_for_the_group_that_was_not_useful(
    database: Database, inbox: Inbox, clock: Clock, group: str, alerts: int
) -> None:
    metrics = await flowing(database, inbox, clock, metric_rules(), [(labels(), noise(1))])
    await lower(database, clock, "latency", group)
    metrics.flows = [(labels(), noise(2, level=106.0))]
    await metrics.minutes(2)
    assert len(await metrics.pipeline.incidents()) == alerts


@on_sqlite
@pytest.mark.parametrize(("group", "alerts"), [("logs shop service=cart", 1), ("logs shop service=checkout", 0)])
async def test_logs_alert_more_rarely_for_the_group_that_was_not_useful(
    database: Database, inbox: Inbox, clock: Clock, group: str, alerts: int
) -> None:
    flow = Flow(await Pipeline(database, inbox, clock, log_rules()).prepare())
    await flow.learn()
    await lower(database, clock, "shop", group)
    await flow.pass_(seconds=5)
    await flow.minutes(4, lambda begin: lines(begin, 29))
    assert len(await flow.pipeline.incidents()) == alerts
