"""``/incident oncall``, taking over for a while, and ``{schedule: NAME}`` where people and groups may stand."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.config.model import Config
from bot.domain.event import AlertEvent
from bot.domain.incident import IncidentStatus
from bot.domain.run import RunStatus
from bot.inbox.inbox import Inbox
from bot.incidents.looking import look_at
from bot.storage.database import Database
from bot.storage.queries import audit
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.handlers.slack_workspace import GUEST, MEMBER, office
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SECOND = "U0SECOND1"
SHOP: dict[str, Any] = {"schedules": {"shop": {"rotation": [MEMBER]}}}


async def test_who_is_on_call_is_said_for_each_schedule_with_who_comes_next(pipeline: Pipeline) -> None:
    written = {"schedules": {"shop": {"rotation": [MEMBER, SECOND]}, "web": {"rotation": ["Ada"]}}}
    async with office(pipeline, written) as at:
        said = await at.typed(MEMBER, "oncall")
        shop, web = said.split("\n")[:2]
        assert shop.startswith("• *shop*: <@")
        assert f"<@{MEMBER}>" in shop
        assert f"<@{SECOND}>" in shop
        assert ", then <@" in shop
        assert web.startswith("• *web*: Ada (not found in Slack)")
        assert "map the name under people" in said


async def test_without_schedules_it_says_how_to_get_one(pipeline: Pipeline) -> None:
    async with office(pipeline, {}) as at:
        assert "add one under `schedules`" in await at.typed(MEMBER, "oncall")
        assert "there is none in tandem.yaml" in await at.typed(MEMBER, f"oncall override <@{SECOND}|chen> 4h")


@pytest.mark.parametrize("typed", [f"<@{SECOND}|chen>", f"@{SECOND}", SECOND])
async def test_somebody_takes_over_for_a_while_and_gives_back(pipeline: Pipeline, typed: str) -> None:
    async with office(pipeline, SHOP) as at:
        assert f"<@{SECOND}> is on call in shop for 4h" in await at.typed(MEMBER, f"oncall override {typed} 4h")
        assert f"*shop*: <@{SECOND}> until" in await at.typed(MEMBER, "oncall")
        at.clock.shift = timedelta(hours=4, seconds=1)
        roster = at.roster
        assert (await roster.now())["shop"].people == (MEMBER,)
    async with pipeline.database.read() as connection:
        [entry] = await audit.entries(connection, "schedule shop")
    assert (entry["action"], entry["actor"]) == ("on_call.override", MEMBER)


async def test_an_override_that_cannot_be_read_changes_nothing(pipeline: Pipeline) -> None:
    two = {"schedules": {"shop": {"rotation": [MEMBER]}, "web": {"rotation": [MEMBER]}}}
    async with office(pipeline, two) as at:
        assert "Say in which schedule" in await at.typed(MEMBER, f"oncall override @{SECOND} 4h")
        assert "There is no schedule mail" in await at.typed(MEMBER, f"oncall override @{SECOND} 4h mail")
        assert "is no duration" in await at.typed(MEMBER, f"oncall override @{SECOND} soon web")
        assert "choose somebody" in await at.typed(MEMBER, "oncall override somebody 4h web")
        assert "from 1m to 31d" in await at.typed(MEMBER, f"oncall override @{SECOND} 40d web")
        assert "You may not change who is on call" in await at.typed(GUEST, f"oncall override @{GUEST} 4h web")
        assert f"<@{SECOND}> is on call in web" in await at.typed(MEMBER, f"oncall override @{SECOND} 4h web")
        assert (await at.roster.now())["shop"].people == (MEMBER,)


async def test_whoever_is_on_call_has_the_rights_of_it_and_nobody_else(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    written = SHOP | {"permissions": {"acknowledge": [{"schedule": "shop"}]}}
    async with office(pipeline, written) as at:
        await at.typed(MEMBER, f"oncall override @{GUEST} 4h")
        said = await at.typed(MEMBER, "ack 1")
        assert "You may not acknowledge" in said
        assert "hoever is on call in shop may" in said
        assert "is yours" in await at.typed(GUEST, "ack 1")
    assert (await pipeline.only_incident()).status is IncidentStatus.ACKNOWLEDGED


async def test_whoever_is_on_call_approves(database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert) -> None:
    book = {"title": "Restart", "when": {"service": "checkout"}, "steps": [{"command": {"argv": ["restart"]}}]}
    approval = {"approvers": [{"schedule": "shop"}], "expires": "9999d"}
    written = {"schedules": {"shop": {"rotation": [GUEST]}}, "runbooks": {"restart": book | {"approval": approval}}}
    pipeline = await Pipeline(database, inbox, clock, Config.model_validate(written).rules()).prepare()
    await pipeline.send(alert())
    [run] = await pipeline.runs_of(await pipeline.only_incident())
    async with office(pipeline, written) as at:
        value = f"{run.id}:{run.plan_hash}"
        _, said = await at.clicked(MEMBER, "run.approve", value, answered=True)
        assert "whoever is on call in shop may" in said
        await at.clicked(GUEST, "run.approve", value)

        async def approved() -> bool:
            [now] = await pipeline.runs_of(await pipeline.only_incident())
            return now.status is RunStatus.APPROVED and now.approvals == [GUEST]

        await until(approved, "the run is approved")


async def test_to_look_is_not_to_own(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with office(pipeline, {}) as at:
        _, said = await at.clicked(MEMBER, "incident.seen", incident.id, answered=True)
        assert "Others see that you look" in said
        assert "no owner yet" in said
        again = await look_at(pipeline.database, incident.id, MEMBER, at.clock())
        assert "It is known" in again
    assert (await pipeline.only_incident()).status is IncidentStatus.TRIGGERED
    assert (await pipeline.timeline_of(incident)).count("Is looking at it") == 1
