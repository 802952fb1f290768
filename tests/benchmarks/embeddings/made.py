"""Made embeddings: clusters of different shares in a narrow subspace, as encoders give them, and known shifts."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
SIZE = 768
_CLUSTERS, _WIDE = 10, 64


class World:
    """Embeddings of one encoder and one kind of input."""

    def __init__(self, seed: int, size: int = SIZE) -> None:
        self.random = np.random.default_rng(seed)
        self.size = size
        self.middles = self.random.normal(size=(_CLUSTERS, size)).astype(np.float32)
        self.wide = (self.random.normal(size=(_WIDE, size)) / 8).astype(np.float32)
        self.shares = self.random.dirichlet(np.full(_CLUSTERS, 5.0))

    def draw(self, rows: int, shares: Array | None = None) -> Array:
        cluster = self.random.choice(_CLUSTERS, rows, p=self.shares if shares is None else shares)
        inside = self.random.standard_normal((rows, _WIDE), dtype=np.float32) @ self.wide
        return np.asarray(
            self.middles[cluster] + inside + 0.3 * self.random.standard_normal((rows, self.size), dtype=np.float32)
        )


def _mean(world: World, by: float) -> Callable[[int], Array]:
    way = world.random.standard_normal(world.size, dtype=np.float32)
    way *= by / np.linalg.norm(way)
    return lambda rows: world.draw(rows) + way


def _lost(world: World, part: float) -> Callable[[int], Array]:
    """The cluster of median size loses a part of its rows."""
    shares = world.shares.copy()
    shares[np.argsort(shares)[_CLUSTERS // 2]] *= 1 - part
    return lambda rows: world.draw(rows, shares / shares.sum())


def _new(world: World, part: float) -> Callable[[int], Array]:
    """A part of the rows is of a cluster that was not there."""
    middle = world.random.standard_normal(world.size, dtype=np.float32)

    def draw(rows: int) -> Array:
        found = world.draw(rows)
        strange = world.random.random(rows) < part
        found[strange] = middle + 0.5 * world.random.standard_normal((int(strange.sum()), world.size), dtype=np.float32)
        return found

    return draw


def _rotated(world: World, part: float) -> Callable[[int], Array]:
    """The encoder's axes turn in so many planes of two: a part of all."""
    order = world.random.permutation(world.size)[: 2 * max(int(part * world.size / 2), 1)]
    one, other = order[::2], order[1::2]

    def draw(rows: int) -> Array:
        found = world.draw(rows)
        first, second = found[:, one].copy(), found[:, other].copy()
        found[:, one], found[:, other] = second, -first
        return found

    return draw


SHIFTS: Mapping[str, Callable[[World], Callable[[int], Array]]] = {
    "mean by 0.5": lambda world: _mean(world, 0.5),
    "mean by 1": lambda world: _mean(world, 1.0),
    "mean by 3": lambda world: _mean(world, 3.0),
    "a third of a cluster lost": lambda world: _lost(world, 1 / 3),
    "a cluster lost": lambda world: _lost(world, 1.0),
    "2 % of a new cluster": lambda world: _new(world, 0.02),
    "10 % of a new cluster": lambda world: _new(world, 0.1),
    "a tenth of the axes turned": lambda world: _rotated(world, 0.1),
    "all axes turned": lambda world: _rotated(world, 1.0),
}
