"""Whose requests are taken, and what guests, strangers and members of user groups may do, by buttons and commands."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.config.model import Config
from bot.domain.event import AlertEvent
from bot.domain.incident import IncidentStatus
from bot.domain.run import RunStatus
from bot.inbox.inbox import Inbox
from bot.localslack.events import SCOPES
from bot.storage.database import Database
from tests.acceptance.harness import until
from tests.conftest import Clock
from tests.integration.handlers.slack_workspace import GUEST, MEMBER, STRANGER, office
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
GROUP = "S0SREGRP"
FOREIGN: list[dict[str, Any]] = [
    {"team": {"id": "T0FOREIGN"}},
    {"team": None},
    {"api_app_id": "A0OTHER"},
    {"api_app_id": None},
    {"enterprise": {"id": "E0FOREIGN"}},
    {"team": {"id": "T0FOREIGN"}, "enterprise": {"id": "E0FOREIGN"}},
]


@pytest.mark.parametrize("changed", FOREIGN)
async def test_a_request_of_another_workspace_organisation_or_app_does_nothing(
    pipeline: Pipeline, alert: MakeAlert, changed: dict[str, Any]
) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with office(pipeline, {}) as at:
        status, _ = await at.clicked(MEMBER, "incident.ack", incident.id, **changed)
        assert status == 403
        assert (await pipeline.only_incident()).status is IncidentStatus.TRIGGERED
        status, _ = await at.clicked(MEMBER, "incident.ack", incident.id)
        assert status == 200

        async def acknowledged() -> bool:
            return (await pipeline.only_incident()).status is IncidentStatus.ACKNOWLEDGED

        await until(acknowledged, "the incident is acknowledged")


async def test_workspaces_of_tandem_yaml_take_the_place_of_the_bots_own(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    incident = await pipeline.only_incident()
    async with office(pipeline, {"slack": {"workspaces": ["T0ACME"]}}) as at:
        assert (await at.clicked(MEMBER, "incident.ack", incident.id))[0] == 403
        assert "not one that Tandem works for" in await at.typed(MEMBER, "list")


@pytest.mark.parametrize("who", [GUEST, STRANGER])
async def test_guests_and_people_of_other_workspaces_look_and_do_not_act(
    pipeline: Pipeline, alert: MakeAlert, who: str
) -> None:
    await pipeline.send(alert(), alert(alertname="Second", service="cart", group="g"))
    before = await pipeline.incidents()
    async with office(pipeline, {}) as at:
        _, said = await at.clicked(who, "incident.ack", before[0].id, answered=True)
        assert "You may not acknowledge in incident #1" in said
        if who == GUEST:  # people of other workspaces have no commands of ours
            assert "HighLatency" in await at.typed(who, "show 1")
            for text in ("ack 1", "resolve 1", "split 1 alertname=Second", "silence 2h service=cart"):
                assert "You may not" in await at.typed(who, text), text
        assert await pipeline.incidents() == before


async def test_a_guest_acts_where_permissions_name_them_or_their_group(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {"permissions": {"acknowledge": [GROUP], "resolve": ["everyone", GUEST]}}) as at:
        at.slack.usergroups[GROUP] = [GUEST]
        assert "is yours" in await at.typed(GUEST, "ack 1")


async def test_who_leaves_a_user_group_loses_its_rights_within_a_minute(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {"permissions": {"acknowledge": [GROUP]}}) as at:
        at.slack.usergroups[GROUP] = []
        assert f"<!subteam^{GROUP}> may" in await at.typed(MEMBER, "ack 1")
        at.slack.usergroups[GROUP] = [MEMBER]
        assert "You may not" in await at.typed(MEMBER, "ack 1")
        at.clock.shift = timedelta(seconds=61)
        assert "is yours" in await at.typed(MEMBER, "ack 1")
        asked = [call for call in at.slack.calls if call["method"] == "usergroups.users.list"]
        assert len(asked) == 2


async def test_a_missing_scope_is_named_where_it_decides(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    narrow = SCOPES.replace(",usergroups:read", "")
    async with office(pipeline, {"permissions": {"acknowledge": [GROUP]}}, scopes=narrow) as at:
        assert "add the scope usergroups:read" in await at.typed(MEMBER, "ack 1")


async def test_an_app_installed_before_goes_on_without_the_new_scopes_while_nothing_is_restricted(
    pipeline: Pipeline, alert: MakeAlert
) -> None:
    await pipeline.send(alert())
    narrow = "chat:write,commands"
    async with office(pipeline, {"permissions": {"merge": ["everyone"]}}, scopes=narrow) as at:
        assert "add the scope users:read" in await at.typed(MEMBER, "ack 1")
    async with office(pipeline, {}, scopes=narrow) as at:
        assert "is yours" in await at.typed(MEMBER, "ack 1")


async def test_an_outage_of_slack_takes_no_rights_from_who_was_known(pipeline: Pipeline, alert: MakeAlert) -> None:
    await pipeline.send(alert())
    async with office(pipeline, {"permissions": {"acknowledge": ["everyone"]}}) as at:
        assert "No model is watched" in await at.typed(MEMBER, "list", slash="/model")
        at.clock.shift = timedelta(minutes=2)
        at.slack.fail("users.info", "500", count=5)
        assert "please try again" in await at.typed(GUEST, "ack 1")
        assert "is yours" in await at.typed(MEMBER, "ack 1")


async def test_a_user_group_approves_by_each_of_its_members_and_nobody_else(
    database: Database, inbox: Inbox, clock: Clock, alert: MakeAlert
) -> None:
    book = {"title": "Restart", "when": {"service": "checkout"}, "steps": [{"command": {"argv": ["restart"]}}]}
    written = {"runbooks": {"restart": book | {"approval": {"approvers": [GROUP], "expires": "9999d"}}}}
    pipeline = await Pipeline(database, inbox, clock, Config.model_validate(written).rules()).prepare()
    await pipeline.send(alert())
    [run] = await pipeline.runs_of(await pipeline.only_incident())
    async with office(pipeline, written) as at:
        at.slack.usergroups[GROUP] = [GUEST]
        value = f"{run.id}:{run.plan_hash}"
        _, said = await at.clicked(MEMBER, "run.approve", value, answered=True)
        assert f"<!subteam^{GROUP}> may" in said
        await at.clicked(GUEST, "run.approve", value)

        async def approved() -> bool:
            [now] = await pipeline.runs_of(await pipeline.only_incident())
            return now.status is RunStatus.APPROVED and now.approvals == [GUEST]

        await until(approved, "the run is approved")
