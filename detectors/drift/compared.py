"""A column beside its reference, in words and in bars: by how much it moved."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from detectors.drift.categories import Categorical, alike, label
from detectors.drift.counted import population_stability
from detectors.drift.packing import Array
from detectors.drift.profile import Column, Numeric, Profile

_BINS = 10
_QUANTILES = {"median": 0.5, "lowest 5 % up to": 0.05, "highest 5 % from": 0.95}
_SPREAD = {"median": 1.0, "lowest 5 % up to": 2.0, "highest 5 % from": 2.0}
_MOST_CATEGORIES = 10
_MISSING, _OTHERS = "missing", "others"


class Bars(NamedTuple):
    """Shares of the rows, in percent, by bin or by category.

    Parameters
    ----------
    bins
        What each bar is of, of shape (bars,).
    reference, now
        Shares of the rows in percent, of shape (bars,).

    Examples
    --------
    >>> Bars(["a", "b"], [50.0, 50.0], [0.0, 100.0]).now
    [0.0, 100.0]
    """

    bins: list[str]
    reference: list[float]
    now: list[float]


def in_words(name: str, before: Column, after: Column) -> str:
    """What moved.

    Parameters
    ----------
    name
        Of the column.
    before, after
        The column in the reference and now.

    Returns
    -------
    One line, in the unit of the column, with the population stability index.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> reference = build({"price": np.arange(100.0), "shop": np.array(["a", "b"] * 50)})
    >>> now = reference.read({"price": np.arange(100.0) + 50, "shop": np.array(["b"] * 10)})
    >>> in_words("price", reference.columns["price"], now.columns["price"])
    'price: median 49.5 → 99.5 (PSI 2.24)'
    >>> in_words("shop", reference.columns["shop"], now.columns["shop"])
    'shop: b 50 % → 100 % (PSI 1.38)'
    """
    stability = population_stability(Profile(0, {name: before}), Profile(0, {name: after}))
    by_how_much = f" (PSI {_index(stability[name].statistic)})" if name in stability else ""
    return f"{name}: {_change(before, after)}{by_how_much}"


def _index(value: float) -> str:
    """Two decimals, or where these would be 0 the first digit that is not."""
    return f"{value:.2f}" if value >= 0.005 or value < 1e-12 else f"{value:.1g}"


def _told_apart(one: float, other: float) -> tuple[str, str]:
    """Both numbers with so many digits that they are told apart: four, or more where they are close."""
    for digits in range(4, 17):
        texts = (f"{one:.{digits}g}", f"{other:.{digits}g}")
        if texts[0] != texts[1]:
            return texts
    return f"{one:.4g}", f"{other:.4g}"


def _shares_apart(one: float, other: float) -> str:
    """Two shares in percent, with so many decimals that they are told apart."""
    for decimals in range(5):
        texts = [f"{share * 100:.{decimals}f} %" for share in (one, other)]
        if texts[0] != texts[1]:
            break
    return " → ".join(texts)


def bars(before: Column, after: Column) -> Bars:
    """The reference's tenths of numbers, or the categories that are most frequent; shares of all rows, in percent.

    Parameters
    ----------
    before, after
        The column in the reference and now.

    Returns
    -------
    The bars; none where the two are not of one type.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> shops = build({"shop": np.array(["a", "b"])}).columns["shop"]
    >>> bars(shops, shops).reference[:2]
    [50.0, 50.0]
    """
    if isinstance(before, Numeric) and isinstance(after, Numeric):
        return _of_numbers(before, after)
    if isinstance(before, Categorical) and isinstance(after, Categorical):
        return _of_categories(before, after)
    return Bars([], [], [])


def _change(before: Column, after: Column) -> str:
    """What moved most: the share of missing values, of one value, or of numbers the median, an end or the deviation."""
    missing = [column.missing / max(column.rows + column.missing, 1) for column in (before, after)]
    if abs(missing[1] - missing[0]) > 0.1:
        return f"missing {_shares_apart(*missing)}"
    if isinstance(before, Numeric) and isinstance(after, Numeric) and before.rows and after.rows:
        return _change_of_numbers(before, after) or _missing_or_nothing(missing)
    if isinstance(before, Categorical) and isinstance(after, Categorical):
        before, after = alike(before, after)
        shares = [_shares(column) for column in (before, after)]
        names = sorted(shares[0].keys() | shares[1].keys())
        moved = max(names, key=lambda name: shares[1].get(name, 0) - shares[0].get(name, 0), default="")
        change = [share.get(moved, 0.0) for share in shares]
        if change[0] == change[1]:
            return _missing_or_nothing(missing)
        return f"{label(moved, before, after)} {_shares_apart(*change)}"
    return "no values now"


def _missing_or_nothing(missing: list[float]) -> str:
    return f"missing {_shares_apart(*missing)}" if missing[0] != missing[1] else "nothing that these numbers show"


def _change_of_numbers(before: Numeric, after: Numeric) -> str:
    """The quantile or the deviation that moved most, or the value whose share did; empty where none moved."""
    old, new = (column.values.astype(np.float64) for column in (before, after))
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values have no deviation
        deviations = float(np.std(old)), float(np.std(new))
        quantiles = [(float(np.quantile(old, at)), float(np.quantile(new, at))) for at in _QUANTILES.values()]
        unit = deviations[0] if np.isfinite(deviations[0]) and deviations[0] > 0 else 1.0
        # The ends vary more than the middle, so that the middle is named unless an end moved clearly more.
        moved = [abs(b - a) / unit / _SPREAD[name] for name, (a, b) in zip(_QUANTILES, quantiles, strict=True)]
        moved.append(abs(deviations[1] - deviations[0]) / unit)
    named = [*zip(_QUANTILES, quantiles, strict=True), ("deviation", deviations)]
    share, change = _share_of_one_value(old, new)
    best = max(range(len(moved)), key=lambda at: moved[at] if np.isfinite(moved[at]) else -1.0)
    if change > max(moved[best], 0.0) and change > 0:
        return share
    name, (one, other) = named[best]
    return f"{name} {' → '.join(_told_apart(one, other))}" if moved[best] > 0 else share if change > 0 else ""


def _share_of_one_value(old: Array, new: Array) -> tuple[str, float]:
    """Of columns of few values: the one that takes another share of the rows, in words, and by how much."""
    values, counts = np.unique(new, return_counts=True)
    if len(values) > _MOST_CATEGORIES * 2:
        return "", 0.0
    before = (old.searchsorted(values, "right") - old.searchsorted(values, "left")) / len(old)
    now = counts / len(new)
    at = int(np.argmax(now - before))
    shares = float(before[at]), float(now[at])
    return f"{values[at]:.4g} {_shares_apart(*shares)}", abs(shares[1] - shares[0])


def _shares(column: Categorical) -> dict[str, float]:
    return {name: count / max(column.rows, 1) for name, count in column.counts.items()}


def _of_numbers(before: Numeric, after: Numeric) -> Bars:
    if not before.rows:
        return Bars([], [], [])
    places = (np.arange(1, _BINS) / _BINS * len(before.values)).astype(np.int64)
    edges = np.unique(before.values[places])
    names = [f"≤ {edges[0]:.3g}", *(f"{low:.3g}–{high:.3g}" for low, high in pairwise(edges))]
    names += [f"> {edges[-1]:.3g}", _MISSING]
    return Bars(_apart(names), *(_in_percent(_counts(column, edges)) for column in (before, after)))


def _counts(column: Numeric, edges: Array) -> Array:
    return np.array([*np.diff([0.0, *column.ranks(edges, "right"), column.rows]), column.missing])


def _of_categories(before: Categorical, after: Categorical) -> Bars:
    before, after = alike(before, after)
    weight = {name: before.counts.get(name, 0) / max(before.rows, 1) for name in before.counts | after.counts}
    for name, count in after.counts.items():
        weight[name] += count / max(after.rows, 1)
    named = sorted(weight, key=lambda name: -weight[name])[:_MOST_CATEGORIES]
    sides = []
    for column in (before, after):
        counts = [column.counts.get(name, 0) for name in named]
        sides.append(_in_percent(np.array([*counts, column.rows - sum(counts), column.missing], dtype=np.float64)))
    return Bars(_apart([*(label(name, before, after) for name in named), _OTHERS, _MISSING]), *sides)


def _in_percent(counts: Array) -> list[float]:
    return [round(float(share), 2) for share in counts / max(counts.sum(), 1) * 100]


def _apart(names: list[str]) -> list[str]:
    """Names that are told apart, though rounding made them one."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    count: dict[str, int] = {}
    listed = []
    for name in names:
        count[name] = count.get(name, 0) + 1
        listed.append(name if seen[name] == 1 else f"{name} ({count[name]})")
    return listed
