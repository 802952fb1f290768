"""A profile that is made part by part is the same up to its bound, and beyond it wrong by no more than it says."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.drift.categories import Categorical
from detectors.drift.ordered import kolmogorov_smirnov
from detectors.drift.profile import Numeric, build
from detectors.drift.sketch import Sketch, build_in_parts, order_statistics

Array = np.ndarray[Any, np.dtype[Any]]

numbers = st.floats(-9, 9, width=32) | st.sampled_from([0.0, 1.0, float("nan"), float("inf")])
parts = st.lists(arrays(np.float64, st.integers(0, 300), elements=numbers), min_size=1, max_size=9)
objects = st.lists(st.lists(st.sampled_from(["a", "b", True, None, 3, 3.0]), max_size=9), min_size=1, max_size=4)
SHAPES: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "drawn": lambda random, rows: random.normal(size=rows),
    "rising": lambda random, rows: np.arange(rows, dtype=float),
    "falling": lambda random, rows: np.arange(rows, 0, -1, dtype=float),
    "of few values": lambda random, rows: random.integers(7, size=rows).astype(float),
    "far out": lambda random, rows: random.standard_cauchy(size=rows) * 1e30,
}


def pieces(values: Array, rows: int) -> Iterator[Array]:
    return (values[start : start + rows] for start in range(0, len(values), rows))


@given(parts, st.booleans())
def test_up_to_the_bound_the_profile_is_that_of_the_whole(parts: list[Array], categorical: bool) -> None:
    chosen = ["x"] if categorical else []
    whole = build({"x": np.concatenate(parts)}, chosen, most=3000)
    assert build_in_parts({"x": parts}, chosen, most=3000).state() == whole.state()


@given(objects, st.booleans())
def test_objects_are_counted_as_they_are_in_the_whole(rows: list[list[object]], categorical: bool) -> None:
    chosen = ["x"] if categorical else []
    each = [np.array(part, dtype=object) for part in rows]
    assert build_in_parts({"x": each}, chosen).state() == build({"x": np.concatenate(each)}, chosen).state()


@given(st.lists(arrays(np.float64, st.integers(0, 60), elements=st.integers(-30, 30)), max_size=20))
def test_no_rank_is_wrong_by_more_than_the_sketch_says(parts: list[Array]) -> None:
    sketch, whole = Sketch(8), np.sort(np.concatenate([np.zeros(0), *parts]))
    for part in parts:
        sketch.add(part)
    kept = sketch.thinned(10**6)
    if len(whole):
        for side in ("left", "right"):
            read = kept.searchsorted(whole, side) / len(kept)
            true = whole.searchsorted(whole, side) / len(whole)
            assert np.abs(read - true).max() <= 1 / len(kept) + 1e-12
    assert sketch.error or kept.tolist() == whole.tolist()


@pytest.mark.parametrize("shape", SHAPES)
def test_beyond_the_bound_the_ks_distance_is_wrong_by_one_part_in_the_values_kept(shape: str) -> None:
    random, rows = np.random.default_rng(3), 300_000
    values = SHAPES[shape](random, rows)
    now = np.concatenate([values[::7] * 1.01, values[:500]])
    whole, near = build({"x": values}), build_in_parts({"x": pieces(values, 7000)}, most=2000)
    exact, read = (kolmogorov_smirnov(profile, profile.read({"x": now}))["x"].statistic for profile in (whole, near))
    column = near.columns["x"]
    assert isinstance(column, Numeric) and column.rows == rows and 100 < len(column.values) <= 2000
    assert abs(exact - read) <= 1 / len(column.values)


def test_missing_values_are_counted_beyond_the_bound() -> None:
    values = np.where(np.arange(50_000) % 5 == 0, np.nan, np.arange(50_000.0))
    column = build_in_parts({"x": pieces(values, 900)}, most=1000).columns["x"]
    assert isinstance(column, Numeric) and (column.rows, column.missing) == (40_000, 10_000)
    gone = build_in_parts({"x": pieces(np.full(5000, np.nan), 900)}, most=1000).columns["x"]
    assert isinstance(gone, Numeric) and (gone.rows, gone.missing, len(gone.values)) == (0, 5000, 0)


def test_categories_are_exact_beyond_the_bound() -> None:
    shops = np.array([None, "a", "b", "a"] * 2000, dtype=object)
    assert build_in_parts({"s": pieces(shops, 999)}, most=1000).columns["s"] == Categorical(
        {"a": 4000, "b": 2000}, 2000
    )


@pytest.mark.parametrize("kind", [np.float32, np.int64])
def test_precision_is_chosen_as_for_the_whole(kind: type) -> None:
    values: Array = (np.arange(5000) + 1_700_000_000).astype(kind)
    whole, near = (build({"x": values}), build_in_parts({"x": pieces(values, 700)}, most=1000))
    assert near.columns["x"].values.dtype == whole.columns["x"].values.dtype  # type: ignore[union-attr]


def test_memory_does_not_grow_with_the_rows() -> None:
    sketch, random = Sketch(1000), np.random.default_rng(4)
    for _ in range(500):
        sketch.add(random.normal(size=1999))
    held = sum(len(buffer) for buffer in sketch._buffers if buffer is not None)
    assert sketch.rows == 999_500 and held <= 10 * 1000 and sketch.error <= 10 * 999_500 / 2000


def test_weighted_values_are_read_as_if_they_came_one_by_one() -> None:
    assert order_statistics(np.array([2.0, 1.0]), np.array([3, 1]), 9).tolist() == [1, 2, 2, 2]


def test_a_bound_too_small_to_be_of_use_is_refused() -> None:
    with pytest.raises(ValueError, match="1,000"):
        build_in_parts({}, most=10)
