"""Files of rows in parts, each of which can be sent by itself and be halved."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import pyarrow as pa
from pyarrow import csv, parquet

from bot.client.frames import parts_of, written
from bot.errors import ConfigError, TandemError

_PARQUET, _JSON = "application/vnd.apache.parquet", "application/json"
_LINES = (".jsonl", ".ndjson", ".json")
_MOST_LINES_BYTES = 8 * 2**20
_AS_TEXT = ("id", "version")
"""Columns of a CSV whose leading zeros mean something."""


class Refused(NamedTuple):
    """Rows of the file, counted from 1, and why they were not taken."""

    first: int
    last: int
    why: str

    @property
    def rows(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        """
        >>> str(Refused(3, 3, "id is missing")), str(Refused(3, 9, "id is missing"))
        ('row 3: id is missing', 'rows 3 to 9: id is missing')
        """
        where = f"row {self.first}" if self.rows == 1 else f"rows {self.first} to {self.last}"
        return f"{where}: {self.why}"


class Piece(Protocol):
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def rows(self) -> int: ...
    def body(self) -> tuple[str, bytes]: ...
    def halves(self) -> "Sequence[Piece]": ...


class _Columns(NamedTuple):
    """Rows of a CSV or a Parquet file."""

    first: int
    table: pa.Table

    @property
    def rows(self) -> int:
        return int(self.table.num_rows)

    @property
    def last(self) -> int:
        return self.first + self.rows - 1

    def body(self) -> tuple[str, bytes]:
        return _PARQUET, written(self.table)

    def halves(self) -> Sequence[Piece]:
        half = self.rows // 2
        return _Columns(self.first, self.table.slice(0, half)), _Columns(self.first + half, self.table.slice(half))


class _Line(NamedTuple):
    number: int
    row: dict[str, Any]


class _Lines(NamedTuple):
    """JSON lines: rows as the endpoint takes them, or flat ones."""

    lines: Sequence[_Line]

    @property
    def first(self) -> int:
        return self.lines[0].number

    @property
    def last(self) -> int:
        return self.lines[-1].number

    @property
    def rows(self) -> int:
        return len(self.lines)

    def body(self) -> tuple[str, bytes]:
        rows = [line.row for line in self.lines]
        if any(isinstance(row.get("features"), dict) for row in rows):
            return _JSON, msgspec.json.encode({"rows": rows})
        names = dict.fromkeys(name for row in rows for name in row)
        return _JSON, msgspec.json.encode({"columns": {name: [row.get(name) for row in rows] for name in names}})

    def halves(self) -> Sequence[Piece]:
        half = self.rows // 2
        return _Lines(self.lines[:half]), _Lines(self.lines[half:])


def pieces_of(file: Path, rows: int, refused: list[Refused]) -> Iterator[Piece]:
    """The file in parts of so many rows; rows that are none are added to ``refused``. Raises TandemError."""
    try:
        if file.suffix.lower() in _LINES:
            yield from _in_parts(_read_lines(file, refused), rows)
        elif file.suffix.lower() == ".csv":
            yield from _cut(_read_csv(file, refused), rows, 1)
        elif file.suffix.lower() in (".parquet", ".pq"):
            first = 1
            for batch in parquet.ParquetFile(file).iter_batches(batch_size=rows):
                yield from _cut(pa.Table.from_batches([batch]), rows, first)
                first += batch.num_rows
        else:
            raise ConfigError(f"{file}: .csv, .parquet, .jsonl, .ndjson or .json is expected")
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise TandemError(f"{file}: {error}") from error


def whole(file: Path, refused: list[Refused]) -> Piece:
    """The file in one part: a reference is taken whole or not at all. Raises TandemError."""
    pieces = list(pieces_of(file, 2**31, refused))
    if not pieces:
        raise TandemError(f"{file} has no rows")
    if refused:
        raise TandemError(f"{file}: {refused[0]}; a reference is taken whole or not at all")
    if isinstance(pieces[0], _Lines):
        return _Lines([line for piece in pieces if isinstance(piece, _Lines) for line in piece.lines])
    return _Columns(1, pa.concat_tables([piece.table for piece in pieces if isinstance(piece, _Columns)]))


def _cut(table: pa.Table, rows: int, first: int) -> Iterator[Piece]:
    for start in range(0, table.num_rows, rows):
        at = first + start
        for part in parts_of(table.slice(start, rows)):
            yield _Columns(at, part)
            at += part.num_rows


def _read_csv(file: Path, refused: list[Refused]) -> pa.Table:
    def odd(row: csv.InvalidRow) -> str:
        number = (row.number or 0) - 1  # pyarrow counts the line of the names
        refused.append(Refused(number, number, f"{row.actual_columns} values, and {row.expected_columns} names"))
        return "skip"

    types = dict.fromkeys(_AS_TEXT, pa.string())
    return csv.read_csv(
        file,
        read_options=csv.ReadOptions(use_threads=False),  # else rows have no number
        parse_options=csv.ParseOptions(invalid_row_handler=odd),
        convert_options=csv.ConvertOptions(
            column_types=types, strings_can_be_null=True, null_values=["", "NaN", "NULL"]
        ),
    )


def _read_lines(file: Path, refused: list[Refused]) -> Iterator[tuple[int, _Line]]:
    """The lines that hold a row, each with its size."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield len(line), _Line(number, decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                refused.append(Refused(number, number, f"no JSON object: {error}"))


def _in_parts(lines: Iterable[tuple[int, _Line]], rows: int) -> Iterator[Piece]:
    part, size = list[_Line](), 0
    for length, line in lines:
        if part and (len(part) >= rows or size + length > _MOST_LINES_BYTES):
            yield _Lines(part)
            part, size = [], 0
        part.append(line)
        size += length
    if part:
        yield _Lines(part)
