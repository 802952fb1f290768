"""Parts of the data in which a model does worse than elsewhere, found by themselves."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise

import msgspec
import numpy as np

from detectors.drift.categories import Categorical
from detectors.drift.packing import Array
from detectors.drift.profile import Column, Numeric, Profile, as_numbers
from detectors.drift.texts import category, is_missing, shortened

_LEAST_ROWS = 30
_QUARTERS = np.array([0.25, 0.5, 0.75])
_MOST_CATEGORIES = 20
_SINGLES_PAIRED = 12
_WORTH = 3.0
"""So many standard errors worse than the rest: what is found by looking has to be shown by later rows anyway."""


class Part(msgspec.Struct, frozen=True):
    """Rows of one feature in a range, or with one category: ``low`` < value ≤ ``high``.

    Parameters
    ----------
    feature
        The name of a column.
    category
        The category of the rows; None where a range is given.
    low, high
        The range, in the unit of the feature; None where it is open.

    Examples
    --------
    >>> Part("price", low=2.0).holds({"price": np.array([1.0, 3.0])}, rows=2).tolist()
    [False, True]
    """

    feature: str
    category: str | None = None
    low: float | None = None
    high: float | None = None

    def holds(self, table: Mapping[str, Array], rows: int) -> Array:
        """Which rows belong to it: booleans of shape (rows,)."""
        if self.feature not in table:
            return np.zeros(rows, dtype=bool)
        raw = np.asarray(table[self.feature])
        if self.category is not None:
            mine = shortened(self.category)
            return np.array([not is_missing(v) and category(v) == mine for v in raw.tolist()], dtype=bool)
        numbers = as_numbers(raw)
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        return np.asarray((numbers > low) & (numbers <= high))

    @property
    def text(self) -> str:
        if self.category is not None:
            return f"{self.feature} = {self.category}"
        if self.low is None:
            return f"{self.feature} ≤ {self.high:.4g}"
        return f"{self.feature} > {self.low:.4g}" + ("" if self.high is None else f" and ≤ {self.high:.4g}")


class Slice(msgspec.Struct, frozen=True):
    """Rows that belong to all parts.

    Parameters
    ----------
    parts
        What every row of the slice belongs to.

    Examples
    --------
    >>> Slice((Part("price", low=2.0), Part("shop", "b"))).text
    'price > 2 and shop = b'
    """

    parts: tuple[Part, ...]

    def holds(self, table: Mapping[str, Array], rows: int) -> Array:
        chosen = np.ones(rows, dtype=bool)
        for part in self.parts:
            chosen &= part.holds(table, rows)
        return chosen

    @property
    def text(self) -> str:
        return " and ".join(part.text for part in self.parts)


def parts_of(reference: Profile, features: Sequence[str]) -> list[Part]:
    """Features cut into parts: numbers at the reference's quartiles, categories one by one, the most frequent 20.

    Parameters
    ----------
    reference
        The profile whose quartiles and categories are taken.
    features
        Names of columns; those that the reference lacks are passed over.

    Returns
    -------
    Four parts of a numeric feature, one a category otherwise.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> [part.text for part in parts_of(build({"shop": np.array(["a", "b", "a"])}), ["shop"])]
    ['shop = a', 'shop = b']
    """
    return [part for name in features if name in reference.columns for part in _parts(name, reference.columns[name])]


def worst(
    table: Mapping[str, Array], badness: Array, parts: Sequence[Part], most: int = 3, known: Sequence[Slice] = ()
) -> list[Slice]:
    """The slices in which rows are worse than the rest, the surest first: single parts, and pairs of these.

    Parameters
    ----------
    table, badness
        The rows' features, and how bad each row is: shape (rows,).
    parts
        What slices are made of.
    known
        Slices that are watched already; a slice within one of them, or around it, is not named again.

    Returns
    -------
    At most ``most`` slices.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> table = {"shop": random.choice(["a", "b"], 2000), "price": random.random(2000)}
    >>> bad = (random.random(2000) < np.where((table["shop"] == "b") & (table["price"] > 0.5), 0.5, 0.1)) * 1.0
    >>> parts = [Part("shop", "a"), Part("shop", "b"), Part("price", high=0.5), Part("price", low=0.5)]
    >>> [found.text for found in worst(table, bad, parts)]
    ['shop = b and price > 0.5']

    References
    ----------
    Chung, Kraska, Polyzotis, Tae and Whang: Slice finder: automated data slicing for model validation. ICDE 2019.
    """
    rows = len(badness)
    held = {part: part.holds(table, rows) for part in parts}
    singles = {Slice((part,)): mask for part, mask in held.items()}
    ranked = sorted(singles, key=lambda one: -_excess(badness, singles[one]))
    pairs = {
        Slice((one.parts[0], other.parts[0])): singles[one] & singles[other]
        for one, other in combinations(sorted(ranked[:_SINGLES_PAIRED], key=lambda s: parts.index(s.parts[0])), 2)
        if one.parts[0].feature != other.parts[0].feature
    }
    score = {one: _excess(badness, mask) for one, mask in (singles | pairs).items()}
    found: list[Slice] = []
    for one in sorted(score, key=lambda one: -score[one]):
        if len(found) == most or score[one] < _WORTH:
            break
        if not any(_nested(one, other) for other in [*found, *known]):
            found.append(one)
    return found


def _excess(badness: Array, mask: Array) -> float:
    """By how many standard errors the slice is worse than the rest (Welch's t)."""
    inside, outside = badness[mask], badness[~mask]
    if min(len(inside), len(outside)) < _LEAST_ROWS:
        return 0.0
    spread = inside.var() / len(inside) + outside.var() / len(outside)
    gap = float(inside.mean() - outside.mean())
    return gap / float(np.sqrt(spread)) if spread > 0 else (np.inf if gap > 0 else 0.0)


def _nested(one: Slice, other: Slice) -> bool:
    """Whether they share a part: then the one says little beside the other."""
    return bool(set(one.parts) & set(other.parts))


def _parts(name: str, column: Column) -> Iterator[Part]:
    if isinstance(column, Categorical):
        common = sorted(column.named, key=lambda text: -column.named[text])[:_MOST_CATEGORIES]
        yield from (Part(name, text) for text in common)
    elif isinstance(column, Numeric) and column.rows:
        edges = np.unique(column.values[(_QUARTERS * len(column.values)).astype(np.int64)])
        bounds = [None, *map(float, edges), None]
        yield from (Part(name, low=low, high=high) for low, high in pairwise(bounds))
