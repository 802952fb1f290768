"""The one form of a table, its name by content, and what cannot be kept."""

import io
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import NOT_INLINE, RowsEvent, RowsKind, decode_events, encode_events
from bot.errors import Unfit
from bot.model_store.columns import REFERENCE, canonical, checked, digest_of, features_of, span_of, stacked
from bot.model_store.json_rows import column_of, inline_of, table_of_body, table_of_inline
from bot.model_store.layout import LaidOut, labels_apart
from bot.model_store.layout import laid_out as laid_out_columns

VALUES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.float64(), st.floats(width=64)),
    (pa.string(), st.text(max_size=5)),
    (pa.bool_(), st.booleans()),
    (pa.timestamp("us", tz="UTC"), st.integers(0, 2**50)),
    (pa.float32(), st.floats(width=32)),
]


def laid_out(table: pa.Table, kind: str = RowsKind.PREDICTIONS) -> LaidOut:
    return laid_out_columns([(name, table.column(at)) for at, name in enumerate(table.column_names)], kind)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 20))
    names = draw(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=4), min_size=1, unique=True))
    columns = {}
    for name in names:
        kind, values = draw(st.sampled_from(VALUES))
        listed = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        columns[name] = (
            pa.array(listed, pa.int64()).cast(kind) if pa.types.is_timestamp(kind) else pa.array(listed, kind)
        )
    return pa.table(columns)


def through_parquet(table: pa.Table, **options: Any) -> pa.Table:
    packed = io.BytesIO()
    pq.write_table(table, packed, **options)
    return pq.read_table(io.BytesIO(packed.getvalue()))


def name_of(table: pa.Table) -> str:
    return digest_of(canonical(table))


@given(tables(), st.randoms(), st.integers(1, 7))
def test_the_same_data_has_the_same_name_in_any_order_of_columns_and_row_groups(
    table: pa.Table, random: Any, group: int
) -> None:
    names = list(table.column_names)
    random.shuffle(names)
    moved = table.select(names)
    cut = pa.concat_tables([moved.slice(at, group) for at in range(0, len(moved), group)] or [moved])
    written = through_parquet(moved, row_group_size=group, use_dictionary=bool(group % 2), compression="snappy")
    assert name_of(table) == name_of(moved) == name_of(cut) == name_of(written)


@given(tables())
def test_what_the_store_gives_back_has_the_name_that_it_was_asked_for(table: pa.Table) -> None:
    plain = canonical(table)
    assert digest_of(canonical(through_parquet(plain, compression="zstd"))) == digest_of(plain)


def test_other_data_has_another_name() -> None:
    table = pa.table({"x": [1, 2], "y": ["ab", "c"]})
    others = [
        pa.table({"x": [2, 1], "y": ["ab", "c"]}),
        pa.table({"x": [1, 2], "y": ["a", "bc"]}),
        pa.table({"x": [1, 2], "z": ["ab", "c"]}),
        pa.table({"x": [1.0, 2.0], "y": ["ab", "c"]}),
        pa.table({"x": [1, None], "y": ["ab", "c"]}),
        pa.table({"x": [1, 0], "y": ["ab", "c"]}),
    ]
    assert len({name_of(one) for one in [table, *others]}) == 7


def test_how_a_column_is_encoded_makes_no_difference() -> None:
    text = pa.chunked_array([["a", "b", None]])
    forms = [text, text.dictionary_encode(), text.cast(pa.large_string()), text.cast(pa.string_view())]
    assert len({name_of(pa.table({"x": form})) for form in forms}) == 1
    moments = pa.chunked_array([[0, 10**6]]).cast(pa.timestamp("us", tz="UTC"))
    forms = [moments, moments.cast(pa.timestamp("ns", tz="Europe/Vienna")), moments.cast(pa.timestamp("ms"))]
    assert len({name_of(pa.table({"x": form})) for form in forms}) == 1


def test_what_lies_under_a_null_makes_no_difference() -> None:
    only_first = pa.py_buffer(b"\x01")
    columns = [
        pa.Array.from_buffers(pa.int64(), 2, [only_first, pa.array([1, hidden]).buffers()[1]]) for hidden in (7, 9)
    ]
    assert name_of(pa.table({"x": columns[0]})) == name_of(pa.table({"x": columns[1]}))


@pytest.mark.parametrize("column", [pa.array([[1]]), pa.array([b"\xff"]), pa.array([{"a": 1}])])
def test_nested_and_binary_columns_are_refused_by_name(column: pa.Array) -> None:
    with pytest.raises(Unfit, match="embedding"):
        canonical(pa.table({"embedding": column}))


def test_features_may_be_named_plainly_with_a_prefix_or_in_a_struct() -> None:
    plain = pa.table({"id": ["a"], "price": [1.0]})
    prefixed = pa.table({"id": ["a"], "feature.price": [1.0]})
    nested = pa.table({"id": ["a"], "features": [{"price": 1.0}]})
    expected = {"feature.price": [1.0], "id": ["a"]}
    assert [laid_out(table).table.to_pydict() for table in (plain, prefixed, nested)] == [expected] * 3


COLUMNS: list[tuple[str, pa.Array, str]] = [
    ("__index_level_0__", pa.array([1, 2]), "the index of pandas"),
    ("embedding", pa.array([[1.0], [2.0]]), "left out: list<item: double>"),
    ("took", pa.array([1, 2], pa.duration("s")), "left out: duration"),
    ("photo", pa.array([b"\xff", b"\x00"]), "left out: binary"),
    ("photo", pa.array([b"\xff", b"\x00"]).dictionary_encode(), "left out: binary"),
    ("at", pa.array([1, 2], pa.time64("us")), "left out: time64"),
    ("shop", pa.array([{"a": 1}, None]), "left out: struct"),
    ("", pa.array([1, 2]), "left out: its name is empty"),
    (" x", pa.array([[1], [2]]), "left out: list"),
]


@pytest.mark.parametrize("name, column, why", COLUMNS)
def test_a_column_that_is_no_feature_is_named_and_costs_the_others_nothing(
    name: str, column: pa.Array, why: str
) -> None:
    table, notes = laid_out(pa.table({"id": ["a", "b"], "price": [1.0, 2.0], name: column}))
    assert table.to_pydict() == {"feature.price": [1.0, 2.0], "id": ["a", "b"]}
    assert list(notes) == [name] and why in notes[name]
    with pytest.raises(Unfit, match="prediction cannot hold list"):
        laid_out(pa.table({"id": ["a"], "prediction": [[1.0]]}))


@pytest.mark.parametrize("name", ["x\n", "x" * 300, " "])
def test_a_name_that_cannot_be_shown_costs_the_other_columns_nothing(name: str) -> None:
    table, notes = laid_out(pa.table({"id": ["a"], "price": [1.0], name: [2.0]}))
    assert table.column_names == ["feature.price", "id"]
    [(shown, why)] = notes.items()
    assert shown.isprintable() and len(shown) <= 200 and "its name is empty, not printable, or longer" in why


def test_of_one_name_for_two_columns_the_same_values_are_taken_once_and_others_left_out() -> None:
    names = ["id", "price", "shop", "price", "shop"]
    shops = (pa.array(["x", "y"]), pa.array(["x", "z"]))
    columns = [pa.array(["a", "b"]), pa.array([1.0, 2.0]), shops[0], pa.array([1.0, 2.0]), shops[1]]
    table, notes = laid_out(pa.Table.from_arrays(columns, names))
    assert table.column_names == ["feature.price", "id"]
    assert "taken once" in notes["price"] and "different values" in notes["shop"]
    encoded = [columns[0], shops[0], shops[0].dictionary_encode(), pa.array([1.0, np.nan]), pa.array([1.0, np.nan])]
    table, notes = laid_out(pa.Table.from_arrays(encoded, ["id", "shop", "shop", "price", "price"]))
    assert table.column_names == ["feature.price", "feature.shop", "id"]
    with pytest.raises(Unfit, match="two columns 'id'"):
        laid_out(pa.Table.from_arrays([columns[0], columns[0]], ["id", "id"]))


def test_a_label_among_predictions_is_kept_as_a_label() -> None:
    given = laid_out(pa.table({"id": ["a", "b"], "price": [1.0, 2.0], "label": [None, "x"]}))
    predictions, labels = labels_apart(given.table)
    assert predictions.column_names == ["feature.price", "id"]
    assert labels is not None and labels.to_pylist() == [{"id": "b", "label": "x"}]
    assert labels_apart(predictions)[1] is None


def test_scores_of_classes_and_quantiles_are_no_features() -> None:
    given = {"id": ["a"], "score.cat": [1], "quantile.0.9": [2.5], "feature.score.own": [3.0]}
    table = laid_out(pa.table(given)).table
    assert table.column_names == ["feature.score.own", "id", "quantile.0.9", "score.cat"]
    rows = b'{"rows": [{"id": "a", "scores": {"cat": 1}, "quantiles": {"0.9": 2.5}, "features": {"score.own": 3.0}}]}'
    assert table_of_body(rows, RowsKind.PREDICTIONS).table.equals(table)
    raw = inline_of(table, RowsKind.PREDICTIONS)
    assert raw is not None and table_of_inline(raw, RowsKind.PREDICTIONS).equals(table)
    with pytest.raises(Unfit, match="between 0 and 1"):
        laid_out(pa.table({"id": ["a"], "quantile.high": [1.0]}))


def test_keys_that_json_has_twice_are_named() -> None:
    body = b'{"columns": {"id": ["a"], "x": [1], "y": [1], "x": [2], "y": [1]}}'
    table, notes = table_of_body(body, RowsKind.PREDICTIONS)
    assert table.column_names == ["feature.y", "id"] and set(notes) == {"x", "y"}
    rows = b'{"rows": [{"id": "a", "features": {"x": 1, "y": 1, "x": 2}}, {"id": "b", "features": {"x": 1}}]}'
    table, notes = table_of_body(rows, RowsKind.PREDICTIONS)
    assert table.column_names == ["feature.y", "id"] and "twice" in notes["x"]
    for bad in (b'{"rows": [{"id": "a", "id": "b"}]}', b'{"columns": {"id": ["a"], "id": ["b"]}}'):
        with pytest.raises(Unfit, match="id"):
            table_of_body(bad, RowsKind.PREDICTIONS)


def test_a_list_in_some_rows_of_a_feature_counts_as_missing_there() -> None:
    rows = b'{"rows": [{"id": "a", "features": {"x": [1], "y": 1}}, {"id": "b", "features": {"x": {}, "y": [2]}}]}'
    table, notes = table_of_body(rows, RowsKind.PREDICTIONS)
    assert table.to_pydict() == {"feature.y": [1, None], "id": ["a", "b"]}
    assert "left out" in notes["x"] and "1 values are lists" in notes["y"]


def test_ids_may_be_numbers_and_timestamps_text() -> None:
    table = laid_out(pa.table({"id": [7], "timestamp": ["2026-03-01T12:00:00+01:00"]})).table
    assert table.to_pylist() == [{"id": "7", "timestamp": datetime(2026, 3, 1, 11, tzinfo=UTC)}]
    with pytest.raises(Unfit, match="timestamp must hold moments"):
        laid_out(pa.table({"timestamp": ["yesterday"]}))


def test_values_of_different_kinds_become_text_and_large_numbers_floats() -> None:
    assert column_of("x", [1, "a", None]).to_pylist() == ["1", "a", None]
    assert column_of("x", [1, 2.5]).to_pylist() == [1.0, 2.5]
    assert column_of("x", [2**70, 1]).to_pylist() == [float(2**70), 1.0]
    assert column_of("x", [None, None]).type == pa.null()
    with pytest.raises(Unfit, match="x: only numbers"):
        column_of("x", [1, [2]])


def test_tables_of_different_columns_and_types_stand_one_below_the_other() -> None:
    one = pa.table({"id": ["a"], "x": [1], "y": pa.nulls(1)})
    other = pa.table({"id": ["b"], "x": [2.5], "y": ["z"]})
    third = pa.table({"id": ["c"], "x": ["text"]})
    assert stacked([one, other]).to_pydict() == {"id": ["a", "b"], "x": [1.0, 2.5], "y": [None, "z"]}
    assert stacked([one, other, third])["x"].to_pylist() == ["1", "2.5", "text"]


def test_detectors_get_arrays_with_their_own_kinds_of_missing_values() -> None:
    table = pa.table({"feature.n": [1, None], "feature.t": ["a", None], "feature.b": [True, None], "id": ["1", "2"]})
    features = features_of(table)
    assert list(features) == ["n", "t", "b"]
    assert features["n"][0] == 1.0 and np.isnan(features["n"][1])
    assert features["t"].tolist() == ["a", None] and features["b"].tolist() == [True, None]


@pytest.mark.parametrize(
    ("kind", "table", "said"),
    [
        (RowsKind.PREDICTIONS, {"feature.x": [1]}, "the column id is missing"),
        (RowsKind.PREDICTIONS, {"id": ["a", None]}, "id is missing in row 1"),
        (RowsKind.LABELS, {"id": ["a"], "label": pa.nulls(1)}, "label is missing in row 0"),
        (RowsKind.LABELS, {"id": ["a"], "label": [1], "feature.x": [1]}, "not 'x'"),
        (REFERENCE, {"label": [1]}, "one feature at least"),
        (REFERENCE, {"feature.x": pa.array([], pa.int64())}, "one row"),
        (REFERENCE, {"feature." + "x" * 300: [1]}, "longer than 200"),
        (REFERENCE, {"feature.x": [1], "timestamp": pa.array([2**61]).cast(pa.timestamp("us", tz="UTC"))}, "row 0"),
    ],
)
def test_what_cannot_be_kept_is_said_with_its_place(kind: str, table: dict[str, Any], said: str) -> None:
    with pytest.raises(Unfit, match=said):
        checked(pa.table(table), kind)


def test_a_batch_spans_the_moments_of_its_rows_and_of_its_receipt_where_one_has_none() -> None:
    early, received = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    assert span_of(pa.table({"id": ["a"]}), received) == (received, received)
    moments = pa.array([early, None], pa.timestamp("us", tz="UTC"))
    assert span_of(pa.table({"timestamp": moments}), received) == (early, received)


def test_rows_and_columns_as_json_are_the_same_table() -> None:
    rows = b'{"rows": [{"id": 1, "features": {"x": 2}, "prediction": 3}, {"id": "b", "features": {"y": "z"}}]}'
    columns = b'{"columns": {"id": ["1", "b"], "x": [2, null], "y": [null, "z"], "prediction": [3, null]}}'
    one, other = (table_of_body(body, RowsKind.PREDICTIONS).table for body in (rows, columns))
    assert digest_of(canonical(one)) == digest_of(canonical(other))
    assert one.column_names == ["feature.x", "feature.y", "id", "prediction"]


def test_a_small_batch_travels_with_its_event_and_reads_back_the_same() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
    columns = {"id": ["a", "b"], "timestamp": [moment, None], "score": [0.5, None], "x": [1.0, None], "y": ["z", None]}
    table = laid_out(pa.table(columns)).table
    raw = inline_of(table, RowsKind.PREDICTIONS)
    assert raw is not None
    assert table_of_inline(raw, RowsKind.PREDICTIONS).select(table.column_names).to_pydict() == table.to_pydict()
    labels = pa.table({"id": ["a"], "label": [True]})
    raw = inline_of(labels, RowsKind.LABELS)
    assert raw is not None
    assert table_of_inline(raw, RowsKind.LABELS).select(["id", "label"]).to_pydict() == labels.to_pydict()


def test_a_batch_that_json_cannot_say_or_that_is_large_does_not_travel() -> None:
    moment = pa.array([10**13], pa.timestamp("s")).cast(pa.timestamp("us", tz="UTC"), safe=False)
    for values in ([float("inf")], ["x" * 2**18], moment):
        assert inline_of(pa.table({"id": ["a"], "feature.x": values}), RowsKind.PREDICTIONS) is None


def test_an_event_without_inline_rows_is_encoded_without_them_also_after_the_inbox() -> None:
    event = RowsEvent("models", "m", RowsKind.LABELS, "digest", 1, inline=NOT_INLINE)
    [again] = decode_events(encode_events([event]))
    assert encode_events([again]) == encode_events([event])
    assert b"inline" not in encode_events([event])
