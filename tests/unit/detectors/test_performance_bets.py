"""Performance by betting: the promise holds, what is worse is found, and a metric is the mean that it is said to be."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from detectors.drift.profile import build
from detectors.performance.badness import badness, expected_badness, losses_of, scale_for, value_of
from detectors.performance.betting import Bettor
from detectors.performance.measured import forecasting
from detectors.performance.ranking import gain, ranking
from detectors.performance.scale import Rows, Scale
from detectors.performance.slices import parts_of, worst

Array = np.ndarray[Any, np.dtype[Any]]
classes = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)


@pytest.mark.montecarlo
def test_false_alarms_at_the_limit_itself_are_as_rare_as_promised() -> None:
    alarms = 0
    for seed in range(60):
        random, bettor = np.random.default_rng(seed), Bettor.at(0.3, alpha=0.1)
        alarms += any([bettor.update(random.random(50) < 0.3) for _ in range(60)])
    assert alarms <= 60 * 0.1


def test_the_money_is_a_martingale_when_all_that_can_come_is_counted_out() -> None:
    money = 0.0
    for outcome in range(2**6):
        bad = np.array([outcome >> at & 1 for at in range(6)], dtype=float)
        bettor = Bettor.at(0.3, alpha=1e-9)
        bettor.update(bad[:2])
        bettor.update(bad[2:])
        money += 0.3 ** bad.sum() * 0.7 ** (6 - bad.sum()) * bettor.evidence
    assert money == pytest.approx(1)


def test_what_got_worse_long_after_the_beginning_is_found_soon_and_is_over_when_it_is_better() -> None:
    random, bettor = np.random.default_rng(0), Bettor.at(0.15)
    assert not any([bettor.update(random.random(200) < 0.05) for _ in range(200)])
    assert any([bettor.update(random.random(200) < 0.3) for _ in range(4)])
    assert Bettor.restore(bettor.state()).update(random.random(200) < 0.3)
    assert not [bettor.update(random.random(200) < 0.05) for _ in range(5)][-1]


def test_a_window_without_rows_changes_nothing() -> None:
    bettor = Bettor.at(0.5)
    assert not bettor.update(np.zeros(0)) and bettor.windows == 0


@given(classes, st.sampled_from(["accuracy", "precision", "recall", "f1"]), st.floats(0.05, 0.95))
def test_the_mean_badness_is_beyond_its_level_just_where_the_metric_is_worse_than_its_limit(
    pairs: list[tuple[int, int]], metric: str, limit: float
) -> None:
    truth, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    rows = Rows(truth, predicted)
    scale = scale_for(Scale(metric, limit))
    value, bad = value_of(rows, scale), badness(rows, scale)
    assert all((bad >= 0) & (bad <= 1))
    if value is not None and abs(value - limit) > 1e-9:
        assert (bad.mean() > scale.level) == (value < limit)


@given(classes)
def test_values_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    rows = Rows(truth, predicted)
    for metric, theirs in (("f1", metrics.f1_score), ("precision", metrics.precision_score)):
        value = value_of(rows, scale_for(Scale(metric, 0.5)))
        if value is not None:
            assert value == pytest.approx(theirs(truth, predicted, zero_division=0.0))


@pytest.mark.parametrize("metric", ["accuracy", "precision", "recall", "f1"])
def test_where_chances_are_certain_the_expected_badness_is_the_measured_one(metric: str) -> None:
    random = np.random.default_rng(0)
    truth, predicted = random.integers(0, 2, 200), random.integers(0, 2, 200)
    scale = scale_for(Scale(metric, 0.7))
    expected = expected_badness(truth.astype(float), predicted == 1, scale)
    measured = badness(Rows(truth, predicted), scale)
    sides = expected.mean() > scale.level, measured.mean() > scale.level
    assert sides[0] == sides[1]


@pytest.mark.parametrize("metric", ["mae", "rmse", "mape", "mase"])
def test_errors_are_means_of_losses_that_are_capped(metric: str) -> None:
    random = np.random.default_rng(0)
    truth = random.normal(10, 1, 500)
    rows = Rows(truth, truth + random.normal(0, 0.1, 500))
    value = value_of(rows, Scale(metric, 1.0))
    assert value is not None
    measured = forecasting(truth, rows.predicted, unit=1.0)
    assert value == pytest.approx(measured[metric])
    scale = scale_for(Scale(metric, value * 1.2), losses_of(rows, Scale(metric, 1.0)))
    assert badness(rows, scale).mean() < scale.level
    worse = Rows(truth, truth + random.normal(0, 0.2, 500))
    assert badness(worse, scale).mean() > scale.level


@pytest.mark.parametrize("metric, limit", [("accuracy", 0.0), ("f1", 1.2), ("mae", 0.0), ("rmse", float("nan"))])
def test_a_limit_that_cannot_be_passed_is_refused(metric: str, limit: float) -> None:
    with pytest.raises(ValueError, match=metric):
        scale_for(Scale(metric, limit))


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), min_size=2, max_size=20))
def test_gain_is_that_of_scikit_learn(rows: list[tuple[int, float]]) -> None:
    relevance, score = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if relevance.any():
        assert gain(relevance, score) == pytest.approx(metrics.ndcg_score([relevance], [score]))


def test_rankings_are_means_over_groups_and_pairs_are_judged_by_score() -> None:
    relevance, score = np.array([1.0, 0.0, 0.0, 1.0]), np.array([0.9, 0.1, 0.9, 0.1])
    group = np.array(["a", "a", "b", "b"])
    assert ranking(relevance, score, group)["mrr"] == pytest.approx(0.75)
    rows = Rows(relevance, score, score, group)
    assert value_of(rows, scale_for(Scale("mrr", 0.5))) == pytest.approx(0.75)
    assert value_of(rows, scale_for(Scale("roc_auc", 0.5, positive=1.0))) == pytest.approx(0.5)


def test_slices_are_found_in_numbers_and_categories_and_none_where_there_is_none() -> None:
    random = np.random.default_rng(0)
    table = {"shop": random.choice(["a", "b"], 3000), "price": random.random(3000)}
    parts = parts_of(build(table), ["shop", "price", "unknown"])
    assert worst(table, random.random(3000) * 1.0, parts) == []
    bad = (random.random(3000) < np.where(table["price"] > 0.75, 0.5, 0.1)) * 1.0
    [found] = worst(table, bad, parts)
    assert [part.feature for part in found.parts] == ["price"]
    assert worst(table, bad, parts, known=[found]) == []
