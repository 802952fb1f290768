"""A monitor's whole life: alarm, recovery, beginning anew; and drift that only all columns together show."""

from typing import Any

import numpy as np
import pytest

from detectors.drift.compared import bars, in_words
from detectors.drift.domain import Domain, Sides
from detectors.drift.encoding import encoded
from detectors.drift.life import Life
from detectors.drift.profile import build

Array = np.ndarray[Any, np.dtype[Any]]


def run(life: Life, shifts: list[float], random: np.random.Generator, rows: int = 300) -> list[bool]:
    reference = build({"size": np.random.default_rng(0).normal(size=2000)})
    return [life.update(reference, reference.read({"size": random.normal(s, 1, rows)})).drifted for s in shifts]


def begin() -> Life:
    return Life.against(build({"size": np.random.default_rng(0).normal(size=2000)}))


@pytest.mark.parametrize("shift", [0.3, 1.0, 4.0])
def test_an_alarm_lasts_as_long_as_the_drift_and_not_much_longer(shift: float) -> None:
    random = np.random.default_rng(1)
    life = begin()
    assert not any(run(life, [0.0] * 10, random))
    drifted = run(life, [shift] * 30, random)
    first = drifted.index(True)
    assert first < 10 and all(drifted[first:])
    assert not any(run(life, [0.0] * 20, random)[10:])


def test_after_recovery_the_next_drift_is_found_again() -> None:
    random = np.random.default_rng(2)
    life = begin()
    run(life, [0.0, 2.0, 2.0, 0.0, 0.0, 0.0], random)
    assert not life.standing.drifted
    assert run(life, [-2.0, -2.0], random)[-1]


def test_a_restored_life_goes_on_as_the_one_that_was_saved() -> None:
    shifts = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    whole = run(begin(), shifts, np.random.default_rng(3))
    life, random, parts = begin(), np.random.default_rng(3), []
    for shift in shifts:
        parts += run(life, [shift], random)
        life = Life.restore(life.state())
    assert parts == whole


@pytest.mark.montecarlo
def test_false_alarms_of_the_classifier_are_rare_over_many_windows() -> None:
    alarms = 0
    for seed in range(4):
        random = np.random.default_rng(seed)
        sides, domain = Sides.of(random.normal(size=(300, 3)).astype(np.float32)), Domain(alpha=0.001, seed=seed)
        alarms += any([domain.update(sides, random.normal(size=(60, 3))).drifted for _ in range(10)])
    assert alarms == 0


def test_the_classifier_goes_on_from_its_state() -> None:
    random = np.random.default_rng(0)
    sides = Sides.of(random.normal(size=(600, 2)).astype(np.float32))
    windows = [np.repeat(random.normal(size=(200, 1)), 2, axis=1) for _ in range(3)]
    kept, saved = Domain(), Domain()
    for window in windows:
        seen = kept.update(sides, window)
        again = Domain.restore(saved.state()).update(sides, window)
        saved = Domain.restore(saved.state())
        saved.update(sides, window)
        assert again == seen
    assert seen.drifted


@pytest.mark.parametrize("rows", [0, 1])
def test_a_classifier_takes_hardly_any_rows(rows: int) -> None:
    random = np.random.default_rng(0)
    domain = Domain()
    for _ in range(6):
        assert not domain.update(Sides.of(random.normal(size=(5, 2))), random.normal(size=(rows, 2))).drifted


def test_bars_are_shares_of_all_rows_on_both_sides() -> None:
    reference = build({"price": np.arange(100.0), "shop": np.array(["a", "b"] * 50), "none": np.full(100, np.nan)})
    now = reference.read({"price": np.array([5.0, np.nan]), "shop": np.array(["z", None], dtype=object)})
    for name, column in now.columns.items():
        found = bars(reference.columns[name], column)
        assert len(found.bins) == len(set(found.bins)) == len(found.reference) == len(found.now)
        assert sum(found.now) == pytest.approx(100)
    assert in_words("shop", reference.columns["shop"], now.columns["shop"]).startswith("shop: missing 0 % → 50 %")


def test_what_cannot_be_a_number_is_missing_in_the_matrix() -> None:
    reference = build({"price": np.array([1.0, 2.0]), "shop": np.array(["a", "b"])})
    table = {"price": np.array(["x", 1e300], dtype=object), "shop": np.array([3.5, None], dtype=object)}
    matrix = encoded(reference, table, ["price", "shop"])
    assert np.isnan(matrix[0, 0]) and matrix[1, 0] == np.finfo(np.float32).max
    assert matrix[0, 1] in (0, 1, 2) and np.isnan(matrix[1, 1])


def test_rows_that_stand_out_by_small_scores_are_told_apart_no_less() -> None:
    random = np.random.default_rng(4)
    sides, domain = Sides.of(random.normal(size=(2000, 2))), Domain()
    windows = [random.normal(size=(400, 2)) for _ in range(5)]
    windows += [random.normal(size=(400, 2)) + np.array([shift, 0]) for shift in (4, 4, 4, -4, -4, -4)]
    seen = [domain.update(sides, window) for window in windows]
    assert all(one.apart >= 0.5 for one in seen) and seen[-1].drifted and 0 in seen[-1].shares


def test_rows_of_few_categories_as_in_the_reference_are_not_told_apart() -> None:
    """Of equal scores half counts: nearly all are."""
    random = np.random.default_rng(5)
    sides, domain = Sides.of(random.integers(0, 2, (2000, 1)).astype(float)), Domain()
    seen = [domain.update(sides, random.integers(0, 2, (400, 1)).astype(float)) for _ in range(6)]
    assert all(0.5 <= one.apart < 0.6 for one in seen) and not seen[-1].drifted
