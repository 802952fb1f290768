"""Groups of series: false alarms no more often than allowed, real ones found soon, and members unlike their peers."""

import math
from collections.abc import Callable, Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.groups import Evidence, Tail, outliers
from detectors.groups.member import LEARN_SAMPLES, Member

DAY = 86_400.0
BEGIN = 20_000 * DAY
SAME_ALARM = 3600.0

Shape = Callable[[float], float]


def noise(random: Random) -> Shape:
    return lambda at: random.gauss(50, 1)


def daily(random: Random) -> Shape:
    return lambda at: 50 + 20 * math.sin(2 * math.pi * at / DAY) + random.gauss(0, 1)


def walk(random: Random) -> Shape:
    level = 0.0

    def step(at: float) -> float:
        nonlocal level
        level += random.gauss(0, 1)
        return level

    return step


def correlated(random: Random) -> Shape:
    level = 0.0

    def step(at: float) -> float:
        nonlocal level
        level = 0.95 * level + random.gauss(0, 1)
        return level

    return step


def skewed(random: Random) -> Shape:
    return lambda at: random.lognormvariate(0, 1)


def rare_events(random: Random) -> Shape:
    return lambda at: float(random.random() < 0.01)


class Simulated:
    """A group whose members have a shape each and are sampled every ``interval`` seconds, half a second apart."""

    def __init__(self, shapes: list[Shape], interval: float, span: float) -> None:
        self.shapes, self.interval, self.span = shapes, interval, span
        self.members = [Member.of({"n": str(n)}, counter=False) for n in range(len(shapes))]
        self.evidence = Evidence()
        self.at = BEGIN

    def alarms(self, seconds: float) -> Iterator[float]:
        """The moments of alarms; those within an hour are one."""
        until = self.at + seconds
        told = -math.inf
        while self.at < until:
            if self._surprise() and self.at > told + SAME_ALARM:
                told = self.at
                yield self.at
            self.at += self.interval

    def _surprise(self) -> bool:
        found = False
        for n, (member, shape) in enumerate(zip(self.members, self.shapes, strict=True)):
            at = self.at + n / 2
            rarity = member.update(at, shape(at))
            if member.is_learnt(at):
                self.evidence.begin(at)
            if rarity:
                self.evidence.add(str(n), at, rarity, self.span)
                found = found or self.evidence.exceeds(at, self.span)
        return found


@pytest.mark.montecarlo
@pytest.mark.parametrize("shape", [noise, daily, walk, correlated, skewed, rare_events])
@pytest.mark.parametrize(("members", "interval"), [(1, 60.0), (8, 300.0), (40, 900.0)])
def test_false_alarms_of_a_group_are_no_more_than_allowed_whatever_its_size_and_interval(
    shape: Callable[[Random], Shape], members: int, interval: float
) -> None:
    days = 6
    group = Simulated([shape(Random(seed)) for seed in range(members)], interval, span=2 * DAY)
    assert len(list(group.alarms(days * DAY))) <= days / 2


@pytest.mark.parametrize("shape", [noise, daily, correlated])
@pytest.mark.parametrize(("members", "affected"), [(1, 1), (20, 1), (20, 20)])
def test_a_real_shift_is_found_within_minutes_in_one_member_as_well_as_in_all(
    shape: Callable[[Random], Shape], members: int, affected: int
) -> None:
    group = Simulated([shape(Random(seed)) for seed in range(members)], 60.0 if members == 1 else 300.0, span=7 * DAY)
    assert len(list(group.alarms(3 * DAY))) <= 1
    for n in range(affected):
        before = group.shapes[n]
        group.shapes[n] = lambda at, before=before: before(at) + 60  # type: ignore[misc]
    [found, *_] = group.alarms(3 * group.interval)
    assert found - BEGIN >= 3 * DAY


def test_pods_that_follow_the_same_load_do_not_alarm_together_when_it_moves_as_it_does_every_day() -> None:
    shared = daily(Random(1))
    values: dict[int, float] = {}

    def load(at: float) -> float:
        return values.setdefault(int(at // 300), shared(at))

    group = Simulated([load] * 20, 300.0, span=7 * DAY)
    assert len(list(group.alarms(5 * DAY))) <= 1


@given(st.lists(st.floats(0.01, 1e6), max_size=60), st.floats(1.0, 64.0))
def test_fewer_false_alarms_take_a_higher_threshold(values: list[float], factor: float) -> None:
    tail = Tail(began=BEGIN)
    for n, value in enumerate(values):
        tail.add(value, BEGIN + n * 7200, DAY)
    now = BEGIN + 7200 * len(values)
    assert 0 < tail.threshold(now, DAY) <= tail.threshold(now, DAY * factor) + 1e-9
    assert len(tail.peaks) <= 33


def test_an_event_that_goes_on_is_one_peak() -> None:
    tail = Tail(began=BEGIN)
    tail.add(5.0, BEGIN, DAY)
    for hour in range(1, 30):
        tail.add(float(hour), BEGIN + 3600 * hour, DAY, goes_on=True)
    assert [peak.value for peak in tail.peaks] == [29.0]


def test_series_that_come_late_count_to_their_own_minute_and_much_later_ones_to_none() -> None:
    evidence = Evidence()
    assert evidence.add("a", BEGIN + 600, 1.0, DAY) == 1.0
    assert evidence.add("b", BEGIN, 2.0, DAY) == 2.0
    assert evidence.add("c", BEGIN + 610, 3.0, DAY) == 4.0
    assert evidence.add("d", BEGIN - 900, 9.0, DAY) == 0.0
    assert evidence.surprised(BEGIN) == {"b": 2.0}


@pytest.mark.montecarlo
def test_how_often_peers_of_random_sizes_have_an_outlier() -> None:
    random = Random(1)
    draws: list[Callable[[], float]] = [
        lambda: random.gauss(100, 5),
        lambda: random.lognormvariate(0, 0.5),
        lambda: random.lognormvariate(0, 1),
    ]
    for draw in draws:
        found = sum(bool(outliers({str(n): draw() for n in range(20)})) for _ in range(1000))
        assert found <= 5


@given(st.integers(0, 2**32), st.integers(20, 60), st.sampled_from([0.2, 3.0, 10.0]))
def test_one_member_unlike_its_peers_is_found_and_the_range_of_the_others_is_told(
    seed: int, count: int, times: float
) -> None:
    random = Random(seed)
    values = {str(n): random.uniform(98, 102) for n in range(count)}
    usual = [value for name, value in values.items() if name != "3"]
    values["3"] *= times
    [found] = outliers(values)
    assert found == ("3", values["3"], min(usual), max(usual))


@given(st.lists(st.floats(-1e30, 1e30), max_size=40), st.floats(0, 1e30))
def test_any_values_can_be_compared(values: list[float], noise: float) -> None:
    found = outliers({str(n): value for n, value in enumerate(values)}, noise)
    assert len(found) <= max(1, len(values) // 10)


SAMPLES = st.tuples(st.floats(0, 1e10), st.floats(allow_nan=True, allow_infinity=True))


@given(st.lists(SAMPLES, max_size=80), st.booleans())
def test_a_member_withstands_any_samples_and_goes_on_from_its_state(
    samples: list[tuple[float, float]], counter: bool
) -> None:
    member, half = Member.of({"__name__": "x"}, counter), len(samples) // 2
    for at, value in samples[:half]:
        assert member.update(at, value) >= 0
    resumed = Member.restore(member.state())
    assert resumed.state() == member.state()
    for at, value in samples[half:]:
        assert resumed.update(at, value) == member.update(at, value)
    assert resumed.state() == member.state()


def calm_member(seed: int = 1, samples: int = 5 * LEARN_SAMPLES) -> Member:
    member, shape = Member.of({"__name__": "x"}, counter=False), noise(Random(seed))
    for n in range(samples):
        member.update(BEGIN + 60 * n, shape(0))
    return member


def test_what_stays_off_for_long_becomes_usual() -> None:
    member = calm_member()
    began = BEGIN + 60 * member.count
    for n in range(200):
        member.update(began + 60 * n, 80.0, usual_after=7200)
        assert (member.off is not None) == (n < 120)


def test_a_silence_is_no_surprise_but_what_comes_after_it_may_be() -> None:
    member, end = calm_member(), BEGIN + 60 * 5 * LEARN_SAMPLES
    assert member.silent_for(end + 60, since=0) is not None  # last_seen is not set: no sample came
    again = Member.restore(member.state())
    assert max(member.update(end + 7200 + 60 * n, 50.0 + n % 2) for n in range(20)) < 0.1
    assert again.update(end + 7200, 80.0) > 1.0


def test_only_who_came_regularly_is_missed() -> None:
    member, random = Member.of({}, counter=False), Random(1)
    at = BEGIN
    for _ in range(100):
        at += random.paretovariate(0.7) * 10
        member.update(at, 1.0)
        member.last_seen = at
    assert member.silent_for(at + 600, since=0) is None
    regular = calm_member()
    regular.last_seen = at
    assert regular.silent_for(at + 90, since=0) is None
    assert regular.silent_for(at + 600, since=0) == 600
    assert regular.silent_for(at + 600, since=at + 550) is None


def test_a_gauge_with_the_name_of_a_counter_is_watched_as_a_gauge_and_a_counter_with_resets_is_not() -> None:
    gauge, counter = Member.of({"__name__": "replica_count"}, counter=True), Member.of({}, counter=True)
    for n in range(500):
        gauge.update(BEGIN + 60 * n, 5.0 + n % 3)
        counter.update(BEGIN + 60 * n, 60.0 * (n % 100))
    assert (gauge.ensemble.latest(), gauge.ensemble.intake.counter) == (6.0, None)
    assert counter.ensemble.latest() == 1.0


def test_the_state_of_a_member_is_small() -> None:
    assert len(calm_member().state()) < 4096
