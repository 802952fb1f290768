"""A column of vectors, of which rows are read as they are needed: all of them may be too many for the memory."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from detectors.drift.packing import Array

MOST_BYTES = 2**26
"""Of vectors that are looked at together."""


class Vectors(NamedTuple):
    """How many numbers each row has, and how rows of one size are read.

    Parameters
    ----------
    sizes
        Numbers of each row, of shape (rows,): -1 where the vector is missing, 0 where it was left out.
    rows_at
        From places, which all have one size, to a matrix of shape (places, size).

    Examples
    --------
    >>> matrix = np.arange(6.0).reshape(3, 2)
    >>> vectors = Vectors(np.array([2, 2, 2]), lambda places: matrix[places])
    >>> vectors.rows_at(np.array([1])).tolist()
    [[2.0, 3.0]]
    """

    sizes: Array
    rows_at: Callable[[Array], Array]


def of_matrix(matrix: Array) -> Vectors:
    """Vectors that are in memory, all of one size.

    Parameters
    ----------
    matrix
        Of shape (rows, size).

    Returns
    -------
    The same as :class:`Vectors`.

    Examples
    --------
    >>> of_matrix(np.zeros((2, 3))).sizes.tolist()
    [3, 3]
    """
    return Vectors(np.full(len(matrix), matrix.shape[1]), lambda places: matrix[places])


def usual_size(sizes: Array) -> int:
    """The size that most vectors have; 0 where there are none.

    Parameters
    ----------
    sizes
        As :class:`Vectors` has them.

    Returns
    -------
    The most frequent size.

    Examples
    --------
    >>> usual_size(np.array([3, 3, -1, -1, -1, 2]))
    3
    """
    there = sizes[sizes > 0]
    return int(np.bincount(there).argmax()) if len(there) else 0


def at_once(size: int) -> int:
    """How many vectors of a size are looked at together.

    Parameters
    ----------
    size
        Numbers of a vector.

    Returns
    -------
    Rows.

    Examples
    --------
    >>> at_once(1024)
    16384
    """
    return int(max(MOST_BYTES // (4 * max(size, 1)), 1))
