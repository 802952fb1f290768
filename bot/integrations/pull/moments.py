"""The values of a column that grows: as Python has them, moved back in time, and in microseconds. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bot.integrations.http import ToolFailure
from bot.model_store.pulls import Value
from detectors.drift.packing import Array


def value_of(scalar: pa.Scalar) -> Value:
    """Raises ToolFailure for what has no order that we know."""
    value = scalar.as_py()
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return value
    raise ToolFailure(f"its cursor is neither a moment nor a number nor a text, but {type(value).__name__}")


def back(value: Value, by: timedelta) -> Value:
    """So much earlier, written alike. Raises ToolFailure where it is no moment.

    >>> back("2026-03-01T12:00:00Z", timedelta(hours=2))
    '2026-03-01T10:00:00Z'
    """
    if isinstance(value, datetime):
        return value - by
    earlier = _moment_of(value) - by
    assert isinstance(value, str)
    if len(value) == len("2026-03-01"):
        return f"{earlier:%Y-%m-%d}"
    text = earlier.isoformat(sep=value[10], timespec="microseconds" if "." in value else "auto")
    return text.replace("+00:00", "Z") if value.endswith("Z") else text


def is_moment(text: str) -> bool:
    """Whether a text is a moment as ISO 8601 has it, its parts apart.

    >>> [is_moment(text) for text in ("2026-03-01", "2026-03-01 12:00:00+01:00", "20260301", "n/a", "2026-03-01 noon")]
    [True, True, False, False, False]
    """
    if len(text) < len("2026-03-01") or text[4] != "-" or text[7] != "-":
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def later_of(one: Value, other: Value) -> Value:
    """The later of two values of one column."""
    return one if microseconds(one) >= microseconds(other) else other


def microseconds(value: Value) -> int:
    """Since 1970; what names no zone is UTC. Raises ToolFailure."""
    moment = _moment_of(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def all_microseconds(column: pa.ChunkedArray) -> Array:
    """Raises ToolFailure where they are no moments."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return np.asarray(pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64()).to_numpy())
    return np.array([microseconds(value) for value in column.to_pylist()], dtype=np.int64)


def _moment_of(value: Value) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and is_moment(value):
        return datetime.fromisoformat(value)
    raise ToolFailure("late: needs a cursor that is a moment, and this one is none")
