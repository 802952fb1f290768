"""Whether a challenger is better than the champion: the interval, and when it may be believed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from detectors.performance.compare import compare


def test_the_interval_is_the_one_that_scipy_computes() -> None:
    random = np.random.default_rng(3)
    champion = random.exponential(1.0, 400)
    challenger = champion - random.exponential(0.1, 400) + 0.05
    found = compare(champion, challenger)
    whole = stats.bootstrap(
        (champion - challenger,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(1)
    ).confidence_interval
    width = whole.high - whole.low
    assert abs(found.low - whole.low) < 0.06 * width
    assert abs(found.high - whole.high) < 0.06 * width


@pytest.mark.montecarlo
def test_of_equal_models_few_challengers_are_called_better() -> None:
    """The lower end is above 0 for one in forty at 95 %: of 400, 10 are expected, and 25 almost never come."""
    random = np.random.default_rng(5)
    called = sum(compare(random.normal(1, 1, 100), random.normal(1, 1, 100), seed=i).low > 0 for i in range(400))
    assert called < 25


def test_pairing_sees_a_small_gain_on_rows_of_very_different_difficulty() -> None:
    random = np.random.default_rng(7)
    champion = random.exponential(10.0, 500)
    found = compare(champion, champion * 0.99 + random.normal(0, 0.01, 500))
    assert 0 < found.low < found.better < found.high


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=40))
def test_the_interval_holds_its_ends_in_order_and_is_the_mirror_of_the_other_way_round(
    rows: list[tuple[float, float]],
) -> None:
    champion, challenger = np.array(rows).T
    found, mirrored = compare(champion, challenger), compare(challenger, champion)
    assert found.low <= found.high
    assert mirrored.better == pytest.approx(-found.better)
    assert found.rows == len(rows)


def test_more_rows_than_fit_at_once_give_the_same_mean() -> None:
    champion = np.random.default_rng(1).normal(2, 1, 20_000)
    found = compare(champion, champion - 0.5)
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize(
    "champion, challenger, why",
    [
        ([1.0], [1.0], "two at least"),
        ([1.0, 2.0], [1.0], "the same rows"),
        ([1.0, float("nan")], [1.0, 2.0], "finite"),
        ([1.0, 2.0], [1.0, float("inf")], "finite"),
    ],
)
def test_what_cannot_be_compared_is_an_error(champion: list[float], challenger: list[float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        compare(np.array(champion), np.array(challenger))
