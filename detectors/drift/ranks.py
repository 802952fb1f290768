"""Where a batch's values fall among the reference's own: counts whose law without drift is known, whatever the data.

Some order statistics of the reference, at ranks chosen beforehand, part the line into bins. For rows exchangeable
with the reference's, the bins' probabilities are Dirichlet distributed with the bins' sizes in ranks as parameters, and
what comes is drawn as from a Pólya urn that holds the reference. Equal values are ordered by lot, and missing values
come last as one more value: so that holds for numbers, categories and columns with gaps alike. These are the smoothed
conformal p-values of Vovk, Gammerman and Shafer (Algorithmic Learning in a Random World, 2nd edition 2022), binned.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache

import msgspec
import numpy as np

from detectors.drift.categories import Categorical
from detectors.drift.packing import Array
from detectors.drift.profile import Column, Numeric, kept_ranks


class Bins(msgspec.Struct, frozen=True):
    """The bins of a column: ``sizes`` in ranks of the reference, and the values and lots at the edges between them.

    The values are ``numbers`` or ``texts``, as the column is; the last ``missing`` edges lie among its missing values.

    Parameters
    ----------
    sizes
        Ranks of the reference in each bin, of shape (bins,).
    numbers, texts
        Values at the edges, in the unit of the column.
    missing
        How many edges lie among missing values.
    lots
        The random order of equal values at each edge, between 0 and 1.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> column = build({"price": np.arange(7.0)}).columns["price"]
    >>> bins_of(column, 4, np.random.default_rng(0)).numbers.tolist()
    [1.0, 3.0, 5.0]
    """

    sizes: Array
    numbers: Array
    texts: list[str]
    missing: int
    lots: Array

    def counts(self, now: Column, random: np.random.Generator) -> Array:
        """How many rows fall into each bin."""
        below, upto = _around(now, self.numbers, self.texts, self.missing)
        reached = below.copy()
        for edges in _tied(below, upto):
            shares = np.diff([0.0, *self.lots[edges], 1.0])
            reached[edges] += random.multinomial(upto[edges[0]] - below[edges[0]], shares)[:-1].cumsum()
        return np.diff([0, *reached, now.rows + now.missing])


def bins_of(reference: Column, count: int, random: np.random.Generator) -> Bins:
    """So many bins, as equal as can be; needs ``count - 1`` rows at least.

    Parameters
    ----------
    reference
        The column in the reference.
    count
        How many bins.
    random
        Orders equal values.

    Returns
    -------
    The bins.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> column = build({"price": np.arange(7.0)}).columns["price"]
    >>> len(bins_of(column, 4, np.random.default_rng(0)).sizes)
    4
    """
    total = reference.rows + reference.missing
    ranks = np.round(np.arange(1, count) * (total + 1) / count).astype(np.int64)
    present = ranks[ranks <= reference.rows]
    numbers, texts = np.zeros(0), list[str]()
    if isinstance(reference, Numeric):
        kept = kept_ranks(reference.rows, len(reference.values)) + 1
        chosen = np.minimum(kept.searchsorted(present), len(kept) - 1)
        ranks[: len(present)], numbers = kept[chosen], reference.values[chosen]
    else:
        names, upto = list(reference.counts), np.cumsum([*reference.counts.values()])
        texts = [names[at] for at in upto.searchsorted(present)]
    missing = len(ranks) - len(present)
    below, upto = _around(reference, numbers, texts, missing)
    lots = np.zeros(len(ranks))
    for edges in _tied(below, upto):
        places = np.clip(ranks[edges] - below[edges[0]], 1, upto[edges[0]] - below[edges[0]])
        lots[edges] = np.sort(random.random(upto[edges[0]] - below[edges[0]]))[places - 1]
    return Bins(np.diff([0, *ranks, total + 1]), numbers, texts, missing, lots)


@lru_cache
def halves(count: int) -> tuple[Array, Array]:
    """For each split of bins that are halved again and again, the root first, which bins lie to its left and right.

    Parameters
    ----------
    count
        How many bins, a power of 2.

    Returns
    -------
    Two arrays of 0 and 1, of shape (bins, splits).

    Examples
    --------
    >>> halves(2)[0].tolist()
    [[1.0], [0.0]]
    """
    levels = range(count.bit_length() - 1)
    left = [np.kron(np.eye(2**depth), np.repeat([1, 0], count >> depth + 1)) for depth in levels]
    right = [np.kron(np.eye(2**depth), np.repeat([0, 1], count >> depth + 1)) for depth in levels]
    return np.concatenate(left).T, np.concatenate(right).T


def _around(column: Column, numbers: Array, texts: list[str], missing: int) -> tuple[Array, Array]:
    """How many rows come before each edge's value, and how many up to it."""
    if isinstance(column, Categorical):
        names, counts = list(column.counts), np.cumsum([0, *column.counts.values()])
        below = counts[[bisect_left(names, text) for text in texts]]
        upto = counts[[bisect_right(names, text) for text in texts]]
    else:
        below, upto = np.round(column.ranks(numbers, "left")), np.round(column.ranks(numbers, "right"))
    ends = np.full((2, missing), [[column.rows], [column.rows + column.missing]])
    return np.append(below, ends[0]).astype(np.int64), np.append(upto, ends[1]).astype(np.int64)


def _tied(below: Array, upto: Array) -> Iterator[Array]:
    """The edges at one value that rows have, for each such value."""
    for start in np.unique(below[upto > below]):
        yield np.flatnonzero((below == start) & (upto > below))
