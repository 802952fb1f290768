"""The univariate tests say what scipy, or the definition, says; and the profile holds all that they need."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from detectors.drift.categories import Categorical
from detectors.drift.counted import chi_squared, jensen_shannon, population_stability
from detectors.drift.ordered import kolmogorov_smirnov, wasserstein
from detectors.drift.profile import Numeric, Profile, build
from detectors.drift.result import Result, Results, Test, drifted

Array = np.ndarray[Any, np.dtype[Any]]

single = st.floats(-100, 100, width=32) | st.sampled_from([0.0, 1.0, 2.0])
columns = arrays(np.float32, st.integers(1, 80), elements=single)


def compare(test: Test, reference: Array, now: Array) -> Result:
    profile = build({"x": reference})
    return test(profile, profile.read({"x": now}))["x"]


@given(columns, columns)
def test_kolmogorov_smirnov_equals_scipys_with_ties_and_without(reference: Array, now: Array) -> None:
    result = compare(kolmogorov_smirnov, reference, now)
    truth = ks_2samp(reference, now, method="asymp")
    assert result.statistic == pytest.approx(truth.statistic, abs=1e-12)
    assert result.p == pytest.approx(np.nan_to_num(truth.pvalue, nan=1.0), abs=1e-9)  # scipy: NaN for two rows


@pytest.mark.parametrize("rows", [(150, 150), (400, 300), (5000, 2000), (40_000, 9_999)])
@pytest.mark.parametrize("shift", [0.0, 0.02, 0.1, 0.5, 3.0])
@pytest.mark.parametrize("decimals", [1, 9])
def test_its_p_values_are_scipys_for_large_samples(rows: tuple[int, int], shift: float, decimals: int) -> None:
    random = np.random.default_rng(rows[0])
    reference = random.normal(size=rows[0]).round(decimals).astype(np.float32)
    now = (random.normal(size=rows[1]) + shift).round(decimals).astype(np.float32)
    result = compare(kolmogorov_smirnov, reference, now)
    truth = ks_2samp(reference, now, method="asymp")
    assert result.statistic == truth.statistic
    assert result.p == pytest.approx(truth.pvalue, abs=1e-9, rel=1e-6)


@given(columns, columns)
def test_the_wasserstein_distance_equals_scipys(reference: Array, now: Array) -> None:
    assert compare(wasserstein, reference, now).statistic == pytest.approx(
        wasserstein_distance(reference, now), abs=1e-5
    )


@given(st.lists(st.sampled_from("abcd"), min_size=1), st.lists(st.sampled_from("bcde"), min_size=1))
def test_chi_squared_equals_scipys_over_the_categories_of_both(reference: list[str], now: list[str]) -> None:
    table = [[side.count(category) for category in sorted({*reference, *now})] for side in (reference, now)]
    result = compare(chi_squared, np.array(reference), np.array(now))
    assert result == pytest.approx(chi2_contingency(table)[:2])


@given(columns, columns, st.sampled_from([population_stability, jensen_shannon]))
def test_divergences_are_nothing_for_the_same_data_and_not_negative_for_other(
    reference: Array, now: Array, test: Callable[[Profile, Profile], Results]
) -> None:
    assert compare(test, reference, reference).statistic == pytest.approx(0, abs=1e-7)
    assert compare(test, reference, now).statistic >= -1e-12


def test_divergences_grow_with_the_drift_and_see_missing_values() -> None:
    reference = np.random.default_rng(1).normal(size=1000)
    gone = np.where(np.arange(1000) % 3 == 0, np.nan, reference)
    for test in (population_stability, jensen_shannon):
        small, large = compare(test, reference, reference + 0.2), compare(test, reference, reference + 1)
        assert 0.02 < small.statistic < large.statistic
        assert compare(test, reference, gone).statistic > 0.1


def test_a_profile_is_the_same_after_it_was_stored() -> None:
    table = {"x": np.array([2.0, np.nan, 1.0]), "when": np.array([1.7e9, 1.7e9 + 1, 1.7e9 + 9]), "s": np.array(["a", "b", None])}  # fmt: skip  # noqa: E501
    profile = build(table)
    again = Profile.restore(profile.state())
    assert again.state() == profile.state()
    x, when, s = (again.columns[name] for name in table)
    assert isinstance(x, Numeric) and x.values.tolist() == [1, 2] and x.missing == 1 and x.values.dtype == np.float32
    assert isinstance(when, Numeric) and np.diff(when.values).tolist() == [1, 8]
    assert s == Categorical({"a": 1, "b": 1}, missing=1)


def test_a_large_reference_is_thinned_within_the_stated_error() -> None:
    random = np.random.default_rng(2)
    reference, now = random.normal(size=50_000), random.normal(size=20_000) + 0.1
    whole, thin = build({"x": reference}), build({"x": reference}, most=1000)
    exact, near = (kolmogorov_smirnov(profile, profile.read({"x": now}))["x"].statistic for profile in (whole, thin))
    assert abs(exact - near) <= 1 / 1000
    assert len(thin.state()) < 5000 and len(thin.columns["x"].read(now).values) == 20_000  # type: ignore[union-attr]


TESTS: list[Test] = [kolmogorov_smirnov, wasserstein, chi_squared, population_stability, jensen_shannon]


@pytest.mark.parametrize("test", TESTS)
def test_a_batch_that_cannot_be_compared_gives_no_result(test: Test) -> None:
    reference = build({"x": np.arange(50.0), "s": np.array(["a", "b"] * 25)})
    assert test(reference, reference.read({"other": np.arange(5.0)})) == {}
    assert test(reference, reference.read({"x": np.array([]), "s": np.array([], dtype=object)})) == {}
    assert len(test(reference, reference.read({"x": np.array([3]), "s": np.array([None])}))) >= 1


def test_text_in_a_column_of_numbers_is_read_as_missing() -> None:
    reference = build({"x": np.arange(50.0)})
    column = reference.read({"x": np.array(["1", "two", None], dtype=object)}).columns["x"]
    assert (column.rows, column.missing) == (1, 2)


def test_the_correction_looks_at_how_many_columns_were_tested() -> None:
    results = {str(n): Result(0.0, 0.04) for n in range(5)}
    assert drifted({"0": Result(0.0, 0.04)}) == ["0"]
    assert drifted(results) == []
    assert len(drifted(results, correction="rate")) == 5
    assert drifted({"w": Result(9.0)}) == []


ALIBI = """
import json, sys
import numpy as np
from alibi_detect.cd import ChiSquareDrift, KSDrift
arrays = np.load(sys.argv[1])
scores = [KSDrift(arrays["numbers"]).feature_score(arrays["numbers"], arrays["numbers_now"]),
          ChiSquareDrift(arrays["codes"]).feature_score(arrays["codes"], arrays["codes_now"])]
print(json.dumps([[values.tolist() for values in score] for score in scores]))
"""


@pytest.mark.skipif("TANDEM_ALIBI_PYTHON" not in os.environ, reason="TANDEM_ALIBI_PYTHON names no Python")
def test_the_results_are_those_of_alibi_detect(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    arrays_: dict[str, Array] = {
        "numbers": random.normal(size=(3000, 4)).astype(np.float32),
        "numbers_now": random.normal([0.0, 0.05, 0.1, 0.5], size=(500, 4)).round(1).astype(np.float32),
        "codes": random.integers(0, 5, size=(3000, 4)),
        "codes_now": random.integers(0, [5, 6, 4, 2], size=(500, 4)),
    }
    np.savez(tmp_path / "arrays.npz", **arrays_)  # type: ignore[arg-type]
    command = [os.environ["TANDEM_ALIBI_PYTHON"], "-c", ALIBI, str(tmp_path / "arrays.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for test, kind, (p, statistics) in zip(
        [kolmogorov_smirnov, chi_squared], ["numbers", "codes"], json.loads(done.stdout.splitlines()[-1]), strict=True
    ):
        before, after = ({str(n): column for n, column in enumerate(arrays_[name].T)} for name in (kind, f"{kind}_now"))
        reference = build(before, categorical=before if kind == "codes" else ())
        results = test(reference, reference.read(after)).values()
        assert [result.p for result in results] == pytest.approx(
            p, rel=1e-6, abs=1e-9
        )  # theirs are in single precision
        assert [result.statistic for result in results] == pytest.approx(statistics, rel=1e-6)
