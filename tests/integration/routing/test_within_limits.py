"""Incidents of many channels are shown within what Slack takes from one app in one workspace."""

from collections.abc import AsyncIterator, Callable

import pytest

from bot.domain.event import AlertEvent
from bot.localslack import LocalSlack
from bot.notify.budget.allowance import RATES, Rate
from bot.notify.budget.budget import Budget
from tests.integration.pipeline_driver import Pipeline
from tests.integration.routing.team import PAY, SHOP, Office

MakeAlert = Callable[..., AlertEvent]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Time:
    """Seconds, moved by hand; whoever sleeps moves them, too."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with LocalSlack(channels=("incidents", "shop", "pay")) as slack:
        yield slack


def _edits(slack: LocalSlack) -> list[str]:
    """The channels in which a message was edited, in order."""
    return [call["channel"].removeprefix("C0") for call in slack.calls if call["method"] == "chat.update"]


async def test_edits_of_all_channels_share_what_slack_takes_the_worse_first_what_is_over_last(
    pipeline: Pipeline, slack: LocalSlack, alert: MakeAlert, time: Time
) -> None:
    budget = Budget(time, time.sleep, RATES | {"update": Rate(13, 1)})
    office = Office(pipeline, slack, [SHOP, PAY], budget)
    await office.send(
        alert(severity="warning"), alert(service="payments", severity="warning"), alert(service="dns", severity="info")
    )
    await office.send(
        *(alert(service=name, instance="b", severity="info") for name in ("payments", "dns")),
        *(alert(instance="b", severity="info"),),
    )
    time.now += 60
    await office.publish()
    time.now += 60
    await office.publish()
    time.now += 60
    await office.publish()
    before = len(_edits(slack))
    budget.refused("update")
    await office.send(alert("resolved", severity="warning"), alert("resolved", instance="b", severity="info"))
    await office.send(alert(service="dns", instance="c", severity="info"))
    await office.send(alert(service="payments", severity="critical"))
    await office.send(alert(service="dns", instance="d", severity="info"))
    assert len(_edits(slack)) == before
    for _ in range(5):
        time.now += 5
        await office.publish()
    assert _edits(slack)[before:] == ["PAY", "INCIDENTS", "SHOP"], "five changes, one edit of each message"
    assert "resolved" in office.blocks("shop")[0]


async def test_a_new_incident_is_posted_at_once_while_edits_wait(
    pipeline: Pipeline, slack: LocalSlack, alert: MakeAlert, time: Time
) -> None:
    budget = Budget(time, time.sleep)
    office = Office(pipeline, slack, [SHOP, PAY], budget)
    await office.send(alert(severity="warning"))
    budget.refused("update")
    before = len(slack.calls)
    await office.send(alert(instance="b"), alert(alertname="Other", cluster="elsewhere"))
    assert len(slack.messages("shop")) == 2
    assert next(call["method"] for call in slack.calls[before:] if "chat." in call["method"]) == "chat.postMessage"


async def test_without_an_edit_too_many_slack_refuses_nothing_in_a_storm(
    pipeline: Pipeline, alert: MakeAlert, time: Time
) -> None:
    async with LocalSlack(channels=("incidents", "shop", "pay"), enforce_rate_limit=True) as slack:
        slack._limits._timer = time
        office = Office(pipeline, slack, [SHOP, PAY], Budget(time, time.sleep))
        for n in range(60):
            changed = (alert(service=name, instance=f"i{n % 7}") for name in ("checkout", "payments", "dns"))
            await office.send(*changed, *([alert(cluster=f"c{n}")] if n % 10 == 0 else []))
            time.now += 1
        for _ in range(20):
            time.now += 5
            await office.publish()
        assert dict(slack.limited) == {}
        assert len(slack.messages("shop")) == 7
        assert len(_edits(slack)) <= 3 * 60, "folded"


@pytest.mark.parametrize("method", ["chat.getPermalink", "chat.update", "chat.postMessage", "conversations.list"])
async def test_whichever_call_slack_refuses_for_its_rate_everything_is_shown_in_the_end(
    pipeline: Pipeline, slack: LocalSlack, alert: MakeAlert, method: str
) -> None:
    office = Office(pipeline, slack, [SHOP | {"continue": True}, PAY | {"match": ["team=shop"]}])
    slack.fail(method, "429", count=1, retry_after=1)
    await office.send(alert())
    for channel in ("shop", "pay"):
        limits = (await office.channels.claimed(f"#{channel}"))._limits  # type: ignore[union-attr]
        limits._mine.clear()
        limits._shared.clear()
    await office.send(alert("resolved"))
    assert all("resolved" in office.blocks(name)[0] for name in ("shop", "pay"))
