"""Parquet from outside: broken, huge, or small and huge when it is unpacked."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import TooLarge, Unfit
from bot.model_store import parquet
from bot.model_store.parquet import read_parquet


def written(folder: Path, table: pa.Table, **options: str) -> Path:
    path = folder / "sent.parquet"
    pq.write_table(table, path, **options)
    return path


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b", None], "x": [1.0, None, 3.0], "features": [{"t": "u"}, {"t": None}, None]})
    assert read_parquet(written(tmp_path, table)).to_pylist() == table.to_pylist()


def test_a_text_that_is_written_once_and_stands_in_every_row_is_counted_in_every_row(tmp_path: Path) -> None:
    path = written(tmp_path, pa.table({"x": pa.array(["y" * 1000] * 50_000)}))
    assert path.stat().st_size < 100_000
    with pytest.raises(TooLarge, match="as a table"):
        read_parquet(path, most_bytes=10_000_000)


def test_many_equal_numbers_that_are_packed_to_nothing_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, pa.table({"x": np.zeros(1_000_000)}))
    with pytest.raises(TooLarge, match="more than 1000000 bytes"):
        read_parquet(path, most_bytes=1_000_000)


def test_too_many_rows_and_columns_are_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST_ROWS", 10)
    with pytest.raises(TooLarge, match="has 11 rows"):
        read_parquet(written(tmp_path, pa.table({"x": range(11)})))
    monkeypatch.setattr(parquet, "MOST_COLUMNS", 2)
    with pytest.raises(TooLarge, match="has 3 columns"):
        read_parquet(written(tmp_path, pa.table({"x": [1], "y": [1], "z": [1]})))


def test_text_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff")]
    )
    with pytest.raises(Unfit, match="no Parquet that can be read"):
        read_parquet(written(tmp_path, pa.table({"x": broken})))


@given(data=st.data())
def test_a_broken_file_is_refused_or_read_but_never_more(data: st.DataObject, tmp_path: Path) -> None:
    path = written(tmp_path, pa.table({"x": ["a", "b"] * 50, "y": np.arange(100.0)}))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))]))
    with suppress(Unfit, TooLarge):
        assert read_parquet(path, most_bytes=10**6).nbytes <= 10**6
