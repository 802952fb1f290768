"""What is known of a reference's vectors: made once, so that no check reads them again."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec
import numpy as np
from threadpoolctl import threadpool_limits

from detectors.drift.packing import Array
from detectors.embeddings.space import Space, most_fitted
from detectors.embeddings.vectors import Vectors, at_once, usual_size

_COMPARED = 2_000
"""Vectors that train classifiers, and as many others that are what new ones are compared with."""
_EXAMPLES = 3
_LEAST = 20
_MOST_ID = 60
IdAt: TypeAlias = Callable[[int], object]


class Counted(msgspec.Struct, frozen=True):
    """How many rows there are, and what is wrong with some.

    Parameters
    ----------
    rows
        Rows that were looked at.
    missing
        Without a vector.
    other
        With a vector of another size.
    nan, infinite, zero
        Of the right size: with a number that is none, an infinite one, and nothing but zeros.

    Examples
    --------
    >>> Counted(rows=10, missing=1).there
    9
    """

    rows: int
    missing: int = 0
    other: int = 0
    nan: int = 0
    infinite: int = 0
    zero: int = 0

    @property
    def there(self) -> int:
        """Rows with a vector."""
        return self.rows - self.missing


class VectorProfile(msgspec.Struct, frozen=True):
    """A column of vectors of a reference.

    The ``training`` and the ``holdout`` rows were chosen by lot, and neither fitted the ``space``: to it they are as
    new as what comes later, which is what the promise about false alarms stands on.

    Parameters
    ----------
    size
        Numbers of a vector.
    counted
        Rows.
    space
        None where there are too few vectors to compare with.
    shares
        By number of the cluster the share of the reference's vectors, of shape (clusters + 1,).
    examples
        By number of the cluster the ids of some rows near its middle.
    training, holdout
        Vectors as the space reads them, with the cluster last, of shape (rows, directions + 3).

    Examples
    --------
    >>> from detectors.embeddings.vectors import of_matrix
    >>> known = profile_of(of_matrix(np.random.default_rng(0).normal(size=(90, 8))))
    >>> known.size, known.training.shape, len(known.holdout)
    (8, (30, 11), 30)
    """

    size: int
    counted: Counted
    space: Space | None
    shares: Array
    examples: list[list[str]]
    training: Array
    holdout: Array


def profile_of(vectors: Vectors, id_at: IdAt | None = None, seed: int = 0) -> VectorProfile:
    """The profile of a reference's vectors, within bounded memory.

    Parameters
    ----------
    vectors
        The column.
    id_at
        From a row's place to its id; without it a row is named by its place, from 0.
    seed
        Of the lots.

    Returns
    -------
    The profile, whose size does not depend on the number of rows.

    Examples
    --------
    >>> from detectors.embeddings.vectors import of_matrix
    >>> profile_of(of_matrix(np.zeros((3, 8)))).space is None
    True
    """
    size = usual_size(vectors.sizes)
    with threadpool_limits(1):  # the event loop needs a core as well
        counted, sound = count(vectors, size)
        if len(sound) < _LEAST:
            return VectorProfile(size, counted, None, np.zeros(1), [], np.zeros((0, 0)), np.zeros((0, 0)))
        lots = np.random.default_rng([seed, 3]).permutation(sound)
        compared = min(_COMPARED, len(sound) // 3)
        holdout, training = (np.sort(lots[at * compared : (at + 1) * compared]) for at in range(2))
        fitted = vectors.rows_at(np.sort(lots[2 * compared :][: most_fitted(size)]))
        space = Space.fit(fitted, seed)
        shares, examples = _clusters(space, vectors, sound, id_at)
        sides = [_as_read(space, vectors.rows_at(places)) for places in (training, holdout)]
    return VectorProfile(size, counted, space, shares, examples, *sides)


def count(vectors: Vectors, size: int) -> tuple[Counted, Array]:
    """What there is of vectors that should have a size, and the places of those that are sound.

    Parameters
    ----------
    vectors
        The column.
    size
        Numbers that a vector should have.

    Returns
    -------
    The counts, and the places of rows of that size whose numbers are all finite.

    Examples
    --------
    >>> from detectors.embeddings.vectors import of_matrix
    >>> counted, sound = count(of_matrix(np.array([[0.0, 0.0], [1.0, np.nan], [1.0, 2.0]])), 2)
    >>> counted.zero, counted.nan, sound.tolist()
    (1, 1, [0, 2])
    """
    sizes = vectors.sizes
    missing, other = np.count_nonzero(sizes < 0), np.count_nonzero((sizes > 0) & (sizes != size))
    found, sound = np.zeros(3, np.int64), [np.zeros(0, np.int64)]
    for places, rows in _parts(vectors, np.flatnonzero(sizes == size) if size else np.zeros(0, np.int64), size):
        nan, infinite = np.isnan(rows).any(axis=1), np.isinf(rows).any(axis=1)
        found += [nan.sum(), infinite.sum(), (~rows.any(axis=1)).sum()]
        sound.append(places[~(nan | infinite)])
    looked_at = int(np.count_nonzero(sizes != 0))
    return Counted(looked_at, int(missing), int(other), *found.tolist()), np.concatenate(sound)


def _parts(vectors: Vectors, places: Array, size: int) -> Iterator[tuple[Array, Array]]:
    step = at_once(size)
    for start in range(0, len(places), step):
        some = places[start : start + step]
        yield some, vectors.rows_at(some)


def _as_read(space: Space, rows: Array) -> Array:
    read = space.read(rows)
    return np.column_stack([read.numbers, read.cluster]).astype(np.float32)


def _clusters(space: Space, vectors: Vectors, sound: Array, id_at: IdAt | None) -> tuple[Array, list[list[str]]]:
    """The share of each cluster, and rows near its middle."""
    count = len(space.middles) + 1
    rows, near = np.zeros(count), [list[tuple[float, int]]() for _ in range(count)]
    for places, part in _parts(vectors, sound, part_size(space)):
        read = space.read(part)
        rows += np.bincount(read.cluster, minlength=count)
        for cluster in range(count):
            mine = np.flatnonzero(read.cluster == cluster)
            nearest = mine[np.argsort(read.distance[mine], kind="stable")[:_EXAMPLES]]
            found = zip(read.distance[nearest].tolist(), places[nearest].tolist(), strict=True)
            near[cluster] = sorted([*near[cluster], *found])[:_EXAMPLES]
    examples = [[name_of(id_at, place) for _, place in found] for found in near]
    return rows / max(rows.sum(), 1), examples


def part_size(space: Space) -> int:
    """Numbers of the vectors that a space is of.

    Parameters
    ----------
    space
        Any.

    Returns
    -------
    The size.

    Examples
    --------
    >>> part_size(Space(np.zeros(5), np.zeros((1, 5)), np.zeros((1, 1)), 0.0))
    5
    """
    return len(space.centre)


def name_of(id_at: IdAt | None, place: int) -> str:
    """What a row is called: by its id, or its place.

    Parameters
    ----------
    id_at
        From a row's place to its id, or None.
    place
        Of the row.

    Returns
    -------
    A short name.

    Examples
    --------
    >>> name_of(["a", "b"].__getitem__, 1), name_of(None, 1)
    ('b', 'row 1')
    """
    named = None if id_at is None else id_at(place)
    return f"row {place}" if named is None else str(named)[:_MOST_ID]
