"""``tandem doctor`` says who is on call, what is doubtful about that, and whom calls did not reach."""

from datetime import UTC, datetime

import pytest

from bot.commands.parts.checks.finding import Mark
from bot.commands.parts.checks.oncall import check_on_call
from bot.config.model import Config
from bot.domain.oncall.page import Act, CallState, Page, Way
from bot.storage.database import Database
from bot.storage.queries.oncall import calls

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
STEPS = {"steps": [{"pagerduty": {"secret": "PD"}}]}


async def test_without_schedules_and_escalations_nothing_is_said(database: Database) -> None:
    assert await check_on_call(database, Config()) == []


async def test_each_schedule_is_said_and_doubts_are_warnings(database: Database) -> None:
    schedules = {"shop": {"rotation": ["U012AB3CD"]}, "web": {"ical": "https://calendar.example/web.ics"}}
    shop, web, escalations = await check_on_call(
        database, Config.model_validate({"schedules": schedules, "escalations": {"shop": STEPS}})
    )
    assert (shop.mark, shop.subject, shop.text) == (Mark.OK, "on call in shop", "U012AB3CD")
    assert (web.mark, web.subject) == (Mark.WARN, "on call in web")
    assert "has not been read yet" in web.text
    assert escalations.mark is Mark.OK


async def test_calls_that_reached_nobody_are_named_with_the_reason(database: Database) -> None:
    now = datetime.now(UTC)
    page = Page(
        id=0,
        incident_id="i",
        escalation="shop",
        cycle=1,
        round=0,
        step=2,
        way=Way.PAGERDUTY,
        act=Act.TRIGGER,
        made_at=now,
        next_at=now,
    )
    async with database.write() as connection:
        await calls.add(connection, [page])
        [wanted] = await calls.next_wanted(connection, Way.PAGERDUTY, now, 9)
        await calls.end(connection, wanted, CallState.REFUSED, "status 400: invalid key")
    [found] = await check_on_call(database, Config.model_validate({"escalations": {"shop": STEPS}}))
    assert found.mark is Mark.WARN
    assert "shop, step 3, pagerduty: status 400: invalid key" in found.text
