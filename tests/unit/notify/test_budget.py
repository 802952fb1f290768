"""How many calls a workspace takes, and who makes the next one."""

import asyncio

from bot.domain.severity import Severity
from bot.localslack.limits import A_MINUTE, Limits
from bot.notify.budget.allowance import RATES, Allowance, Rate
from bot.notify.budget.budget import OVERSLEPT, SPACING, Budget
from bot.notify.budget.lags import LATE, Lags
from bot.notify.budget.plan import Plan
from bot.notify.channel import Call
from bot.notify.setbacks import Item
from bot.notify.slack.failures import LIMITED_TOGETHER
from bot.storage.queries.shown.channel_messages import DueMessage, DueThread

FEW: dict[Call, Rate] = {call: Rate(12, 2) for call in RATES}


class Time:
    """Seconds that pass when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def sleep_a_little(self, seconds: float) -> None:
        """What others do meanwhile comes between."""
        self.now += min(seconds, 0.01)
        await asyncio.sleep(0)


def _nothing() -> None:
    return


def test_no_minute_has_more_calls_than_slack_takes_however_eager_we_are() -> None:
    for call, rate in RATES.items():
        time = Time()
        allowance, made = Allowance(rate, time), list[float]()
        while time.now < 300:
            if allowance.left:
                allowance.take()
                made.append(time.now)
            else:
                time.now += max(allowance.until(1), 0.001)
        most = max(sum(at <= one < at + 60 for one in made) for at in made)
        assert rate.a_minute - 1 <= most <= rate.a_minute, call


def test_what_we_count_on_is_what_the_local_slack_enforces_for_each_method() -> None:
    for method, call in LIMITED_TOGETHER.items():
        assert RATES[call].a_minute <= A_MINUTE[method], method


def test_the_local_slack_takes_fifty_edits_a_minute_in_all_channels_and_a_post_a_second_in_each() -> None:
    time = Time()
    limits = Limits(timer=time)
    assert [limits.wait_for("chat.update", f"C{n}") for n in range(51)] == [0.0] * 50 + [60.0]
    assert [limits.wait_for("chat.postMessage", "C1") for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]
    assert limits.wait_for("chat.postMessage", "C2") == 0.0
    time.now = 60.0
    assert limits.wait_for("chat.update", "C1") == 0.0
    assert dict(limits.refused) == {"chat.update": 1, "chat.postMessage": 1}


async def test_the_most_urgent_of_all_channels_comes_first_and_what_was_granted_stays_granted() -> None:
    time = Time()
    budget = Budget(time, time.sleep, FEW)
    for _ in range(2):
        await budget.spend("update", "other")
    assert [budget.want("update", place, due, _nothing) for place, due in (("a", 5), ("b", 1), ("c", 3))] == [False] * 3
    time.now = 6.0
    assert [budget.want("update", place, due, _nothing) for place, due in (("a", 5), ("c", 3), ("b", 1))] == [
        False,
        False,
        True,
    ]
    assert budget.want("update", "b", 1, _nothing), "it is b's own until b makes the call"
    before = time.now
    await budget.spend("update", "b")
    assert time.now == before
    time.now = 12.0
    assert [budget.want("update", place, due, _nothing) for place, due in (("a", 5), ("c", 3))] == [False, True]


async def test_a_channel_that_does_not_come_when_it_is_its_turn_is_passed_over() -> None:
    time = Time()
    budget = Budget(time, time.sleep, FEW)
    for _ in range(2):
        await budget.spend("update", "other")
    woken: list[str] = []
    assert not budget.want("update", "stuck", 1, lambda: woken.append("stuck"))
    assert not budget.want("update", "next", 2, lambda: woken.append("next"))
    time.now = 6.0
    budget._ring("update")
    assert woken == ["stuck"]
    assert not budget.want("update", "next", 2, lambda: woken.append("next"))
    time.now += OVERSLEPT + 0.1
    budget._ring("update")
    assert woken == ["stuck", "next"]
    assert budget.want("update", "next", 2, _nothing)
    budget.withdraw("stuck")


async def test_posts_in_one_channel_keep_a_second_apart_and_another_channel_does_not_wait() -> None:
    time = Time()
    budget = Budget(time, time.sleep)
    at = []
    for _ in range(3):
        await budget.spend("post", "a")
        at.append(time.now)
    await budget.spend("post", "b")
    assert at == [0.0, SPACING, 2 * SPACING]
    assert time.now == 2 * SPACING


async def test_of_what_waits_the_urgent_comes_first_and_the_rest_in_its_order() -> None:
    time, made = Time(), list[str]()
    budget = Budget(time, time.sleep_a_little, FEW)
    for _ in range(2):
        await budget.spend("post", "before")

    async def post(place: str, urgent: bool = False) -> None:
        await budget.spend("post", place, urgent)
        made.append(place)

    async with asyncio.TaskGroup() as group:
        for place in ("first", "second", "page"):
            group.create_task(post(place, urgent=place == "page"))
    assert made == ["page", "first", "second"]
    assert time.now >= 15, "twelve a minute, of which two come at once"


async def test_a_refusal_of_slack_empties_what_we_counted_on() -> None:
    budget = Budget(Time(), asyncio.sleep)
    assert budget.want("update", "a", 0, _nothing)
    budget.refused("update")
    assert not budget.want("update", "b", 0, _nothing)
    budget.withdraw("b")


def _due(name: str, severity: str = "warning", **facts: bool) -> DueMessage:
    known = {"new": False, "over": False, "outdated": True} | facts
    return DueMessage(name, known["new"], Severity(severity), known["over"], known["outdated"])


async def test_new_and_worse_come_first_then_the_more_severe_and_what_is_over_last() -> None:
    time = Time()
    plan = Plan(time, _nothing)
    for severity, over in (("high", False), ("critical", True)):
        before = [_due("rises", severity)] if not over else [_due("reopens", severity, over=True)]
        plan.published(plan.next("C", None, before, None) or Item("message", ""))
    waiting = [
        _due("over", "critical", over=True),
        _due("behind", "critical", outdated=False),
        _due("changed"),
        _due("severe", "critical"),
        _due("rises", "critical"),
        _due("reopens", "critical"),
        _due("new", "info", new=True),
    ]
    order = []
    while waiting:
        item = plan.next("C", None, waiting, None)
        assert item is not None
        plan.published(item)
        order.append(item.id)
        waiting = [one for one in waiting if one.incident_id != item.id]
    assert order == ["new", "rises", "reopens", "severe", "changed", "over", "behind"]


async def test_what_is_over_does_not_wait_for_ever_behind_what_changes_all_the_time() -> None:
    time = Time()
    plan, chosen = Plan(time, _nothing), list[str]()
    for _ in range(100):
        item = plan.next("C", None, [_due("busy", "critical"), _due("over", over=True)], None)
        assert item is not None
        plan.published(item)
        chosen.append(item.id)
        time.now += 1.2
    assert chosen.count("over") >= 1
    assert chosen.index("over") > 50, "but the other comes first"


async def test_an_edit_that_has_to_wait_holds_up_no_new_incident_and_no_reply_takes_its_last_post() -> None:
    time = Time()
    budget = Budget(time, time.sleep, {call: Rate(60, 21) for call in RATES})
    budget.refused("update")
    plan, other = Plan(time, _nothing, budget), Plan(time, _nothing, budget)
    messages = [_due("new", new=True), _due("changed", "critical")]
    assert plan.next("C", None, messages[1:], None) is None
    assert plan.waits
    assert other.next("D", None, [], DueThread("quiet", worse=False)) == Item("thread", "quiet")
    assert plan.next("C", None, [], DueThread("quiet", worse=False)) is None, "twenty are left to what is urgent"
    assert plan.next("C", None, [], DueThread("loud", worse=True)) == Item("thread", "loud")
    await budget.spend("post", "C")
    assert plan.next("C", None, messages, None) == Item("message", "new")
    plan.end("C")
    other.end("D")


def test_what_lags_is_said_once_it_is_late_in_words_that_do_not_change_all_the_time() -> None:
    time = Time()
    lags = Lags(time)
    lags.note("C1", {"edit": 0.0, "new": 0.0})
    assert lags.in_words() == ""
    time.now = LATE["edit"].total_seconds() + 1
    lags.note("C1", {"edit": 0.0})
    said = lags.in_words()
    assert said == "there is more to show than Slack takes: messages are edited more than 5m late"
    time.now += 100
    lags.note("C2", {"edit": time.now})
    assert lags.in_words() == said
    assert lags.longest("edit") == time.now
    for channel in ("C1", "C2"):
        lags.note(channel, {})
    assert lags.in_words() == ""
