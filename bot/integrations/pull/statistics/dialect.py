"""How databases write what counting needs, where they differ. Pure."""

import math
from typing import NamedTuple

_LARGEST = 1.7976931348623157e308


class Dialect(NamedTuple):
    """``double`` is its type of double precision. The others are expressions of ``{}``, a column; None where it has
    none: ``is_nan``, ``try_number`` of text, the seconds of a moment since 1970. ``mixes``: whether a column may hold
    values of another kind than its first ones."""

    double: str = "DOUBLE PRECISION"
    is_nan: str | None = None
    try_number: str | None = None
    seconds: str | None = None
    mixes: bool = False

    def number(self, column: str, kind: str) -> str | None:
        """A column as a number, NULL for what is none; None where that cannot be written."""
        if self.mixes and self.try_number and kind in ("number", "text"):
            return self.try_number.format(column)
        match kind:
            case "boolean":
                return f"CASE WHEN {column} THEN 1.0e0 WHEN NOT {column} THEN 0.0e0 END"
            case "moment":
                return self.seconds.format(column) if self.seconds else None
            case "text":
                return self.try_number.format(column) if self.try_number else "NULL"
        plain = f"CAST({column} AS {self.double})"
        return f"CASE WHEN {self.is_nan.format(plain)} THEN NULL ELSE {plain} END" if self.is_nan else plain


_POSTGRESQL_NUMBER = r"^\s*[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]{{1,2}})?\s*$"
_DIALECTS = {
    "duckdb": Dialect("DOUBLE", "isnan({})", "TRY_CAST({} AS DOUBLE)", "(epoch_us({}::TIMESTAMP) / 1000000.0)"),
    "postgresql": Dialect(
        is_nan="{} = 'NaN'::double precision",
        try_number="CASE WHEN {0} ~ '" + _POSTGRESQL_NUMBER + "' THEN CAST({0} AS double precision) END",
        seconds="CAST(EXTRACT(EPOCH FROM {}) AS double precision)",
    ),
    "snowflake": Dialect("DOUBLE", "{} = 'NaN'::float", "TRY_TO_DOUBLE({})", "DATE_PART(epoch_microsecond, {}) / 1e6"),
    "bigquery": Dialect(
        "FLOAT64", "IS_NAN({})", "SAFE_CAST({} AS FLOAT64)", "UNIX_MICROS(CAST({} AS TIMESTAMP)) / 1e6"
    ),
    "mysql": Dialect("DOUBLE"),
    "mariadb": Dialect("DOUBLE"),
    "sqlite": Dialect(
        "REAL", try_number="CASE WHEN typeof({0}) IN ('integer', 'real') THEN CAST({0} AS REAL) END", mixes=True
    ),
}


def dialect_of(name: str) -> Dialect:
    """What is standard for a database that is not known."""
    return _DIALECTS.get(name, Dialect())


def less_than(column: str, threshold: float) -> str:
    """The comparison, in double precision whatever the literals of the database are of."""
    if threshold == math.inf:
        return f"{column} <= {_LARGEST!r}"
    text = repr(threshold)
    literal = text if "e" in text else f"{text}e0"
    return f"{column} < {f'({literal})' if threshold < 0 else literal}"
