"""A level that came with a change and held is usual, with all that was learnt of the old one."""

import copy
import math
from collections.abc import Callable
from random import Random

import pytest

from bot.domain.watched.measured import is_more_failure
from bot.watches.metrics.group import Firing, Group, GroupState, Reason
from detectors.anomaly.shift import shift_of
from detectors.groups.member import Member

BEGIN = 1_700_438_400.0
DAY, HOUR, STEP, SPAN = 86_400.0, 3600.0, 120.0, 7 * 86_400.0
CHANGED = BEGIN + 9 * DAY + 2 * HOUR
Level = Callable[[float], float]


def times_more(factor: float) -> Level:
    return lambda value: value * factor


def more(amount: float) -> Level:
    return lambda value: value + amount


class Life:
    """A group of one series with a daily wave, minute by minute; ``fired`` holds when it began to be off its course."""

    def __init__(self) -> None:
        self.group = Group(GroupState("latency", {"service": "checkout"}))
        self.group.join("one", Member.of({"__name__": "latency_seconds"}, counter=False))
        self.random, self.at = Random(3), BEGIN
        self.fired: list[float] = []
        self.settled: list[float] = []

    def live(self, until: float, level: Level = lambda value: value, deploy: float | None = None) -> None:
        member = self.group.members["one"]
        while self.at < until:
            self.at += STEP
            wave = 100 * (1 + 0.4 * math.sin(2 * math.pi * self.at / DAY)) * math.exp(self.random.gauss(0, 0.02))
            rarity = member.update(self.at, level(wave), usual_after=DAY)
            before = self.group.state.off_course
            if rarity:
                self.group.note("one", self.at, rarity, SPAN)
            if self.group.state.evidence.tail.began is None and member.is_learnt(self.at):
                self.group.state.evidence.begin(self.at)
            self._after(before is not None, deploy)

    def _after(self, went_on: bool, deploy: float | None) -> None:
        state = self.group.state
        if state.off_course is not None and not went_on:
            self.fired.append(self.at)
            if deploy is not None:
                state.off_course.reason = Reason("the deploy 1.4 of checkout", deploy)
        if self.group.settle(2 * HOUR, float):
            self.settled.append(self.at)
        if state.off_course is not None and not self.group.off():
            if state.off_course.settled:
                state.evidence.explain()
            state.off_course = None


@pytest.fixture(scope="module", params=[times_more(1.4), more(60.0)], ids=["in proportion", "by an amount"])
def changed(request: pytest.FixtureRequest) -> tuple[Life, Level]:
    life = Life()
    life.live(CHANGED)
    life.fired.clear()
    life.live(CHANGED + 3 * DAY, request.param, deploy=CHANGED)
    return life, request.param


def test_a_level_is_usual_at_all_hours_once_it_has_held(changed: tuple[Life, Level]) -> None:
    life, _ = changed
    assert [round((at - CHANGED) / HOUR, 1) for at in life.fired] == [0.0]
    [settled] = life.settled
    assert 2 * HOUR <= settled - life.fired[0] < 2.5 * HOUR


def test_as_large_a_shift_again_alerts_at_once(changed: tuple[Life, Level]) -> None:
    life, level = copy.deepcopy(changed[0]), changed[1]
    again = life.at
    life.live(again + HOUR, lambda value: level(level(value)))
    assert len(life.fired) == 2 and life.fired[1] - again < 10 * STEP


def test_without_a_change_nothing_settles() -> None:
    life = Life()
    life.live(CHANGED)
    life.fired.clear()
    life.live(CHANGED + 6 * HOUR, times_more(1.4))
    assert len(life.fired) == 1 and life.settled == [] and life.group.off()


def test_what_is_noisy_holds_and_what_drifts_does_not() -> None:
    random = Random(1)
    noisy = shift_of([(at, random.gauss(110, 10)) for at in range(60)], lambda at: 100.0)
    drifting = shift_of([(at, 110 + at / 4 + random.gauss(0, 1)) for at in range(60)], lambda at: 100.0)
    assert noisy is not None and noisy.held
    assert drifting is not None and not drifting.held


@pytest.mark.parametrize(("value", "before"), [(500.0, 1.0), (5.0, 0.0), (-5.0, 3.0)])
def test_what_is_near_nothing_or_below_it_has_no_proportion(value: float, before: float) -> None:
    found = shift_of([(at, value) for at in range(20)], lambda at: before)
    assert found is not None and (found.factor, found.offset) == (None, value - before)


@pytest.mark.parametrize(
    ("labels", "goes_up", "fails"),
    [
        ({"__name__": "http_requests_total", "code": "503"}, True, True),
        ({"__name__": "http_requests_total", "code": "503"}, False, False),
        ({"__name__": "http_requests_total", "code": "200"}, True, False),
        ({"__name__": "checkout_error_ratio"}, True, True),
        ({"__name__": "job:request_errors:rate5m"}, True, True),
        ({"__name__": "payments_failed"}, True, True),
        ({"__name__": "probe_success"}, False, True),
        ({"__name__": "heap_bytes"}, True, False),
    ],
)
def test_what_shows_that_more_fails(labels: dict[str, str], goes_up: bool, fails: bool) -> None:
    assert is_more_failure(labels, goes_up) is fails


def test_what_came_since_the_first_surprise_is_not_what_was_expected() -> None:
    random, member, at = Random(1), Member.of({"__name__": "latency_seconds"}, counter=False), BEGIN
    for level in [0.1] * 2000 + [0.16] * 30:
        at += 10.0
        member.update(at, random.gauss(level, 0.002))
    member.off = None  # a group may take it for off only when others are
    member.go_off(at, 5.0)
    assert member.off is not None and 0.09 < member.off.low < member.off.high < 0.11


def test_of_very_many_members_all_settle_in_turn() -> None:
    group, random = Group(GroupState("latency", {})), Random(2)
    names = [str(n) for n in range(120)]
    for name in names:
        group.join(name, Member.of({"__name__": "latency_seconds", "pod": name}, counter=False))
    for step in range(600):
        at = BEGIN + 60.0 * step
        if step == 450:
            group.state.off_course = Firing(at, reason=Reason("the deploy 2 of cart", at))
        for name in names:
            rarity = group.members[name].update(at, random.gauss(100 if step < 450 else 150, 1))
            if rarity and step >= 450:
                group.note(name, at, rarity, SPAN)
    settled = [group.settle(HOUR, float) for _ in range(4)]
    assert [len(some) for some in settled] == [50, 50, 20, 0]
    assert {name for some in settled for name in some} == set(names)
