"""A space of few dimensions in which vectors of many are compared, and the clusters that the reference has in it."""

from typing import NamedTuple

import msgspec
import numpy as np

from detectors.drift.packing import Array

MAIN, _RANDOM = 32, 96
"""Directions in which the reference varies most, and directions by lot."""
_POWERS = 3
_CLUSTERS, _LEAST_IN_CLUSTER = 12, 25
_FAR = 0.999
"""Of the reference's vectors such a share is nearer to its cluster than what belongs to none."""
_FITTED_BYTES = 2**25
_FITTED = 8_000
_LARGEST = 1e15
"""What is larger counts as this large, so that squares stay finite."""
NO_CLUSTER = 0


class Read(NamedTuple):
    """Vectors as the space has them.

    Parameters
    ----------
    directions
        How far they are in each direction, of shape (rows, directions).
    rest
        The length of what is in none of the directions, of shape (rows,).
    distance
        From the middle of the nearest cluster, of shape (rows,).
    cluster
        Its number from 1, or 0 for what is far from all, of shape (rows,).

    Examples
    --------
    >>> Read(np.zeros((1, 2)), np.zeros(1), np.zeros(1), np.ones(1)).cluster.tolist()
    [1.0]
    """

    directions: Array
    rest: Array
    distance: Array
    cluster: Array

    @property
    def numbers(self) -> Array:
        """All but the cluster, of shape (rows, directions + 2)."""
        return np.column_stack([self.directions, self.rest, self.distance]).astype(np.float32)


class Space(msgspec.Struct, frozen=True):
    """The directions and the clusters.

    Parameters
    ----------
    centre
        The mean of the vectors that it was fitted to, of shape (size,).
    axes
        Directions that are orthogonal and of length 1, of shape (directions, size): those in which the vectors vary
        most, and others by lot.
    middles
        Of the clusters, in these directions, of shape (clusters, directions).
    far
        Farther than this from all middles is in no cluster.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> rows = random.normal(size=(600, 20)) + 20 * random.integers(0, 2, size=(600, 1))
    >>> space = Space.fit(rows)
    >>> space.axes.shape[1], bool(space.read(rows + 500).cluster.any())
    (20, False)

    References
    ----------
    Halko, Martinsson and Tropp: Finding structure with randomness. SIAM Review 53, 2011.
    Johnson and Lindenstrauss: Extensions of Lipschitz mappings into a Hilbert space. Contemporary Mathematics 26, 1984.
    """

    centre: Array
    axes: Array
    middles: Array
    far: float

    @classmethod
    def fit(cls, rows: Array, seed: int = 0) -> "Space":
        """Of shape (rows, size), all finite, one row at least."""
        from sklearn.cluster import KMeans  # noqa: PLC0415  (slow to load, and needed where a reference comes)

        random, rows = np.random.default_rng([seed, 7]), _bounded(rows)
        centre = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        axes = _axes(rows - centre, random)
        inside = (rows - centre) @ axes.T
        count = max(min(_CLUSTERS, len(rows) // _LEAST_IN_CLUSTER, len(np.unique(inside, axis=0))), 1)
        known = KMeans(count, n_init=3, random_state=seed).fit(inside)
        order = np.argsort(-np.bincount(known.labels_, minlength=count), kind="stable")
        middles = known.cluster_centers_[order].astype(np.float32)
        far = float(np.quantile(_nearest(inside, middles)[1], _FAR))
        return cls(centre, axes, middles, far)

    def read(self, rows: Array) -> Read:
        """Other vectors of the same size, of shape (rows, size)."""
        from_centre = _bounded(rows) - self.centre
        inside = from_centre @ self.axes.T
        whole = np.einsum("ij,ij->i", from_centre, from_centre)
        rest = np.sqrt(np.maximum(whole - np.einsum("ij,ij->i", inside, inside), 0))
        place, distance = _nearest(inside, self.middles)
        return Read(inside, rest, distance, np.where(distance > self.far, NO_CLUSTER, place + 1))


def most_fitted(size: int) -> int:
    """How many vectors a space is fitted to at most.

    Parameters
    ----------
    size
        Numbers of a vector.

    Returns
    -------
    Rows.

    Examples
    --------
    >>> most_fitted(768)
    8000
    """
    return int(max(min(_FITTED, _FITTED_BYTES // (4 * size)), 500))


def _bounded(rows: Array) -> Array:
    return rows if np.abs(rows).max(initial=0) <= _LARGEST else np.clip(rows, -_LARGEST, _LARGEST)


def _axes(rows: Array, random: np.random.Generator) -> Array:
    """Orthogonal directions: where the rows vary most first (randomised subspace iteration), then some by lot."""
    size = rows.shape[1]
    main = min(MAIN, size)
    basis = np.linalg.qr(random.normal(size=(size, min(main + 8, size))).astype(np.float32))[0]
    for _ in range(_POWERS):
        basis = np.linalg.qr(rows.T @ (rows @ basis))[0]
    _, _, turned = np.linalg.svd(rows @ basis, full_matrices=False)
    first = (turned @ basis.T)[:main]
    others = random.normal(size=(min(_RANDOM, size - len(first)), size))
    together = np.linalg.qr(np.concatenate([first, others]).T)[0].T
    return np.ascontiguousarray(together, np.float32)


def _nearest(inside: Array, middles: Array) -> tuple[Array, Array]:
    """The place of the nearest middle, and how far it is."""
    squares = (inside**2).sum(axis=1)[:, None] - 2 * inside @ middles.T + (middles**2).sum(axis=1)
    place = squares.argmin(axis=1)
    return place, np.sqrt(np.maximum(squares[np.arange(len(inside)), place], 0))
