"""Alerts that nobody repeats: after ``alerts.expire_after`` they count as ended, and the timeline says so."""

from collections.abc import Callable
from datetime import timedelta

import msgspec

from bot.domain.alert import AlertRules
from bot.domain.event import AlertEvent, AlertStatus, EndedBy
from bot.domain.rules import Rules
from bot.inbox.inbox import Inbox
from bot.pipeline.worker import Worker
from bot.storage.database import Database
from bot.storage.queries import tools
from bot.watches.configured import watches
from tests.conftest import Clock
from tests.integration.pipeline_driver import Pipeline, plan_without_values

MakeAlert = Callable[..., AlertEvent]
RULES = Rules(alerts=AlertRules(expire_after=timedelta(hours=24)))


async def expiring(database: Database, inbox: Inbox, clock: Clock, rules: Rules = RULES) -> Pipeline:
    pipeline = await Pipeline(database, inbox, clock, rules).prepare()
    pipeline.worker = Worker(pipeline.services, plan_without_values, watches(rules, clock))
    return pipeline


async def test_what_its_source_has_not_repeated_for_so_long_counts_as_ended(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await expiring(database, inbox, clock)
    repeated, forgotten = alert(), alert(service="cart")
    await pipeline.send(repeated, forgotten)
    clock.pass_(hours=12)
    await pipeline.send(repeated)
    clock.pass_(hours=12)
    await pipeline.worker.tick()
    ended = {one.service: one for made in await pipeline.incidents() for one in await pipeline.alerts_of(made)}
    assert (ended["cart"].status, ended["cart"].ended_by) == (AlertStatus.RESOLVED, EndedBy.EXPIRED)
    assert ended["checkout"].firing
    lines = [line for made in await pipeline.incidents() for line in await pipeline.timeline_of(made)]
    said = "1 alert resolved (counts as ended: Alertmanager has not repeated it for 1d): HighLatency on cart"
    assert said in lines


async def test_by_default_nothing_expires(database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert) -> None:
    pipeline = await expiring(database, inbox, clock, Rules())
    await pipeline.send(alert())
    clock.pass_(days=300)
    await pipeline.worker.tick()
    assert (await pipeline.only_incident()).status == "triggered"


async def test_neither_our_own_alerts_nor_those_seen_in_their_tools_list_expire(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    pipeline = await expiring(database, inbox, clock)
    await pipeline.send(alert(), msgspec.structs.replace(alert(service="model"), source="tandem"))
    async with database.write() as connection:
        [one] = (await tools.firing_of(connection, "alertmanager")).values()
        await tools.note_seen(connection, "alertmanager", [one.identity], [], clock.now)
    clock.pass_(days=2)
    await pipeline.worker.tick()
    assert all([one.firing for made in await pipeline.incidents() for one in await pipeline.alerts_of(made)])
