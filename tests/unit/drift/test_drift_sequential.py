"""The monitor's promise holds exactly where it can be counted out, and in simulation; and it finds what drifts."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from detectors.drift.profile import Profile, build
from detectors.drift.sequential import Monitor, Verdict

Array = np.ndarray[Any, np.dtype[Any]]
Table = dict[str, Array]


def compositions(rows: int, bins: int) -> Iterator[list[int]]:
    if bins == 1:
        yield [rows]
        return
    for first in range(rows + 1):
        for rest in compositions(rows - first, bins - 1):
            yield [first, *rest]


def urn_chance(urn: list[int], counts: list[int]) -> float:
    """The chance of these counts from a Pólya urn, in any order."""
    logs = math.lgamma(sum(urn)) - math.lgamma(sum(urn) + sum(counts)) + math.lgamma(sum(counts) + 1)
    logs += sum(math.lgamma(u + c) - math.lgamma(u) - math.lgamma(c + 1) for u, c in zip(urn, counts, strict=True))
    return math.exp(logs)


def test_the_money_is_a_martingale_when_all_that_can_come_is_counted_out() -> None:
    reference = build({"x": np.array([1.0, 2.0, 3.0])})
    money = 0.0
    for first in compositions(3, 4):
        for second in compositions(2, 4):
            monitor = Monitor.against(reference)
            for counts in (first, second):
                verdict = monitor.update(reference.read({"x": np.repeat([0.5, 1.5, 2.5, 3.5], counts)}))
            after = [1 + count for count in first]
            money += urn_chance([1] * 4, first) * urn_chance(after, second) * verdict.evidence
    assert money == pytest.approx(1)


def quiet(random: np.random.Generator, rows: int) -> Table:
    """Numbers, few-valued numbers, categories and gaps."""
    return {
        "normal": random.normal(size=rows),
        "few": random.poisson(0.7, size=rows).astype(float),
        "shop": random.choice(["a", "b", "c"], p=[0.7, 0.2, 0.1], size=rows),
        "gaps": np.where(random.random(rows) < 0.3, np.nan, random.exponential(size=rows)),
    }


def life(seed: int, batches: int, rows: int = 50, known: int = 200, alpha: float = 0.05) -> bool:
    """Whether a monitor pages that sees no drift."""
    random = np.random.default_rng(seed)
    reference = build(quiet(random, known))
    monitor = Monitor.against(reference, alpha, seed)
    return any(monitor.update(reference.read(quiet(random, rows))).drift for _ in range(batches))


@pytest.mark.montecarlo
def test_few_monitors_ever_page_without_drift() -> None:
    assert sum(life(seed, batches=200, alpha=0.2) for seed in range(40)) <= 8


def watch(change: Callable[[Table, np.random.Generator], Table], batches: int = 40) -> tuple[Monitor, Verdict]:
    random = np.random.default_rng(7)
    reference = build(quiet(random, 2000))
    monitor = Monitor.against(reference)
    for _ in range(50):
        assert not monitor.update(reference.read(quiet(random, 200))).drift
    for _ in range(batches):
        verdict = monitor.update(reference.read(change(quiet(random, 200), random)))
        if verdict.drift:
            break
    return monitor, verdict


DRIFTS: dict[str, Callable[[Table, np.random.Generator], Table]] = {
    "normal": lambda table, random: table | {"normal": table["normal"] + 0.3},
    "few": lambda table, random: table | {"few": random.poisson(1.1, size=200).astype(float)},
    "shop": lambda table, random: table | {"shop": np.where(random.random(200) < 0.1, "new", table["shop"])},
    "gaps": lambda table, random: table | {"gaps": np.where(random.random(200) < 0.2, np.nan, table["gaps"])},
}


@pytest.mark.parametrize("column", DRIFTS)
def test_a_drift_is_found_within_a_few_batches_and_its_column_named(column: str) -> None:
    monitor, verdict = watch(DRIFTS[column])
    assert verdict.drift and verdict.columns == [column]
    assert monitor.batches <= 50 + 8


def test_all_columns_that_drifted_are_named() -> None:
    _, verdict = watch(lambda table, random: table | {"normal": table["normal"] + 1, "gaps": table["gaps"] * 3})
    assert sorted(verdict.columns) == ["gaps", "normal"]


def test_a_monitor_goes_on_from_its_state_and_stays_small() -> None:
    random = np.random.default_rng(3)
    reference = build(quiet(random, 500))
    monitor, sizes = Monitor.against(reference), []
    for _ in range(30):
        monitor.update(reference.read(quiet(random, 100)))
        sizes.append(len(monitor.state()))
    restored = Monitor.restore(monitor.state())
    batch = reference.read(DRIFTS["normal"](quiet(random, 200), random))
    assert restored.update(batch) == monitor.update(batch)
    assert restored.state() == monitor.state()
    assert sizes[-1] <= sizes[0] + 10 and sizes[-1] < 4000 * 4


@pytest.mark.parametrize(
    "batch",
    [
        {},
        {"other": np.arange(3.0)},
        {"normal": np.array([])},
        {"normal": np.array([1e300, -np.inf, np.nan]), "shop": np.array([None])},
        {"few": np.array(["text"], dtype=object)},
    ],
    ids=["nothing", "another column", "no rows", "odd numbers", "another type"],
)
def test_an_odd_batch_is_survived(batch: Table) -> None:
    reference = build(quiet(np.random.default_rng(4), 100))
    verdict = Monitor.against(reference).update(reference.read(batch))
    assert not verdict.drift and 0 < verdict.evidence < 20


def test_a_reference_of_one_row_or_all_missing_is_enough_to_start() -> None:
    for reference in (build({"x": np.array([1.0])}), build({"x": np.full(40, np.nan), "s": np.array([None] * 40)})):
        assert 0 < Monitor.against(reference).update(reference).evidence < 20
    with pytest.raises(ValueError, match="one row"):
        Monitor.against(Profile(0, {}))


def test_the_evidence_stays_finite_however_large_the_drift() -> None:
    reference = build({"x": np.random.default_rng(5).normal(size=5000)})
    monitor = Monitor.against(reference)
    evidences = [monitor.update(reference.read({"x": np.full(100_000, 9.0)})).evidence for _ in range(5)]
    assert all(first <= second < math.inf for first, second in pairwise(evidences))
