"""What was predicted beside what was true: where that changes, what is true of the same inputs has changed.

Where the inputs drift and the model is as good for all of them, it stays as it is. Of classes it is what is predicted
*where each class is true*: how often each class comes makes no difference, only what the model makes of it.
"""

import numpy as np

from bot.watches.models.kinds.registry import CheckSkipped
from bot.watches.models.window import LoadedReference, Table
from detectors.drift.packing import Array
from detectors.drift.profile import Profile, as_numbers, build
from detectors.drift.spellings import Spellings
from detectors.drift.texts import category, is_missing

_MOST_CLASSES = 20
_LEAST_ROWS = 32
"""Classes that the reference has fewer rows of are not looked at by themselves."""


def profile_of_errors(loaded: LoadedReference) -> Profile:
    """The reference's errors. Raises CheckSkipped."""
    errors = errors_of(loaded.table, loaded.table)
    errors = {name: column for name, column in errors.items() if len(column) >= min(_LEAST_ROWS, loaded.table.rows)}
    if not errors:
        raise CheckSkipped(f"the reference {loaded.version} has too few labels of each class")
    return Profile(min(map(len, errors.values())), build(errors).columns)


def errors_of(table: Table, reference: Table) -> dict[str, Array]:
    """The difference of numbers; of classes what was predicted, by what was true. Raises CheckSkipped."""
    if reference.prediction is None or reference.label is None:
        raise CheckSkipped("a drift of the concept is told from a reference with labels and predictions")
    if table.prediction is None or table.label is None:
        raise CheckSkipped("there are no predictions with labels")
    if _are_numbers(reference.label) and _are_numbers(reference.prediction):
        with np.errstate(invalid="ignore"):
            return {"error": as_numbers(table.prediction) - as_numbers(table.label)}
    both = (reference.label, reference.prediction)
    known = {category(value) for column in both for value in set(column.tolist()) if not is_missing(value)}
    spellings = Spellings.of(known)
    true, predicted = (_named(column, spellings) for column in (table.label, table.prediction))
    classes = sorted({category(value) for value in set(reference.label.tolist()) if not is_missing(value)})
    return {f"predicted where {name} is true": predicted[true == name] for name in map(spellings.known_as, classes)}


def _named(column: Array, spellings: Spellings) -> Array:
    named = np.empty(len(column), dtype=object)
    named[:] = [None if is_missing(value) else spellings.known_as(category(value)) for value in column.tolist()]
    return named


def _are_numbers(column: Array) -> bool:
    """Numbers, and not the few of them that stand for classes."""
    return column.dtype.kind in "iuf" and len(np.unique(column[~np.isnan(as_numbers(column))])) > _MOST_CLASSES
