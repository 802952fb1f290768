"""No step is taken twice and none is lost: wherever the process ends, whoever goes on, and while Slack is away."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bot.domain.event import AlertEvent
from bot.domain.incident import Incident
from bot.domain.oncall.page import Page, Way
from bot.incidents import lifecycle
from bot.routing.escalations.lane import Caller
from tests.integration.oncall.night import ANA, BEN, CHEN, Killed, Night, escalation, mentioning, night
from tests.integration.pipeline_driver import Pipeline

MakeAlert = Callable[..., AlertEvent]
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def at(pipeline: Pipeline) -> AsyncIterator[Night]:
    async with night(pipeline) as one:
        yield one


def dying(way: Way, when: str) -> Callable[[Way, Caller], Caller]:
    """The process ends before or after the first call of a way has had its effect."""

    def wrap(of: Way, caller: Caller) -> Caller:
        async def call(page: Page, incident: Incident) -> None:
            if when == "after":
                await caller(page, incident)
            raise Killed

        return call if of is way else caller

    return wrap


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("way", [Way.MENTION, Way.DIRECT, Way.PAGERDUTY])
async def test_a_call_that_a_crash_interrupts_is_made_once(at: Night, alert: MakeAlert, way: Way, when: str) -> None:
    pagerduty = {"secret": "PD", "url": f"{at.called.url}/pagerduty"}
    steps: dict[Way, dict[str, Any]] = {
        Way.MENTION: {"mention": [ANA]},
        Way.DIRECT: {"direct_message": [ANA]},
        Way.PAGERDUTY: {"pagerduty": pagerduty},
    }
    at.wrap = dying(way, when)
    at.describe(escalation(steps[way]))
    await at.opens(alert())
    with pytest.raises(Killed):
        await at.works()
    at.wrap = lambda _, caller: caller
    at.begin()
    await at.loop.begin()
    await at.works()
    if way is Way.MENTION:
        assert at.mentions() == [f"<@{ANA}>"]
    elif way is Way.DIRECT:
        assert len(at.slack.messages(ANA)) == 1
    else:  # made twice it is one there, as it bears the same key
        assert {body["dedup_key"] for body in at.called.bodies("/pagerduty")} == {
            (await at.pipeline.only_incident()).id
        }
    assert [page.state for page in await at.calls()] == ["done"]


@on_sqlite
async def test_an_app_that_may_not_look_into_direct_messages_writes_rather_twice_than_never(
    at: Night, alert: MakeAlert
) -> None:
    at.wrap = dying(Way.DIRECT, "before")
    at.describe(escalation({"direct_message": [ANA]}))
    await at.opens(alert())
    with pytest.raises(Killed):
        await at.works()
    at.wrap = lambda _, caller: caller
    at.begin()
    at.slack.fail("conversations.history", "refused", error="missing_scope", about="D0")
    await at.works()
    assert len(at.slack.messages(ANA)) == 1


async def test_replicas_that_take_over_between_every_two_steps_take_each_step_once(at: Night, alert: MakeAlert) -> None:
    people = [ANA, BEN, CHEN]
    at.describe(escalation(*(mentioning(f"{i}m", [who]) for i, who in enumerate(people * 2))))
    await at.opens(alert())
    for _ in range(24):
        at.begin()  # another replica, which knows nothing
        await at.loop.begin()
        await at.passes(seconds=15)
        at.begin()
        await at.works()
    assert at.mentions() == [f"<@{who}>" for who in people * 2]


@on_sqlite
async def test_after_five_minutes_without_slack_there_is_one_message_and_the_mention_of_the_current_step(
    at: Night, alert: MakeAlert
) -> None:
    at.describe(escalation(*(mentioning(f"{minute}m", [who]) for minute, who in ((0, ANA), (2, BEN), (4, CHEN)))))
    at.slack.fail("*", "down", count=100_000)
    await at.opens(alert())
    for _ in range(30):
        await at.passes(seconds=10)
    at.slack.clear_faults()
    for _ in range(12):
        await at.passes(seconds=10)
    assert len(at.slack.messages("incidents")) == 1
    assert at.mentions() == [f"<@{CHEN}>"]


@on_sqlite
@pytest.mark.parametrize("kind", ["timeout", "timeout_before", "500", "429"])
async def test_a_lost_answer_makes_no_second_mention_and_none_that_is_missing(
    at: Night, alert: MakeAlert, kind: str
) -> None:
    at.describe(escalation(mentioning("1m", [ANA])))
    await at.opens(alert())
    await at.works()
    at.slack.fail("chat.postMessage", kind, count=1)
    for _ in range(12):
        await at.passes(seconds=10)
    for _ in range(6):
        await at.passes(seconds=30)
    assert at.mentions() == [f"<@{ANA}>"]


@on_sqlite
async def test_what_is_acknowledged_while_slack_is_away_calls_nobody_afterwards(at: Night, alert: MakeAlert) -> None:
    at.describe(escalation(mentioning("1m", [ANA])))
    incident = await at.opens(alert())
    await at.works()
    at.slack.fail("*", "down", count=100_000)
    await at.passes(minutes=1)
    await lifecycle.acknowledge(at.pipeline.database, incident.id, BEN, at.clock())
    await at.passes(minutes=1)
    at.slack.clear_faults()
    for _ in range(12):
        await at.passes(seconds=10)
    assert at.mentions() == []
