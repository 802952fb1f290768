"""Which clusters of the reference gained or lost vectors."""

import math
from typing import NamedTuple

import numpy as np

from detectors.drift.packing import Array
from detectors.embeddings.space import NO_CLUSTER, Read

_SURELY = 3.5
"""Standard errors by which a share has to have moved to be named."""
_EXAMPLES = 3


class Moved(NamedTuple):
    """A cluster whose share is another.

    Parameters
    ----------
    cluster
        Its number; 0 for what is in none.
    before, now
        Shares of the vectors, between 0 and 1.
    examples
        Places of some of the new vectors in it.

    Examples
    --------
    >>> Moved(3, 0.12, 0.31, []).name
    'cluster 3'
    """

    cluster: int
    before: float
    now: float
    examples: list[int]

    @property
    def name(self) -> str:
        """The cluster in words."""
        return f"cluster {self.cluster}" if self.cluster != NO_CLUSTER else "what is in no known cluster"


def moved(shares: Array, read: Read) -> list[Moved]:
    """The clusters whose share moved by more than chance does, the farthest first.

    Parameters
    ----------
    shares
        Of the reference's vectors, by number of the cluster.
    read
        The new vectors.

    Returns
    -------
    One a cluster.

    Examples
    --------
    >>> new = Read(np.zeros((100, 1)), np.zeros(100), np.zeros(100), np.repeat([1, 2], [40, 60]))
    >>> [(one.name, one.before, one.now) for one in moved(np.array([0.0, 0.8, 0.2]), new)]
    [('cluster 1', 0.8, 0.4), ('cluster 2', 0.2, 0.6)]
    """
    rows = len(read.cluster)
    if not rows:
        return []
    counts = np.bincount(read.cluster, minlength=len(shares))
    found = list[tuple[float, Moved]]()
    for cluster, (before, many) in enumerate(zip(shares.tolist(), counts.tolist(), strict=True)):
        error = math.sqrt((before * (1 - before) + 1 / rows) / rows)
        apart = abs(many / rows - before) / error
        if apart >= _SURELY:
            found.append((apart, Moved(cluster, before, many / rows, _examples(read, cluster))))
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def _examples(read: Read, cluster: int) -> list[int]:
    """The nearest to its middle; of what is in no cluster those at the median distance."""
    mine = np.flatnonzero(read.cluster == cluster)
    ordered = mine[np.argsort(read.distance[mine], kind="stable")]
    start = len(ordered) // 2 if cluster == NO_CLUSTER else 0
    return [int(place) for place in ordered[start : start + _EXAMPLES]]
