"""Whom a call does not reach: that is told to the ops channel, and nobody waits for an answer to it."""

from collections.abc import AsyncIterator, Callable

import pytest

from bot.domain.event import AlertEvent
from tests.integration.oncall.night import ANA, BEN, GROUP, SECRETS, Night, escalation, mentioning, night
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def at(pipeline: Pipeline) -> AsyncIterator[Night]:
    async with night(pipeline) as one:
        yield one


@on_sqlite
async def test_a_step_that_finds_nobody_is_told_to_the_ops_channel_and_the_next_comes_at_once(
    at: Night, alert: MakeAlert
) -> None:
    night_of = escalation(mentioning("0m", [{"schedule": "shop"}]), mentioning("10m", [BEN]))
    at.describe(night_of | {"schedules": {"shop": {"rotation": ["somebody@shop.example"]}}})
    await at.opens(alert())
    await at.works()
    assert at.mentions() == [f"<@{BEN}>"]
    [said] = at.ops()
    assert "found nobody to call for incident #1" in said
    assert "cannot be found in Slack" in str(at.slack.messages("ops"))


@on_sqlite
@pytest.mark.parametrize("gone", ["deactivated", "emptied", "refused"])
async def test_whom_slack_does_not_reach_is_not_waited_for(at: Night, alert: MakeAlert, gone: str) -> None:
    at.describe(escalation(mentioning("0m", [GROUP if gone == "emptied" else ANA]), mentioning("10m", [BEN])))
    if gone == "deactivated":
        at.slack.deactivated.add(ANA)
    elif gone == "emptied":
        at.slack.usergroups[GROUP] = []
    else:
        at.slack.fail("chat.postMessage", "refused", error="restricted_action_thread_locked", about=ANA)
    await at.opens(alert())
    await at.works()
    await at.works()
    assert at.mentions() == [f"<@{BEN}>"]
    assert "reached nobody" in at.ops()[0]


@on_sqlite
async def test_some_of_those_who_are_mentioned_may_be_gone(at: Night, alert: MakeAlert) -> None:
    at.describe(escalation(mentioning("0m", [ANA, BEN])))
    at.slack.deactivated.add(ANA)
    await at.opens(alert())
    await at.works()
    assert at.mentions() == [f"<@{BEN}>"]
    assert f"{ANA} is deactivated" in str(at.replies()[-1]["blocks"])


@on_sqlite
async def test_a_system_that_is_down_is_tried_again_and_one_that_refuses_is_not(at: Night, alert: MakeAlert) -> None:
    pagerduty = {"secret": "PD", "url": f"{at.called.url}/pagerduty"}
    at.describe(escalation({"after": "0m", "pagerduty": pagerduty}, mentioning("10m", [BEN])))
    at.called.status = 503
    await at.opens(alert())
    await at.works()
    at.called.status = 202
    await at.passes(seconds=70)
    assert at.called.acts() == ["trigger", "trigger"]
    assert len({body["dedup_key"] for body in at.called.bodies("/pagerduty")}) == 1
    at.called.status = 400
    await at.opens(alert(cluster="other"))
    await at.works()
    assert any("PagerDuty reached nobody: status 400" in said for said in at.ops())
    assert not any(SECRETS["PD"] in said for said in at.ops())


@on_sqlite
async def test_nothing_is_called_that_nothing_escalates_and_no_secret_that_is_missing(
    at: Night, alert: MakeAlert
) -> None:
    missing = {"secret": "NOT_THERE", "url": f"{at.called.url}/pagerduty"}
    at.describe(escalation({"pagerduty": missing}))
    await at.opens(alert(), escalation="")
    await at.passes(hours=2)
    assert await at.calls() == []
    await at.opens(alert(cluster="other"))
    await at.works()
    assert at.called.requests == []
    assert "TANDEM_SECRET_NOT_THERE is not set" in at.ops()[0]
