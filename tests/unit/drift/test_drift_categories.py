"""Categories are exact up to a bound; beyond it memory ends, and neither drift nor what is promised of it does."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.drift.categories import MOST_CATEGORIES, Buckets, Categorical, Tally, label
from detectors.drift.compared import bars, in_words
from detectors.drift.counted import chi_squared, jensen_shannon, population_stability
from detectors.drift.encoding import encoded
from detectors.drift.profile import Numeric, Profile, build
from detectors.drift.quality import findings
from detectors.drift.ranks import bins_of
from detectors.drift.sequential import Monitor
from detectors.drift.sketch import build_in_parts
from detectors.drift.texts import BUCKETS, MOST_TEXT, bucket
from detectors.performance.slices import Part, parts_of

Array = np.ndarray[Any, np.dtype[Any]]
MANY = 3 * MOST_CATEGORIES


def texts(numbers: Array) -> Array:
    return np.array([f"customer-{number}" for number in numbers.tolist()], dtype=object)


def categorical(profile: Profile) -> Categorical:
    (column,) = profile.columns.values()
    assert isinstance(column, Categorical)
    return column


def pieces(values: Array, rows: int) -> Iterator[Array]:
    return (values[start : start + rows] for start in range(0, len(values), rows))


def skewed(random: np.random.Generator, rows: int, share: float = 0.1) -> Array:
    """``share`` of the rows are of one customer, the others of some tens of thousands."""
    return texts(np.where(random.random(rows) < share, 7, random.integers(MANY, size=rows)))


def test_up_to_the_bound_each_category_is_counted_by_name() -> None:
    values = texts(np.arange(2 * MOST_CATEGORIES) % MOST_CATEGORIES)
    column = categorical(build({"who": values}))
    assert column == Categorical(dict(sorted(Counter(values.tolist()).items())), 0)
    assert categorical(build({"who": np.append(values, "one more")})).hashed


@pytest.mark.parametrize("rows", [700, 100_000])
def test_beyond_the_bound_it_makes_no_difference_how_the_rows_come(rows: int) -> None:
    values = np.append(texts(np.arange(MANY)), [None, None])
    column = categorical(build({"who": values}))
    parts = categorical(build_in_parts({"who": pieces(values, rows)}))
    assert (parts.counts, parts.missing, parts.hashed) == (column.counts, 2, True)
    assert column.rows == MANY and len(column.counts) <= BUCKETS
    assert column.counts[bucket("customer-5")] >= 1


def test_ids_without_end_take_a_profile_of_bounded_size() -> None:
    parts = (texts(np.arange(start, start + 50_000)) for start in range(0, 400_000, 50_000))
    profile = build_in_parts({"who": parts})
    assert profile.rows == 400_000
    assert len(profile.state()) < 20_000
    assert max(categorical(profile).counts.values()) < 1.3 * 400_000 / BUCKETS  # they spread evenly


@given(st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 400)), min_size=1, max_size=99), st.integers(1, 9))
def test_what_is_frequent_is_named_and_its_count_is_nearly_right(drawn: list[tuple[int, int]], parts: int) -> None:
    buckets, true = Buckets(), Counter[str]()
    for start in range(parts):
        part = Counter({str(number): 1 for number in range(1100)})
        for number, count in drawn[start::parts]:
            part[str(number)] += count
        buckets.add(dict[object, int]() | part)
        true.update(part)
    named = buckets.column(0).named
    assert len(named) <= 1000
    assert all(0 <= true[text] - count <= true.total() / 1001 for text, count in named.items())
    assert {text for text, count in true.items() if count > 2 * true.total() / 1001} <= named.keys()


def test_ids_that_never_come_again_are_no_drift_and_no_finding() -> None:
    reference = build({"who": texts(np.arange(50_000))})
    monitor = Monitor.against(reference)
    for batch in range(60):
        table = {"who": texts(np.arange(10**6 + batch * 1000, 10**6 + batch * 1000 + 1000))}
        assert findings(reference, table) == []
        assert not monitor.update(reference.read(table)).drift


def test_what_was_frequent_in_the_reference_by_luck_is_no_drift_when_it_is_so_no_more() -> None:
    """Of 20,000 categories that are alike, the reference's most frequent half has more rows than its due."""
    random = np.random.default_rng(5)
    reference = build({"who": texts(random.integers(20_000, size=200_000))})
    monitors = [Monitor.against(reference, seed=seed) for seed in range(5)]
    p_values = []
    for _ in range(30):
        now = reference.read({"who": texts(random.integers(20_000, size=5000))})
        assert not any(monitor.update(now).drift for monitor in monitors)
        p_values.append(chi_squared(reference, now)["who"].p or 0.0)
    assert min(p_values) > 1e-4 and 0.2 < np.mean(p_values) < 0.8


def test_a_category_that_moves_among_too_many_is_found_and_named() -> None:
    random = np.random.default_rng(6)
    reference = build({"who": skewed(random, 100_000)})
    now = reference.read({"who": skewed(random, 3000, share=0.3)})
    assert (chi_squared(reference, now)["who"].p or 0.0) < 1e-9
    before, after = reference.columns["who"], now.columns["who"]
    assert re.match(r"who: customer-7 and others 10 % → (29|30|31) %", in_words("who", before, after))
    drawn = bars(before, after)
    assert drawn.bins[0] == "customer-7 and others" and drawn.now[0] == pytest.approx(30, abs=3)
    monitor = Monitor.against(reference)
    verdicts = [monitor.update(reference.read({"who": skewed(random, 1000, share=0.3)})) for _ in range(5)]
    assert verdicts[-1].drift and Part("who", "customer-7") in parts_of(reference, ["who"])


def test_a_group_without_a_frequent_category_is_called_by_its_number() -> None:
    column = categorical(build({"who": texts(np.arange(MANY))}))
    assert label("042", column) == "values of group 042"


def test_of_too_many_categories_what_can_be_said_of_quality_still_is() -> None:
    reference = build({"who": skewed(np.random.default_rng(7), 100_000)})
    one, none = np.array(["x"] * 100, dtype=object), np.array([None] * 100)
    assert [found.text for found in findings(reference, {"who": one})] == ["all 100 values of who are x"]
    assert [found.kind for found in findings(reference, {"who": none})] == ["missing"]


def test_a_batch_of_too_many_new_categories_is_bounded_and_ranked_as_if_it_were_not() -> None:
    reference = build({"who": texts(np.arange(0, 4000, 2))})
    raw = np.append(texts(np.arange(MANY)), "customer-0")
    exact = Categorical(dict(sorted(Counter(raw.tolist()).items())), 0)
    read = categorical(reference.read({"who": raw}))
    assert read.merged and read.rows == MANY + 1 and read.counts["customer-0"] == 2
    assert len(read.counts) <= 2 * 2000 + 1
    bins = bins_of(reference.columns["who"], 32, np.random.default_rng(0))
    counts = [bins.counts(column, np.random.default_rng(1)).tolist() for column in (read, exact)]
    assert counts[0] == counts[1]
    now = categorical(reference.read({"who": texts(np.arange(5000, 5000 + MANY))}))
    assert label(next(iter(now.counts)), categorical(reference), now).endswith("others")


def test_new_categories_are_found_however_many_there_are() -> None:
    reference = build({"who": np.array(["a", "m"] * 500)})
    (found,) = findings(reference, {"who": texts(np.arange(MANY))})
    assert (found.kind, found.share) == ("category", 1.0)
    assert found.text == "at least 9999 new in who: customer-0"


@pytest.mark.parametrize("test", [population_stability, jensen_shannon])
def test_two_references_are_compared_though_only_one_has_too_many_categories(test: Any) -> None:
    random = np.random.default_rng(8)
    few, many = (texts(random.integers(most, size=100_000)) for most in (MOST_CATEGORIES, MOST_CATEGORIES + 500))
    one, other = build({"who": few}), build({"who": many})
    assert not categorical(one).hashed and categorical(other).hashed
    assert test(one, other)["who"].statistic == pytest.approx(test(other, one)["who"].statistic)
    assert 0 < test(one, other)["who"].statistic < 0.3
    assert bars(one.columns["who"], other.columns["who"]).bins


def test_a_profile_stored_before_there_was_a_bound_is_read_as_it_was() -> None:
    long = "x" * 500
    counts = {text: 1 for text in sorted([*texts(np.arange(MOST_CATEGORIES + 5)).tolist(), long])}
    stored = {"rows": len(counts), "columns": {"who": {"type": "Categorical", "counts": counts, "missing": 0}}}
    profile = Profile.restore(msgspec.msgpack.encode(stored))
    assert categorical(profile) == Categorical(counts, 0)
    now = categorical(profile.read({"who": np.array([long, "customer-3", "new"], dtype=object)}))
    assert now.counts == {"customer-3": 1, "new": 1, long: 1}
    assert msgspec.msgpack.decode(build({"who": np.array(["a"])}).state())["columns"]["who"] == {
        "type": "Categorical",
        "counts": {"a": 1},
        "missing": 0,
    }


def test_a_profile_of_buckets_is_stored_and_read_again() -> None:
    profile = build({"who": skewed(np.random.default_rng(9), 60_000)})
    assert Profile.restore(profile.state()) == profile and categorical(profile).frequent


def test_long_texts_are_kept_short_and_told_apart() -> None:
    values = np.array(["y" * 10_000 + str(number) for number in range(20)] * 2, dtype=object)
    reference = build({"what": values})
    assert sorted(categorical(reference).counts.values()) == [2] * 20
    assert max(map(len, categorical(reference).counts)) <= MOST_TEXT
    assert findings(reference, {"what": values[:20]}) == []
    assert encoded(reference, {"what": values[:20]}, ["what"])[:, 0].max() < 20


def test_half_a_character_is_a_category_too() -> None:
    assert Tally().column().counts == {} and len(bucket("\ud800")) == 3


def test_objects_that_are_all_numbers_are_numbers_however_many_differ() -> None:
    values = np.random.default_rng(10).normal(size=40_000)
    column = build_in_parts({"x": pieces(values.astype(object), 7000)}, most=2000).columns["x"]
    assert isinstance(column, Numeric) and column.rows == 40_000
    read, true = (np.searchsorted(np.sort(side), 0.5) / len(side) for side in (column.values, values))
    assert abs(read - true) <= 1 / len(column.values)
    texts_too = np.append(values.astype(object), "no number")
    assert isinstance(build_in_parts({"x": pieces(texts_too, 7000)}, most=2000).columns["x"], Categorical)


def test_categories_beyond_the_bound_have_a_place_in_the_matrix() -> None:
    reference = build({"who": texts(np.arange(MANY))})
    places = encoded(reference, {"who": np.array(["customer-1", "customer-1", "never seen", None])}, ["who"])[:, 0]
    assert places[0] == places[1] < BUCKETS and np.isnan(places[3]) and not np.isnan(places[2])
