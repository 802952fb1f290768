"""What is wrong with a batch is found, once each, and a batch like the reference has nothing wrong."""

from typing import Any

import numpy as np
import pytest

from detectors.drift.profile import Profile, build
from detectors.drift.quality import duplicates, findings, stale

Array = np.ndarray[Any, np.dtype[Any]]
Table = dict[str, Array]


def table(seed: int, rows: int) -> Table:
    random = np.random.default_rng(seed)
    return {
        "weight": random.normal(70, 10, size=rows),
        "count": random.poisson(2, size=rows),
        "shop": random.choice(["a", "b", "c"], size=rows),
        "gaps": np.where(random.random(rows) < 0.2, np.nan, random.exponential(size=rows)),
        "zero": np.zeros(rows),
    }


@pytest.fixture(scope="module")
def reference() -> Profile:
    return build(table(0, 1000))


def kinds(reference: Profile, batch: Table) -> list[tuple[str, str | None]]:
    return [(finding.kind, finding.column) for finding in findings(reference, batch)]


@pytest.mark.parametrize("rows", [0, 1, 2, 50, 5000])
def test_a_batch_like_the_reference_has_nothing_wrong(reference: Profile, rows: int) -> None:
    assert [found for seed in range(1, 20) for found in kinds(reference, table(seed, rows))] == []


WEIGHT, GAPS, ODD = table(9, 200)["weight"], table(9, 200)["gaps"], np.arange(200) % 2 == 1
CHANGES: dict[str, tuple[Table, list[tuple[str, str | None]]]] = {
    "a new column": ({"extra": np.zeros(200)}, [("schema", "extra")]),
    "texts": ({"count": np.array(["1", "many"] * 100)}, [("type", "count")]),
    "missing values": ({"weight": np.where(ODD, WEIGHT, np.nan)}, [("missing", "weight")]),
    "more missing values": ({"gaps": np.where(ODD, GAPS, np.nan)}, [("missing", "gaps")]),
    "all missing": ({"shop": np.array([None] * 200)}, [("missing", "shop")]),
    "out of range": ({"count": np.array([2] * 150 + [90] * 50)}, [("range", "count")]),
    "a new category": ({"shop": np.array(["a", "b", "c", "d"] * 50)}, [("category", "shop")]),
    "one value": ({"weight": np.full(200, 70.0)}, [("constant", "weight")]),
    "one category": ({"shop": np.array(["a"] * 200)}, [("constant", "shop")]),
    "pounds": ({"weight": WEIGHT / 0.4536}, [("range", "weight"), ("unit", "weight")]),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_wrong_is_found_and_nothing_else(reference: Profile, change: str) -> None:
    columns, expected = CHANGES[change]
    assert kinds(reference, table(8, 200) | columns) == expected


def test_a_column_that_is_not_there_is_found(reference: Profile) -> None:
    batch = table(8, 200)
    del batch["shop"]
    assert kinds(reference, batch) == [("schema", "shop")]


def test_the_unit_is_named(reference: Profile) -> None:
    (text,) = [
        finding.text
        for finding in findings(reference, table(8, 200) | {"weight": WEIGHT * 1000})
        if finding.kind == "unit"
    ]
    assert "kilo" in text


def test_a_shift_is_no_change_of_unit(reference: Profile) -> None:
    shifted = table(8, 200) | {"weight": WEIGHT + 60}
    assert ("unit", "weight") not in kinds(reference, shifted)


def test_a_rare_new_category_among_many_rare_ones_is_usual() -> None:
    names = np.array([f"customer {n}" for n in range(1000)])
    assert kinds(build({"who": names}), {"who": np.array(["customer 1", "someone else"])}) == []


def test_whole_numbers_are_one_category_whether_they_come_as_integers_or_floats() -> None:
    reference = build({"store": np.array([1, 2, 3] * 50)}, categorical=["store"])
    assert kinds(reference, {"store": np.array([1.0, 2.0, 3.0])}) == []


def test_ids_that_come_twice_and_data_that_does_not_come_are_found() -> None:
    assert duplicates(["a", "b"]) is None and duplicates([]) is None
    assert duplicates(["a", "a"]) is not None
    assert stale(None, 0.0, 60.0) is not None and stale(0.0, 61.0, 60.0) is not None
    assert stale(0.0, 60.0, 60.0) is None


def test_no_chance_makes_another_unit_in_thousands_of_columns_with_few_rows() -> None:
    random = np.random.default_rng(0)
    reference = build({f"x{at}": random.normal(size=200) for at in range(3000)})
    batch = {f"x{at}": random.normal(size=60) for at in range(3000)}
    assert [found for found in findings(reference, batch) if found.kind == "unit"] == []
