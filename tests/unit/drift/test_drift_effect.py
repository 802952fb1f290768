"""Drift that does no harm raises no alarm, however many rows show it; what moved by more is found, and in words."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from detectors.drift.categories import Categorical
from detectors.drift.compared import in_words
from detectors.drift.effect import Effects, Least, _growth_of_shares, _guess
from detectors.drift.life import Life
from detectors.drift.profile import Profile, build
from detectors.drift.sequential import Monitor

Array = np.ndarray[Any, np.dtype[Any]]
USUAL = Least(psi=0.02)


def shifted(random: np.random.Generator, rows: int, shift: float) -> dict[str, Array]:
    return {f"x{at}": random.normal(size=rows) + (shift if at == 0 else 0) for at in range(4)}


@pytest.mark.parametrize("least", [USUAL, Least(wasserstein=0.05), Least(psi=0.1, wasserstein=0.1)])
def test_many_rows_that_moved_by_a_fiftieth_of_a_deviation_are_no_alarm(least: Least) -> None:
    random = np.random.default_rng(0)
    reference = build(shifted(random, 200_000, 0.0))
    life, plain = Life.against(reference), Life.against(reference)
    now = reference.read(shifted(random, 200_000, 0.02))
    assert plain.update(reference, now).drifted, "without a least effect it is one"
    for _ in range(3):
        assert not life.update(reference, now, least).drifted


@pytest.mark.parametrize("least", [USUAL, Least(wasserstein=0.1), Least(psi=0.02, wasserstein=0.1)])
def test_what_moved_by_more_is_found_soon_and_is_over_when_it_is_as_before(least: Least) -> None:
    random = np.random.default_rng(1)
    reference = build(shifted(random, 5000, 0.0))
    life = Life.against(reference)
    stands = [
        life.update(reference, reference.read(shifted(random, 1000, shift)), least)
        for shift in [0.0] * 20 + [0.5] * 3 + [0.0] * 3
    ]
    assert not any(one.drifted for one in stands[:20])
    assert stands[22].drifted and stands[22].columns == ["x0"]
    assert not stands[-1].drifted
    again = Life.restore(life.state())
    assert again.update(reference, reference.read(shifted(random, 1000, 0.0)), least).drifted is False


def edge_of(least: Least) -> float:
    """The shift of a normal distribution that is just within the least effect."""
    if least.wasserstein:
        return least.wasserstein

    def beyond(shift: float) -> float:
        edges = norm.ppf(np.arange(1, 32) / 32)
        shares = np.diff(np.concatenate([[0], norm.cdf(edges - shift), [1]]))
        return float(((shares - 1 / 32) * np.log(shares * 32)).sum()) - least.psi

    return float(brentq(beyond, 0.001, 2.0))


@pytest.mark.montecarlo
@pytest.mark.parametrize("least", [USUAL, Least(wasserstein=0.1)], ids=["psi", "wasserstein"])
def test_at_the_edge_of_what_is_tolerated_false_alarms_are_as_rare_as_promised(least: Least) -> None:
    reference = build({"x": norm.ppf((np.arange(20_000) + 0.5) / 20_000)})
    alarms, shift = 0, edge_of(least) * 0.999
    for seed in range(20):
        random = np.random.default_rng(seed)
        monitor = Monitor.against(reference, seed=seed)
        effects = Effects.against(reference, monitor.bins, least, alpha=0.1, seed=seed)
        for _ in range(60):
            now, before = reference.read({"x": random.normal(size=500) + shift}), monitor.recent
            monitor.update(now)
            effects.update(now, monitor.bins, before, np.round(monitor.recent - 0.5 * before))
            if effects.moved(monitor.bins):
                alarms += 1
                break
    assert alarms <= 20 * 0.1


shares = st.lists(st.integers(0, 200), min_size=8, max_size=8).filter(any)


@given(shares, shares, st.floats(0.001, 0.5))
def test_no_distribution_within_the_tolerance_lets_money_grow(true: list[int], lately: list[int], limit: float) -> None:
    sizes, before = np.full((1, 8), 50.0), np.array([lately], dtype=float)
    p = (np.array(true) + 1.0) / (np.sum(true) + 8)

    def psi(q: Array) -> float:
        return float(((q - 1 / 8) * np.log(q * 8)).sum())

    if psi(p) > limit:  # as far towards it as is tolerated
        far = brentq(lambda part: psi(1 / 8 + part * (p - 1 / 8)) - limit, 0, 1)
        p = 1 / 8 + far * (p - 1 / 8)
    each = [float(_growth_of_shares(sizes, before, np.eye(8)[[at]], limit)[0]) for at in range(8)]
    assert p @ np.exp(each) <= 1 + 1e-9
    assert np.isclose(_guess(sizes, before).sum(), 1)


def test_a_share_of_the_columns_may_have_to_move() -> None:
    random = np.random.default_rng(2)
    reference = build(shifted(random, 5000, 0.0))
    few, many = (Life.against(reference) for _ in range(2))
    for _ in range(4):
        one, all_of_them = shifted(random, 1000, 0.8), {name: c + 0.8 for name, c in shifted(random, 1000, 0).items()}
        assert not few.update(reference, reference.read(one), Least(psi=0.02, columns=0.5)).drifted
        found = many.update(reference, reference.read(all_of_them), Least(psi=0.02, columns=0.5))
    assert found.drifted and len(found.columns) == 4


def test_a_state_of_an_earlier_version_goes_on_and_learns_what_counts() -> None:
    random = np.random.default_rng(3)
    reference = build(shifted(random, 5000, 0.0))
    life = Life.against(reference)
    life.update(reference, reference.read(shifted(random, 1000, 0.0)))
    assert life.effects is None
    again = Life.restore(life.state())
    for _ in range(3):
        found = again.update(reference, reference.read(shifted(random, 1000, 1.0)), USUAL)
    assert found.drifted and again.monitor.batches == 0


def words(before: Any, after: Any) -> str:
    reference = build({"x": np.asarray(before)})
    return in_words("x", reference.columns["x"], reference.read({"x": np.asarray(after)}).columns["x"])


def test_words_say_what_moved_and_never_that_one_number_became_the_same() -> None:
    random = np.random.default_rng(0)
    usual = random.normal(1.001, 0.5, 4000)
    tail = usual.copy()
    tail[np.argsort(tail)[-300:]] += 4
    for before, after, told in (
        (usual, usual + 0.00001, "x: median 0.98"),
        (usual, tail, "x: highest 5 % from"),
        (usual, (usual - 1.001) * 2 + 1.001, "x: "),
        (np.repeat([0.0, 1.0], [990, 10]), np.repeat([0.0, 1.0], [983, 17]), "x: "),
        (np.repeat(["a", "b"], [9990, 10]), np.repeat(["a", "b"], [9980, 20]), "x: b 0.1 % → 0.2 %"),
    ):
        text = words(before, after)
        assert text.startswith(told), text
        one, _, other = text.partition(" → ")
        assert other and one.split()[-1] != other.split()[0], text
    assert "PSI 0.00)" not in words(usual, usual + 0.05)


@given(
    st.lists(st.sampled_from([0.0, 1.0, 1.5, 7.0]), min_size=2, max_size=30), st.lists(st.floats(-10, 10), min_size=1)
)
def test_two_numbers_in_words_are_never_the_same(before: list[float], after: list[float]) -> None:
    text = words(before, after)
    one, arrow, other = text.partition(" → ")
    assert not arrow or one.split()[-1] != other.split()[0] or one.split()[-1:] == ["%"]


def test_categories_that_became_rarer_are_named_too() -> None:
    before, after = Categorical({"a": 50, "b": 50}, 0), Categorical({"a": 10, "b": 45, "c": 45}, 0)
    assert "c 0 % → 45 %" in in_words("x", before, after)
    assert Profile(1, {"x": before}).rows == 1
