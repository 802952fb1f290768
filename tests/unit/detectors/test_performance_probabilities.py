"""Metrics of probabilities, quantiles, ratios and averages: their values, and that their bets keep the promise."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from sklearn import metrics

from detectors.performance.badness import badness, losses_of, scale_for, value_of
from detectors.performance.betting import Bettor
from detectors.performance.scale import Rows, Scale, bounds_of_ratio

Array = np.ndarray[Any, np.dtype[Any]]
NAMES = ("a", "b", "c")


def of_two(random: np.random.Generator, rows: int, sharp: float = 1.0) -> Rows:
    chance = random.beta(0.5, 0.5, rows)
    truth = (random.random(rows) < chance).astype(int)
    told = (chance**sharp / (chance**sharp + (1 - chance) ** sharp)).clip(0.001, 0.999)
    return Rows(truth, (told > 0.5).astype(int), told)


def of_three(random: np.random.Generator, rows: int, sharp: float = 1.0) -> Rows:
    chances = random.dirichlet([0.5, 0.5, 0.5], rows)
    truth = (random.random(rows)[:, None] > chances.cumsum(1)).sum(1).clip(0, 2)
    told = chances**sharp / (chances**sharp).sum(1, keepdims=True)
    names = np.array(NAMES, dtype=object)
    return Rows(names[truth], names[told.argmax(1)], chances=dict(zip(NAMES, told.T, strict=True)))


def of_numbers(random: np.random.Generator, rows: int, error: float = 1.0) -> Rows:
    truth = random.gamma(2.0, 5.0, rows)
    return Rows(truth, truth + error * random.normal(size=rows))


def test_values_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    two, three, numbers = of_two(random, 500), of_three(random, 500), of_numbers(random, 500)
    matrix = np.column_stack(list(three.chances.values()))
    many: dict[str, Any] = {"classes": NAMES}
    ovr = metrics.roc_auc_score(three.truth, matrix, multi_class="ovr")
    pinball = metrics.mean_pinball_loss(numbers.truth, numbers.predicted, alpha=0.9)
    for rows, scale, theirs in (
        (two, Scale("log_loss", 0.5), metrics.log_loss(two.truth, two.score)),
        (two, Scale("brier", 0.5), metrics.brier_score_loss(two.truth, two.score)),
        (two, Scale("average_precision", 0.5), metrics.average_precision_score(two.truth, two.score)),
        (three, Scale("log_loss", 0.5, **many), metrics.log_loss(three.truth, matrix)),
        (three, Scale("roc_auc", 0.5, average="macro", **many), ovr),
        (numbers, Scale("r2", 0.5), metrics.r2_score(numbers.truth, numbers.predicted)),
        (numbers, Scale("pinball", 0.5, quantile=0.9), pinball),
    ):
        assert value_of(rows, scale) == pytest.approx(theirs), scale.metric
    wape = np.abs(numbers.predicted - numbers.truth).sum() / np.abs(numbers.truth).sum()
    assert value_of(numbers, Scale("wape", 0.5)) == pytest.approx(wape)


def test_many_quantiles_of_a_normal_distribution_have_its_ranked_probability_score() -> None:
    random, levels = np.random.default_rng(0), np.arange(1, 200) / 200
    truth = random.normal(size=4000)
    quantiles = {float(level): np.full(4000, norm.ppf(level)) for level in levels}
    exact = truth * (2 * norm.cdf(truth) - 1) + 2 * norm.pdf(truth) - 1 / np.sqrt(np.pi)
    value = value_of(Rows(truth, truth, quantiles=quantiles), Scale("crps", 1.0))
    assert value == pytest.approx(float(exact.mean()), rel=0.02)


def test_probabilities_that_are_too_sure_are_not_calibrated() -> None:
    random = np.random.default_rng(0)
    for made, classes in ((of_two, ()), (of_three, NAMES)):
        scale = Scale("calibration_error", 0.1, classes=classes)
        calibrated, sure = (value_of(made(random, 5000, sharp), scale) for sharp in (1.0, 5.0))
        assert calibrated is not None and sure is not None and calibrated < 0.03 and sure > 0.08


CASES: list[tuple[Any, float, float, Scale]] = [
    (of_two, 1.0, 8.0, Scale("log_loss", 0.0)),
    (of_two, 1.0, 30.0, Scale("brier", 0.0)),
    (of_two, 1.0, 5.0, Scale("calibration_error", 0.0)),
    (of_three, 1.0, 8.0, Scale("log_loss", 0.0, classes=NAMES)),
    (of_three, 1.0, 8.0, Scale("calibration_error", 0.0, classes=NAMES)),
    (of_numbers, 1.0, 1.5, Scale("wape", 0.0)),
    (of_numbers, 1.0, 2.0, Scale("r2", 0.0)),
    (of_numbers, 1.0, 1.5, Scale("pinball", 0.0, quantile=0.8)),
]


@pytest.mark.parametrize("make, good, bad, scale", CASES, ids=lambda case: getattr(case, "metric", ""))
def test_at_its_limit_a_metric_raises_no_alarm_and_beyond_it_one(
    make: Any, good: float, bad: float, scale: Scale
) -> None:
    usual = make(np.random.default_rng(99), 50_000, good)
    value = value_of(usual, scale)
    assert value is not None
    scale = scale._replace(limit=max(value, 0.01))
    if scale.metric in ("wape", "r2"):
        cap, floor = bounds_of_ratio(usual, scale.metric, scale.limit)
        scale = scale._replace(cap=cap, floor=floor)
    scale = scale_for(scale, losses_of(usual, scale) if scale.value_is_mean else None)
    alarms = 0
    for seed in range(10):
        random, bettor = np.random.default_rng(seed), Bettor.at(scale.level, 0.05)
        alarms += any([bettor.update(badness(make(random, 200, good), scale)) for _ in range(20)])
    assert alarms <= 2
    random, bettor = np.random.default_rng(0), Bettor.at(scale.level, 0.05)
    assert any([bettor.update(badness(make(random, 1000, bad), scale)) for _ in range(15)])


@pytest.mark.parametrize(
    "metric, average", [("recall", "macro"), ("f1", "macro"), ("precision", "weighted"), ("f1", "weighted")]
)
def test_the_mean_of_the_parts_is_the_average_over_classes(metric: str, average: str) -> None:
    rows = of_three(np.random.default_rng(0), 20_000)
    scale = Scale(metric, 0.5, average=average, classes=NAMES)
    value = value_of(rows, scale)
    assert value == pytest.approx(1 - float(badness(rows, scale).mean()), abs=0.01)
