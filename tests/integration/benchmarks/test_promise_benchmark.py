"""The benchmark of how often a group alerts for nothing, and that it holds in small."""

from itertools import pairwise

import pytest

from tests.benchmarks.promise.__main__ import Group, figures, rated
from tests.benchmarks.promise.life import DAY, Life, life
from tests.benchmarks.promise.noise import KINDS, group

WEEK = 7 * DAY


def lived(alarms: list[float]) -> tuple[Group, Life]:
    return Group("latency", 1, 1, 60.0, WEEK, 70), Life(0.0, 10 * WEEK, alarms)


def test_a_rate_of_one_is_what_is_promised_and_has_an_interval() -> None:
    often = lived([week * WEEK + DAY for week in range(10)])
    assert rated([often]) == {"rate": 1.0, "low": 1.0, "high": 1.0}
    never = lived([])
    both = rated([often, never])
    assert (both["rate"], both["low"], both["high"]) == (0.5, 0.0, 1.0)


def test_the_first_span_and_what_comes_later_are_told_apart() -> None:
    found = figures(*zip(*[lived([DAY, 2 * DAY, 8 * WEEK])], strict=True))
    assert [found[name]["rate"] for name in ("rate_first_span", "rate_later")] == [2.0, 0.111]  # type: ignore[index]


def test_what_is_made_is_the_same_each_time_and_has_holes() -> None:
    first, again = ([next(flow.samples) for flow in group("mixed", 1, 3, 60.0) for _ in range(2000)] for _ in range(2))
    assert first == again
    times = [at for at, _ in first[:2000]]
    assert any(later - earlier > 90 for earlier, later in pairwise(times))


@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
def test_no_kind_of_noise_alerts_more_often_than_was_promised(kind: str) -> None:
    one = life(kind, 7, 2, 900.0, WEEK, 56)
    assert one.judged > 7 * WEEK
    assert len(one.alarms) <= one.judged / WEEK, "more than one a week, in eight weeks"
