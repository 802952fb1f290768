"""Values that no sender means, and that no float and no calendar holds."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from bot.domain.event import RowsKind
from bot.errors import Unfit
from bot.model_store.columns import features_of
from bot.model_store.json_rows import table_of_body
from tests.unit.watches.test_model_columns import laid_out


@pytest.mark.parametrize("column", ["amount", "prediction", "score"])
def test_a_number_that_is_too_large_is_infinite_and_loses_no_batch(column: str) -> None:
    huge = "9" * 400
    body = b'{"columns": {"id": ["a", "b"], "%s": [%s, -%s]}}' % (column.encode(), huge.encode(), huge.encode())
    table = table_of_body(body, RowsKind.PREDICTIONS).table
    assert table[f"feature.{column}" if column == "amount" else column].to_pylist() == [np.inf, -np.inf]


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_utc_does_not_have_is_named_with_its_row(moment: str) -> None:
    body = b'{"rows": [{"id": "a"}, {"id": "b", "timestamp": "%s"}]}' % moment.encode()
    with pytest.raises(Unfit, match=r"timestamp in row 1 \(counted from 0\) is not between the years"):
        table_of_body(body, RowsKind.PREDICTIONS)


def test_a_number_is_no_timestamp() -> None:
    body = b'{"columns": {"id": ["a"], "timestamp": [1764400000]}}'
    with pytest.raises(
        Unfit, match="timestamp must hold moments, in RFC 3339 with their zone or a Parquet timestamp, and not numbers"
    ):
        table_of_body(body, RowsKind.PREDICTIONS)


def test_a_feature_may_be_any_date_of_the_calendar() -> None:
    far = pa.array([datetime(1, 1, 1), datetime(9999, 12, 31), None], pa.timestamp("us"))
    table = laid_out(pa.table({"id": ["a", "b", "c"], "until": far})).table
    seconds = features_of(table)["until"]
    assert seconds[:2].tolist() == [-62135596800.0, 253402214400.0] and np.isnan(seconds[2])


@pytest.mark.parametrize(
    ("column", "value", "kind"), [("timestamp", "2026-11-29 10:00:00", "moments"), ("score", "x", "numbers")]
)
def test_a_value_that_cannot_be_read_is_quoted_in_plain_words(column: str, value: str, kind: str) -> None:
    body = b'{"columns": {"id": ["a"], "%s": ["%s"]}}' % (column.encode(), value.encode())
    with pytest.raises(Unfit, match=rf"^{column} must hold {kind}.*: '{value}' is none$"):
        table_of_body(body, RowsKind.PREDICTIONS)
