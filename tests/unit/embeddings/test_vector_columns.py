"""Lists of numbers of one size are columns, whoever sends them and in whatever form."""

import io
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bot.domain.event import RowsKind
from bot.errors import Unfit
from bot.model_store.columns import REFERENCE, canonical, digest_of, schema_of, stacked, vectors_in
from bot.model_store.features.vectors import MOST_SIZE, sizes_of, thinned, to_values, vectors_of
from bot.model_store.json_rows import inline_of, table_of_body, table_of_inline
from bot.model_store.layout import laid_out

ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.5], None]
KINDS = [
    pa.list_(pa.float64()),
    pa.list_(pa.float32(), 3),
    pa.list_(pa.float16(), 3),
    pa.large_list(pa.float32()),
]


def through_parquet(table: pa.Table) -> pa.Table:
    packed = io.BytesIO()
    pq.write_table(table, packed)
    return pq.read_table(io.BytesIO(packed.getvalue()))


def sent(table: pa.Table) -> pa.Table:
    given = laid_out([(name, table[name]) for name in table.column_names], RowsKind.PREDICTIONS)
    assert not given.notes
    return given.table


def from_json(body: Any, kind: str = RowsKind.PREDICTIONS) -> tuple[pa.Table, dict[str, str]]:
    table, notes = table_of_body(msgspec.json.encode(body), kind)
    return table, dict(notes)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_lists_of_any_kind_are_the_same_vectors(kind: pa.DataType) -> None:
    values = pa.array(ROWS, kind if not pa.types.is_float16(kind.value_type) else pa.list_(pa.float32(), 3))
    table = pa.table({"id": ["a", "b", "c"], "image": values.cast(kind)})
    for form in (table, through_parquet(table), pa.concat_tables([table.slice(0, 1), table.slice(1)])):
        found = sent(form)
        assert to_values(found["feature.image"]) == ROWS
        assert schema_of(found)["feature.image"] == "embedding[3]"
    columns, _ = from_json({"columns": {"id": ["a", "b", "c"], "image": ROWS}})
    rows, _ = from_json({"rows": [{"id": i, "features": {"image": row}} for i, row in zip("abc", ROWS, strict=True)]})
    assert digest_of(canonical(sent(table))) == digest_of(canonical(columns)) == digest_of(canonical(rows))


def test_what_the_store_gives_back_has_the_name_that_it_was_asked_for() -> None:
    table = canonical(pa.table({"e": pa.array(ROWS)}))
    others = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.5], [0.0, 0.0, 0.0]], [[1.0, 2.0], [3.0, 4.0, 5.0, 6.5], None], ROWS[::-1]]
    assert digest_of(canonical(through_parquet(table))) == digest_of(table)
    assert len({digest_of(table), *(digest_of(canonical(pa.table({"e": pa.array(rows)}))) for rows in others)}) == 4


def test_gaps_and_other_sizes_stay_what_they_are() -> None:
    values = [[1, None, 3], [1.5, 2], [], None, "x", 7, [1e300, 0, 0], [1, 2, 3]]
    table, notes = from_json({"columns": {"id": list("abcdefgh"), "e": values}})
    column = table["feature.e"]
    assert sizes_of(column).tolist() == [3, 2, -1, -1, -1, 1, 3, 3]
    assert to_values(column)[0] == [1.0, None, 3.0] and to_values(column)[6] == [float("inf"), 0.0, 0.0]
    assert notes == {"e": "1 values are no lists of numbers, and count as missing"}


def test_other_lists_are_left_out_and_named() -> None:
    columns = {"id": ["a", "b"], "tags": [["x"], ["y", "z"]], "pairs": [[[1, 2]], [[3, 4]]], "flags": [[True], [False]]}
    table, notes = from_json({"columns": columns | {"one": [[1], [2]], "price": [1.5, [2, 3]]}})
    assert table.column_names == ["feature.price", "id"]
    assert notes.keys() == {"tags", "pairs", "flags", "one", "price"}
    long = pa.table({"id": ["a"], "e": pa.array([[0.0] * (MOST_SIZE + 1)])})
    given = laid_out([(name, long[name]) for name in long.column_names], RowsKind.PREDICTIONS)
    assert given.table.column_names == ["id"] and "16384 numbers at most" in given.notes["e"]


@pytest.mark.parametrize("name", ["prediction", "score", "label", "id"])
def test_only_features_are_vectors(name: str) -> None:
    with pytest.raises(Unfit, match=name):
        from_json({"columns": {"id": ["a", "b"]} | {name: [[1.0, 2.0], [3.0, 4.0]]}}, REFERENCE)
    table = pa.table({name: pa.array([[1.0, 2.0]])})
    with pytest.raises(Unfit, match=name):
        laid_out([(name, table[name])], REFERENCE)


def test_bytes_of_a_sender_are_no_vectors() -> None:
    for kind in (pa.binary(), pa.large_binary()):
        column = pa.chunked_array([pa.array([b"\x00" * 8], kind)])
        assert laid_out([("e", column)], RowsKind.PREDICTIONS).table.num_columns == 0


def test_few_vectors_travel_along_and_many_do_not() -> None:
    table, _ = from_json({"columns": {"id": ["a", "b"], "e": [[0.1, -2.5e-30, 3.0], None]}})
    inline = inline_of(table, RowsKind.PREDICTIONS)
    assert inline is not None and b"0.1," in inline
    assert table_of_inline(inline, RowsKind.PREDICTIONS).equals(table)
    many, _ = from_json({"columns": {"id": ["a"] * 20, "e": [[0.5] * 8192] * 20}})
    assert inline_of(many, RowsKind.PREDICTIONS) is None
    infinite, _ = from_json({"columns": {"id": ["a"], "e": [[1e300, 1.0]]}})
    assert inline_of(infinite, RowsKind.PREDICTIONS) is None


def test_vectors_of_several_batches_stand_one_below_the_other_whatever_their_sizes() -> None:
    three, two = (canonical(pa.table({"e": pa.array([[1.0] * size])})) for size in (3, 2))
    others = [pa.table({"e": values}) for values in ([1.5], ["x"], pa.nulls(1), [True])]
    together = stacked([*others[:1], three, two, *others[1:]])["e"]
    assert sizes_of(together).tolist() == [1, 3, 2, -1, -1, -1]
    assert vectors_of(together).rows_at(np.array([1])).tolist() == [[1.0, 1.0, 1.0]]


def test_of_many_vectors_some_are_read_and_the_others_are_not_missing() -> None:
    table = canonical(pa.table({"feature.e": pa.array([[float(n), 0.0] for n in range(99)] + [None])}))
    few = thinned(vectors_in(table)["e"], 10)
    sizes = sizes_of(few)
    assert (sizes == 2).sum() == 9 and (sizes == -1).sum() == 1 and (sizes == 0).sum() == 90
    assert vectors_of(few).rows_at(np.flatnonzero(sizes == 2))[0].tolist() == [0.0, 0.0]
