"""Ids are text or whole numbers, and one number is one id however it is written."""

import pyarrow as pa
import pytest

from bot.domain.event import RowsKind
from bot.errors import Unfit
from bot.model_store.json_rows import table_of_body
from bot.model_store.layout import laid_out


def test_a_whole_number_is_one_id_whether_it_is_written_as_an_integer_or_as_pandas_does_beside_gaps() -> None:
    body = b'{"columns": {"id": [7, 7.0, "7"], "x": [1, 2, 3]}}'
    assert table_of_body(body, RowsKind.PREDICTIONS).table["id"].to_pylist() == ["7"] * 3
    columns = [("id", pa.chunked_array([pa.array([7.0])])), ("x", pa.chunked_array([pa.array([1.0])]))]
    assert laid_out(columns, RowsKind.PREDICTIONS).table["id"].to_pylist() == ["7"]


@pytest.mark.parametrize("value", [b"[1]", b'{"a": 1}', b"true"])
def test_what_is_no_id_is_refused(value: bytes) -> None:
    with pytest.raises(Unfit, match="id must hold text or whole numbers"):
        table_of_body(b'{"columns": {"id": [' + value + b'], "x": [1]}}', RowsKind.PREDICTIONS)
