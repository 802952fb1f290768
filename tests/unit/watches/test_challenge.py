"""A challenger beside a champion: decided early, and wrong as seldom as promised, however often one looks."""

import numpy as np
import pytest

from detectors.drift.packing import Array
from detectors.performance.challenge import Alike, Pairing, Versus

MARGIN = 0.05


def rows(random: np.random.Generator, count: int, wrong: float) -> Array:
    return (random.random(count) < wrong).astype(np.float64)


def life(seed: int, ours: float, theirs: float, share: float = 0.2, looks: int = 50, each: int = 100) -> Versus:
    """What is known after so many looks, each after some rows, a ``share`` of them the challenger's."""
    random = np.random.default_rng(seed)
    versus, pairing = Versus(MARGIN), Pairing()
    for _ in range(looks):
        mine = int(random.binomial(each, share))
        versus.update(pairing.add(rows(random, mine, ours), rows(random, each - mine, theirs)))
    return versus


@pytest.mark.parametrize("theirs", [0.02, 0.3])
def test_at_the_edge_of_what_is_tolerated_neither_answer_is_ever_given_too_often(theirs: float) -> None:
    lives = [life(seed, theirs + MARGIN, theirs) for seed in range(100)]
    assert sum(one.worse for one in lives) <= 12  # 5 are expected at most; 13 come once in 1,000
    assert sum(one.not_worse for one in lives) <= 12


def test_what_is_far_from_the_edge_is_decided_rightly() -> None:
    assert all(life(seed, 0.1, 0.1).not_worse for seed in range(20))
    assert all(life(seed, 0.25, 0.1).worse for seed in range(20))
    assert all(life(seed, 0.25, 0.1).confidence >= 0.95 for seed in range(3))
    assert life(0, 0.1, 0.1, looks=1).confidence == 0.0


def test_how_rows_are_cut_into_batches_makes_no_difference_to_what_is_bet() -> None:
    differences = np.random.default_rng(0).uniform(-1, 1, 1000)
    whole, parts = Versus(MARGIN), Versus(MARGIN)
    whole.update(differences)
    for part in np.array_split(differences, 37):
        parts.update(part)
    assert (whole.most_worse, whole.most_better) == pytest.approx((parts.most_worse, parts.most_better))
    assert whole.units == parts.units
    assert whole.total == pytest.approx(parts.total)


def test_an_answer_stays_whatever_comes_later() -> None:
    versus = life(1, 0.4, 0.1)
    assert versus.worse
    versus.update(np.full(5_000, -1.0))
    assert versus.worse and not versus.not_worse


def test_each_row_is_used_once_and_waits_for_the_other_side() -> None:
    pairing = Pairing()
    assert pairing.add(np.zeros(0), np.array([1.0, 0.0])).tolist() == []
    assert pairing.add(np.array([1.0]), np.zeros(0)).tolist() == [0.5]
    assert pairing.add(np.array([1.0, 1.0, 0.0]), np.array([1.0])).tolist() == [pytest.approx(2 / 3 - 1)]
    assert pairing.add(np.array([0.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0])).tolist() == [0.0, 0.0]
    pairing.add(np.ones(1_000_000), np.zeros(0))
    assert len(pairing.challenger) == 20_000


def test_distributions_that_differ_by_some_are_bounded_at_all_times() -> None:
    truth, outside = 0.1, 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        alike, found = Alike(), []
        for _ in range(20):
            alike.add(random.uniform(truth, 1 + truth, 200), random.uniform(0, 1, 800))
            found.append(alike.found())
        outside += any(one is not None and not one.low <= truth <= one.high for one in found)
    assert outside <= 9  # 3 are expected at most


def test_few_rows_say_nothing_and_many_are_bounded() -> None:
    alike = Alike()
    alike.add(np.zeros(63), np.zeros(1_000_000))
    assert alike.found() is None and len(alike.champion) == 2**14
    alike.add(np.zeros(1), np.zeros(1))
    found = alike.found()
    assert found is not None and (found.distance, found.low, found.rows) == (0.0, 0.0, (64, 2**14))
