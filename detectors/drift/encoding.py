"""Rows as a matrix of numbers, for what looks at all columns together."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np

from detectors.drift.packing import Array
from detectors.drift.profile import Column, Numeric, Profile, as_numbers
from detectors.drift.texts import category, is_missing


def encoded(reference: Profile, table: Mapping[str, Array], columns: Sequence[str]) -> Array:
    """Rows × columns, as float32: categories by their place among the reference's, NaN for what is missing.

    A category that the reference does not have comes after all that it has, and of too many to be known by name the
    place is their bucket's (see ``categories``); a column that the table lacks is missing.

    Parameters
    ----------
    reference
        The profile whose categories are numbered.
    table
        The columns, each of shape (rows,).
    columns
        Names, in the order of the answer.

    Returns
    -------
    Of shape (rows, columns), in the unit of each column; NaN for what is missing.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> reference = build({"shop": np.array(["a", "b"]), "price": np.array([1.0, 2.0])})
    >>> encoded(reference, {"shop": np.array(["b", "c", None], dtype=object)}, ["shop", "price"]).tolist()
    [[1.0, nan], [2.0, nan], [nan, nan]]
    """
    rows = max((len(column) for column in table.values()), default=0)
    matrix = np.full((rows, len(columns)), np.nan, dtype=np.float32)
    for at, name in enumerate(columns):
        if name in table:
            matrix[:, at] = _numbers(reference.columns[name], np.asarray(table[name]))
    return matrix


def _numbers(column: Column, raw: Array) -> Array:
    if isinstance(column, Numeric):
        with np.errstate(over="ignore"):  # what is too large for single precision is infinite
            numbers = as_numbers(raw).astype(np.float32)
        return np.where(np.isinf(numbers), np.sign(numbers) * np.finfo(np.float32).max, numbers)
    known = list(column.counts)
    places: dict[object, float] = {}
    for value in set(raw.tolist()):
        places[value] = np.nan if is_missing(value) else _place(known, column.place_of(category(value)))
    return np.array([np.nan if is_missing(value) else places[value] for value in raw.tolist()], dtype=np.float32)


def _place(known: list[str], text: str) -> float:
    place = bisect_left(known, text)
    return float(place if place < len(known) and known[place] == text else len(known))
