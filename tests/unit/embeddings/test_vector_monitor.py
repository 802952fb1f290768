"""Vectors are watched in a space of few dimensions: what moved is found and named, and what did not is left alone."""

from collections.abc import Callable

import numpy as np
import pytest

from detectors.drift.packing import Array, pack, unpack
from detectors.embeddings.clusters import moved
from detectors.embeddings.profile import VectorProfile, profile_of
from detectors.embeddings.sequential import VectorMonitor
from detectors.embeddings.space import NO_CLUSTER
from detectors.embeddings.vectors import Vectors, of_matrix

SIZE, CLUSTERS, ROWS = 48, 5, 300


class World:
    """Clusters of different shares, in some directions wider than in others. ``seed`` is of what is drawn."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(0)
        self.middles = 3 * self.random.normal(size=(CLUSTERS, SIZE))
        self.wide = self.random.normal(size=(8, SIZE))
        self.shares = np.array([0.4, 0.25, 0.15, 0.12, 0.08])
        self.random = np.random.default_rng([1, seed])

    def draw(self, rows: int = ROWS, shares: Array | None = None) -> Array:
        cluster = self.random.choice(CLUSTERS, rows, p=self.shares if shares is None else shares)
        noise = self.random.normal(size=(rows, 8)) @ self.wide + 0.5 * self.random.normal(size=(rows, SIZE))
        return np.asarray(self.middles[cluster] + noise, np.float32)


@pytest.fixture
def world() -> World:
    """Each test's own: in whatever order they run, each draws the same."""
    return World(1)


@pytest.fixture(scope="module")
def reference() -> VectorProfile:
    return profile_of(of_matrix(World(0).draw(5000)), "id {}".format)


def without_third(world: World) -> Array:
    shares = np.where(np.arange(CLUSTERS) == 2, 0, world.shares)
    return world.draw(shares=shares / shares.sum())


def with_new(world: World) -> Array:
    rows = world.draw()
    rows[:30] = 12 + world.random.normal(size=(30, SIZE))
    return rows


SHIFTS: dict[str, Callable[[World], Array]] = {
    "mean": lambda world: world.draw() + 0.3,
    "lost": without_third,
    "new": with_new,
    "rotated": lambda world: world.draw() @ np.linalg.qr(np.random.default_rng(9).normal(size=(SIZE, SIZE)))[0],
    "scaled": lambda world: world.draw() * 1.2,
}


@pytest.mark.parametrize("kind", SHIFTS)
def test_a_shift_is_found_soon_and_is_over_when_the_vectors_are_as_before(
    world: World, reference: VectorProfile, kind: str
) -> None:
    monitor = VectorMonitor.against(reference)
    assert reference.space is not None
    before = [monitor.update(reference, reference.space.read(world.draw())).drifted for _ in range(4)]
    rows = [np.asarray(SHIFTS[kind](world), np.float32) for _ in range(6)]
    found = [monitor.update(reference, reference.space.read(some)).drifted for some in rows]
    monitor = VectorMonitor.restore(monitor.state())
    after = [monitor.update(reference, reference.space.read(world.draw())).drifted for _ in range(6)]
    assert not any(before) and found[-1] and not after[-1]


def test_few_monitors_ever_alarm_without_drift(world: World) -> None:
    alarms = 0
    for seed in range(5):
        reference = profile_of(of_matrix(world.draw(900)), seed=seed)
        assert reference.space is not None
        monitor = VectorMonitor.against(reference, seed=seed)
        alarms += any(monitor.update(reference, reference.space.read(world.draw(100))).drifted for _ in range(12))
    assert alarms <= 1


def test_the_cluster_that_lost_its_vectors_is_named_with_rows_of_it(world: World, reference: VectorProfile) -> None:
    assert reference.space is not None
    space = reference.space
    third = int(np.bincount(space.read(world.middles[2][None] + np.zeros((1, SIZE))).cluster).argmax())
    first = moved(reference.shares, space.read(np.concatenate([without_third(world) for _ in range(5)])))[0]
    assert first.cluster == third and first.now < first.before / 3
    assert reference.examples[third] and all(name.startswith("id ") for name in reference.examples[third])


def test_what_is_in_no_cluster_is_named_so(world: World, reference: VectorProfile) -> None:
    assert reference.space is not None
    first = moved(reference.shares, reference.space.read(with_new(world)))[0]
    assert first.cluster == NO_CLUSTER and first.now > 0.08 and "no known cluster" in first.name
    assert len(first.examples) == 3 and all(place < 30 for place in first.examples)


def test_shares_that_chance_explains_are_not_named(world: World, reference: VectorProfile) -> None:
    assert reference.space is not None
    assert moved(reference.shares, reference.space.read(world.draw(60))) == []
    assert moved(reference.shares, reference.space.read(world.draw(0))) == []


def test_a_profile_is_small_and_read_back_as_it_was(reference: VectorProfile) -> None:
    again = unpack(pack(reference), VectorProfile)
    assert len(pack(reference)) < 3_000_000
    assert again.space is not None and reference.space is not None
    assert np.array_equal(again.space.axes, reference.space.axes) and again.examples == reference.examples


@pytest.mark.parametrize("value", [1e30, 3e38, 0.0])
def test_vectors_that_are_huge_or_all_alike_do_no_harm(world: World, value: float) -> None:
    rows = np.full((200, SIZE), value, np.float32)
    reference = profile_of(of_matrix(rows))
    assert reference.space is not None
    monitor = VectorMonitor.against(reference)
    assert not any(monitor.update(reference, reference.space.read(rows[:50])).drifted for _ in range(5))
    assert [monitor.update(reference, reference.space.read(world.draw())).drifted for _ in range(3)][-1]


def test_vectors_with_gaps_and_of_other_sizes_are_counted_and_not_fitted(world: World) -> None:
    rows = world.draw(300)
    rows[0, 3], rows[1, 4], rows[2] = np.nan, np.inf, 0
    sizes = np.full(300, SIZE)
    sizes[3], sizes[4] = -1, 7
    counted = profile_of(Vectors(sizes, lambda places: rows[places])).counted
    assert (counted.rows, counted.missing, counted.other, counted.nan, counted.infinite, counted.zero) == (
        *(300, 1, 1),
        *(1, 1, 1),
    )
