"""From the columns that a sender has to ours: what is no feature is named, and costs the others nothing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from bot.domain.event import RowsKind
from bot.errors import Unfit
from bot.model_store.columns import (
    FEATURE,
    KNOWN,
    LABELS,
    MOST_NAME,
    QUANTILE,
    SCORE,
    as_fixed,
    canonical,
    digest_of,
    is_plain,
)
from bot.model_store.features.vectors import are_lists, why_no_vectors

Columns = Sequence[tuple[str, pa.ChunkedArray]]
_INDEX = re.compile(r"__index_level_\d+__")
_MOST_NOTES = 50
_MOST_SHOWN = 80


class LaidOut(NamedTuple):
    """A table in our columns, and by the sender's name what became of columns that are not in it as they came."""

    table: pa.Table
    notes: Mapping[str, str]


def laid_out(columns: Columns, kind: str) -> LaidOut:
    """The columns that a sender has, as those that we keep: what has no name that is known is a feature.

    Features may be named plainly, with the prefix ``feature.``, or be the fields of one struct ``features``. What
    cannot be one is left out and noted: the index of pandas, binary columns and nested ones that are no vectors, spans
    of time, one name for two columns that differ. Raises Unfit where that is a column that is known.
    """
    notes: dict[str, str] = {}
    taken: dict[str, pa.ChunkedArray] = {}
    twice: set[str] = set()
    known = (*KNOWN[kind], "label") if kind == RowsKind.PREDICTIONS else KNOWN[kind]
    for name, ours, column in _ours(columns, known):
        if (why := _unfit(name, column, ours.startswith(FEATURE))) is not None:
            if ours in KNOWN[kind]:
                raise Unfit(f"{name} cannot hold {why}")
            notes[_shown(name)] = f"left out: {why}"
        elif ours in twice:
            continue
        elif ours not in taken:
            taken[ours] = column
        elif ours in KNOWN[kind]:
            raise Unfit(f"there are two columns {name!r}")
        elif not _alike(taken[ours], column):
            twice.add(ours)
            notes[name] = "left out: it is there twice, with different values"
        else:
            notes[name] = "it is there twice with the same values, and taken once"
    table = canonical(pa.table({name: column for name, column in taken.items() if name not in twice}))
    return LaidOut(pa.table({name: as_fixed(name, table[name]) for name in table.column_names}), bounded(notes))


def labels_apart(table: pa.Table) -> tuple[pa.Table, pa.Table | None]:
    """Predictions without the labels that came along with them, and these; None where there are none."""
    if "label" not in table.column_names:
        return table, None
    labels = table.select([name for name in LABELS if name in table.column_names])
    labels = labels.filter(pc.is_valid(labels["label"]))
    return table.drop_columns(["label"]), labels if labels.num_rows else None


def bounded(notes: Mapping[str, str]) -> Mapping[str, str]:
    """The first notes, and how many more there are: a table may have thousands of columns."""
    if len(notes) <= _MOST_NOTES:
        return notes
    first = dict(list(notes.items())[:_MOST_NOTES])
    return first | {"…": f"and {len(notes) - _MOST_NOTES} more columns"}


def _ours(columns: Columns, known: Sequence[str]) -> Iterable[tuple[str, str, pa.ChunkedArray]]:
    """Each column with the sender's name and ours."""
    for name, column in columns:
        if name == "features" and pa.types.is_struct(column.type):
            fields = [column.type.field(at).name for at in range(column.type.num_fields)]
            yield from ((field, FEATURE + field, pc.struct_field(column, [at])) for at, field in enumerate(fields))
        elif name in known or name.startswith((FEATURE, SCORE, QUANTILE)):
            yield name, name, column
        else:
            yield name, FEATURE + name, column


def _unfit(name: str, column: pa.ChunkedArray, is_feature: bool) -> str | None:
    """Why a column cannot be taken, as what it would hold. Only features are vectors."""
    if _INDEX.fullmatch(name):
        return "the index of pandas, which is no feature"
    if len(name) > MOST_NAME or not name.isprintable() or not name.strip():
        return f"its name is empty, not printable, or longer than {MOST_NAME} characters"
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if are_lists(kind) and is_feature:
        why = why_no_vectors(column)
        return f"{kind}; {why}" if why else None
    return None if is_plain(kind) else f"{kind}; only numbers, booleans, text, moments and vectors are taken"


def _shown(name: str) -> str:
    """A name as it can be read, however long it is and whatever it holds."""
    return name if name.isprintable() and len(name) <= MOST_NAME else repr(name)[:_MOST_SHOWN]


def _alike(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    """Whether two columns hold the same, however each is encoded."""
    first, second = (digest_of(canonical(pa.table({"": column}))) for column in (one, other))
    return first == second
