"""Shift: quiet for a whole life while the mean is what it was, and quick once it is not."""

from collections.abc import Callable
from random import Random

import pytest

from detectors.shift import LEARN, RECENT, Shift

Draw = Callable[[Random], float]


def share(chance: float) -> Draw:
    return lambda random: float(random.random() < chance)


def score(mean: float, spread: float = 0.15) -> Draw:
    return lambda random: round(min(max(random.gauss(mean, spread), 0.0), 1.0), 2)


def delay(shift: Shift, draw: Draw, random: Random, most: int, begin: int = 0) -> int | None:
    """After how many observations a shift is found."""
    for at in range(begin, begin + most):
        shift.observe(float(at), {draw(random): 1})
        if shift.shifted:
            return at - begin
    return None


CALM = [("errors", share(0.01), 0.03, False), ("passes", share(0.9), 0.04, True), ("scores", score(0.85), 0.04, True)]


@pytest.mark.parametrize("name, draw, margin, falls", CALM, ids=[name for name, *_ in CALM])
def test_a_mean_that_stays_raises_nothing_in_a_whole_life(name: str, draw: Draw, margin: float, falls: bool) -> None:
    found = [delay(Shift(margin, falls), draw, Random(seed), 1500) for seed in range(8)]
    assert found == [None] * 8


WORSE = [
    ("errors", share(0.0), share(0.3), 0.03, False, 100),
    ("passes", share(0.9), share(0.4), 0.04, True, 100),
    ("scores", score(0.85), score(0.6), 0.04, True, 80),
    ("scores that rise", score(0.5), score(0.8), 0.04, True, 120),
]


@pytest.mark.parametrize("name, usual, worse, margin, falls, most", WORSE, ids=[name for name, *_ in WORSE])
def test_a_mean_that_moves_is_found_soon(
    name: str, usual: Draw, worse: Draw, margin: float, falls: bool, most: int
) -> None:
    for seed in range(5):
        random, shift = Random(seed), Shift(margin, falls)
        assert delay(shift, usual, random, 400) is None
        found = delay(shift, worse, random, most, begin=400)
        assert found is not None
        assert 390 <= shift.since <= 400 + found


def test_a_large_delivery_of_bad_observations_is_not_taken_for_the_reference() -> None:
    shift = Shift(0.03)
    shift.observe(0.0, {0.0: LEARN})
    shift.observe(1.0, {0.0: 100, 1.0: 400})
    assert shift.shifted == 1
    assert shift.usual() == 0.0


def test_it_is_over_when_enough_observations_are_as_they_were_and_not_before() -> None:
    shift = Shift(0.03)
    shift.observe(0.0, {0.0: 300})
    shift.observe(1.0, {1.0: 50})
    shift.observe(2.0, {0.0: RECENT - 1})
    assert shift.shifted == 1
    shift.observe(3.0, {0.0: 2})
    shift.observe(4.0, {0.0: RECENT})
    assert shift.shifted == 0
    shift.observe(5.0, {1.0: 50})
    assert shift.shifted == 1
