"""Data quality: whether a batch is well formed, compared with its reference."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binom, hypergeom

from detectors.drift.categories import MOST_CATEGORIES, Categorical
from detectors.drift.ordered import kolmogorov_smirnov
from detectors.drift.packing import Array
from detectors.drift.profile import Column, Numeric, Profile
from detectors.drift.result import Result
from detectors.drift.texts import is_missing

_UNITS = {
    1000: "kilo", 1e6: "mega", 1e9: "giga", 100: "percent or cents", 60: "minutes and seconds",
    3600: "hours and seconds", 24: "days and hours", 2.54: "inches and centimetres", 0.3048: "feet and metres",
    1.609: "miles and kilometres", 0.4536: "pounds and kilograms",
}  # fmt: skip
_QUANTILES = np.arange(1, 20) / 20
_LEAST_ROWS = 20


class Finding(NamedTuple):
    """What is wrong with a column (or the whole batch: None), how much of it from 0 to 1, and in words.

    Parameters
    ----------
    kind
        schema, type, missing, infinite, range, category, constant, unit, duplicate or freshness.
    column
        Its name; None for the whole batch.
    share
        Of the rows, between 0 and 1.
    text
        In words, with the numbers.

    Examples
    --------
    >>> Finding("schema", "price", 1.0, "price is not there").column
    'price'
    """

    kind: str
    column: str | None
    share: float
    text: str


def findings(reference: Profile, table: Mapping[str, Array], alpha: float = 1e-6) -> list[Finding]:
    """What is wrong with the batch: schema, type, missing, infinite, range, category, constant, unit.

    Parameters
    ----------
    reference
        The reference's profile.
    table
        The batch's columns, each of shape (rows,), as they came.
    alpha
        The chance of each finding that depends on counts (more missing than usual …), where the rows are exchangeable
        with the reference's: with a batch a minute, 1e-6 is one in two years.

    Returns
    -------
    One finding a column and kind.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> reference = build({"weight": np.linspace(50, 90, 200), "shop": np.array(["a", "b"] * 100)})
    >>> batch = {"weight": np.linspace(50, 90, 100) * 1000, "shop": np.array(["a", "c"] * 50)}
    >>> [(finding.kind, finding.column, finding.share) for finding in findings(reference, batch)]
    [('range', 'weight', 1.0), ('unit', 'weight', 1.0), ('category', 'shop', 0.5)]

    References
    ----------
    Schelter et al.: Automating large-scale data quality verification. VLDB 2018.
    """
    now = reference.read(table)
    odd = {name: _no_numbers(reference.columns[name], np.asarray(table[name])) for name in now.columns}
    return findings_of(reference, now, odd, table, alpha)


def findings_of(
    reference: Profile, now: Profile, odd: Mapping[str, int], names: Collection[str], alpha: float = 1e-6
) -> list[Finding]:
    """What is wrong with a batch that was counted elsewhere, as :func:`findings` says it of rows.

    Parameters
    ----------
    reference, now
        The reference's profile, and the batch as the reference reads it.
    odd
        By column of numbers how many values are none, which count as missing in ``now``.
    names
        The batch's columns.
    alpha
        As for :func:`findings`.

    Returns
    -------
    One finding a column and kind.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> reference = build({"size": np.arange(9.0)})
    >>> [one.text for one in findings_of(reference, reference.read({}), {}, ["length"])]
    ['size is not there', 'length is new']
    """
    found = [Finding("schema", name, 1.0, f"{name} is not there") for name in reference.columns if name not in names]
    found += [Finding("schema", name, 1.0, f"{name} is new") for name in names if name not in reference.columns]
    for name, column in now.columns.items():
        found += _of_column(name, reference.columns[name], column, odd.get(name, 0), alpha)
    return found


def duplicates(ids: Sequence[object]) -> Finding | None:
    """Rows whose id came before in the same batch.

    Parameters
    ----------
    ids
        One a row, in any order.

    Returns
    -------
    The finding; None where every id is there once.

    Examples
    --------
    >>> duplicates(["a", "b", "a", "a"])
    Finding(kind='duplicate', column=None, share=0.5, text='2 of 4 ids came before')
    """
    return repeated(len(ids) - len(set(ids)), len(ids))


def repeated(again: int, rows: int) -> Finding | None:
    """Rows whose id came before, of so many.

    Parameters
    ----------
    again, rows
        How many came before, and how many there are.

    Returns
    -------
    The finding; None where no id came twice.

    Examples
    --------
    >>> repeated(2, 4)
    Finding(kind='duplicate', column=None, share=0.5, text='2 of 4 ids came before')
    """
    return Finding("duplicate", None, again / rows, f"{again} of {rows} ids came before") if again else None


def stale(newest: float | None, now: float, within: float) -> Finding | None:
    """No data for longer than ``within``; all three in seconds, ``newest`` None where there never was any.

    Parameters
    ----------
    newest, now
        Seconds since the epoch.
    within
        Seconds.

    Returns
    -------
    The finding; None where data came in time.

    Examples
    --------
    >>> stale(newest=100.0, now=400.0, within=60.0)
    Finding(kind='freshness', column=None, share=1.0, text='no data for 300 s')
    """
    if newest is None:
        return Finding("freshness", None, 1.0, "no data yet")
    late = now - newest
    return Finding("freshness", None, 1.0, f"no data for {late:.0f} s") if late > within else None


def _of_column(name: str, before: Column, after: Column, odd: int, alpha: float) -> Iterator[Finding]:
    rows = after.rows + after.missing
    if rows == 0:
        return
    if odd:  # what else could be said of the column follows from this
        yield Finding("type", name, odd / rows, f"{odd} of {rows} values of {name} are no numbers")
        return
    yield from _missing(name, before, after, alpha)
    yield from _infinite(name, before, after, alpha)
    yield from _constant(name, before, after, alpha)
    if isinstance(before, Numeric) and isinstance(after, Numeric):
        yield from _range(name, before, after, alpha)
        yield from _unit(name, before, after, alpha)
    elif isinstance(before, Categorical) and isinstance(after, Categorical):
        yield from _category(name, before, after, alpha)


def _no_numbers(before: Column, raw: Array) -> int:
    if isinstance(before, Categorical) or raw.dtype.kind in "iufb":
        return 0
    return sum(not is_missing(value) for value in raw[np.isnan(before.numbers(raw))])


def _missing(name: str, before: Column, after: Column, alpha: float) -> Iterator[Finding]:
    """Fisher's exact test, one-sided."""
    known, rows = before.rows + before.missing, after.rows + after.missing
    p = _as_many(after.missing, rows, before.missing, known)
    if after.missing and p < alpha:
        share = after.missing / rows
        usual = before.missing / max(known, 1)
        yield Finding("missing", name, share, f"{share:.1%} of {name} is missing, usually {usual:.1%}")


def _infinite(name: str, before: Column, after: Column, alpha: float) -> Iterator[Finding]:
    """Fisher's exact test, one-sided, on how many values are infinite."""
    if not isinstance(before, Numeric) or not isinstance(after, Numeric):
        return
    usual, many = _count_infinite(before), _count_infinite(after)
    p = _as_many(many, after.rows, usual, before.rows)
    if many and (p < alpha or not usual):
        yield Finding("infinite", name, many / after.rows, f"{many} of {after.rows} values of {name} are infinite")


def _count_infinite(column: Numeric) -> int:
    """Values that are infinite: sorted, they are at both ends."""
    low, high = column.ranks(np.array([-np.inf]), "right"), column.ranks(np.array([np.inf]), "left")
    return round(float(low[0] + column.rows - high[0]))


def _as_many(many: int, rows: int, usual: int, known: int) -> float:
    """Fisher's exact test, one-sided: the chance that so many of all are among these rows, or more.

    As many here or more is as few there or fewer, and the sum is over the side that has fewer rows.
    """
    total, together = rows + known, many + usual
    if rows <= known:
        return float(hypergeom.sf(many - 1, total, together, rows))
    return float(hypergeom.cdf(usual, total, together, known))


def _constant(name: str, before: Column, after: Column, alpha: float) -> Iterator[Finding]:
    """One value only, where the reference makes it unlikely that all rows are like the first."""
    if isinstance(before, Numeric) and isinstance(after, Numeric):
        if after.rows < 2 or after.values[0] != after.values[-1]:
            return
        value = after.values[0]
        usual = float(np.diff([before.values.searchsorted(value, side) for side in ("left", "right")])[0])
        share, text = usual / max(len(before.values), 1), f"{value:g}"
    elif isinstance(before, Categorical) and isinstance(after, Categorical):
        if len(after.counts) != 1 or len(after.named) != 1 or after.merged or after.rows < 2:
            return
        (place,), (text,) = after.counts, after.named
        share = before.counts.get(place, 0) / max(before.rows, 1)
    if (share + 1 / (before.rows + 1)) ** (after.rows - 1) < alpha:
        yield Finding("constant", name, 1.0, f"all {after.rows} values of {name} are {text}")


def _range(name: str, before: Numeric, after: Numeric, alpha: float) -> Iterator[Finding]:
    """The share beyond the reference's extremes is Beta(2, N − 1) distributed, whatever the values' distribution."""
    if before.rows < 2 or not after.rows:
        return
    low, high = before.values[0], before.values[-1]
    under, upto = after.ranks(np.array([low]), "left"), after.ranks(np.array([high]), "right")
    outside = round(float(under[0] + after.rows - upto[0]))
    # Beta-binomial, as a sum of two terms: of outside + 1 rows of both sides together, one at most is the reference's
    if hypergeom.cdf(1, before.rows + after.rows, before.rows, outside + 1) < alpha:
        text = f"{outside} of {after.rows} values of {name} are outside {low:g} … {high:g}"
        yield Finding("range", name, outside / after.rows, text)


def _category(name: str, before: Categorical, after: Categorical, alpha: float) -> Iterator[Finding]:
    """New ones are expected as often as the reference has categories of one row (Good 1953); without such, never.

    Where the reference has too many to know them by name, none is called new.
    """
    if before.hashed:
        return
    new = {text: count for text, count in after.counts.items() if text not in before.counts}
    rows, expected = sum(new.values()), [*before.counts.values()].count(1) / max(before.rows, 1)
    if new and binom.sf(rows - 1, after.rows, expected) < alpha:
        named = ", ".join(sorted(new, key=new.__getitem__, reverse=True)[:3])
        how_many = f"at least {max(len(new), MOST_CATEGORIES + 1 - len(before.counts))}" if after.merged else len(new)
        yield Finding("category", name, rows / after.rows, f"{how_many} new in {name}: {named}")


def _unit(name: str, before: Numeric, after: Numeric, alpha: float) -> Iterator[Finding]:
    """All values times one factor, where that factor explains a distance to the reference that chance does not."""
    if min(before.rows, after.rows) < _LEAST_ROWS:
        return
    usual, lately = (np.quantile(side.values.astype(np.float64), _QUANTILES) for side in (before, after))
    factor = float(usual @ lately / (usual @ usual)) if usual.any() else 1.0
    if not np.isfinite(factor) or factor <= 0 or 2 / 3 <= factor <= 3 / 2:
        return
    scaled = Numeric((after.values / factor).astype(before.values.dtype), after.rows, 0)
    apart, near = (_distance(before, side) for side in (after, scaled))
    if apart.statistic > 0.2 and (apart.p or 0.0) < alpha and (near.statistic < 0.05 or (near.p or 0.0) > 0.001):
        unit = _named(factor)
        yield Finding("unit", name, 1.0, f"{name} is {factor:.4g} times what it was" + (f": {unit}?" if unit else ""))


def _distance(before: Numeric, after: Numeric) -> Result:
    return kolmogorov_smirnov(Profile(before.rows, {"": before}), Profile(after.rows, {"": after}))[""]


def _named(factor: float) -> str | None:
    """The units between which that is the factor, within 5 %."""
    names = (
        name for known, name in _UNITS.items() for ratio in (factor / known, factor * known) if 0.95 < ratio < 1.05
    )
    return next(names, None)
