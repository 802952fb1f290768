"""An adjacency matrix in CSV: a row's service depends on those in whose columns a number above 0 stands."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from math import isnan, nan
from typing import NamedTuple

from bot.config.topology.graph import Graph
from bot.config.topology.importing import ImportedFile, importer
from bot.errors import ConfigError

_NO_EDGE = ("", "0", "0.0")


class _Row(NamedTuple):
    where: str
    name: str
    cells: list[str]


@importer("an adjacency matrix (.csv)", lambda file: file.path.suffix == ".csv")
def read(files: Sequence[ImportedFile]) -> Graph:
    graph = Graph()
    for file in files:
        _read(file, graph)
    return graph


def _read(file: ImportedFile, graph: Graph) -> None:
    rows = _rows(file)
    header = next(rows, _Row(f"{file.path}:1", "", []))
    _check_header(header)
    seen: dict[str, str] = {}
    for row in rows:
        _check_row(row, header, seen)
        seen[row.name] = row.where
        graph.describe(row.name, row.where)
        for other, cell in zip(header.cells, row.cells, strict=True):
            if cell not in _NO_EDGE and _number(cell, f"{row.where}: in column {other!r}") > 0:
                graph.connect(row.name, other, row.where)
    for name in header.cells:
        graph.describe(name, header.where)


def _rows(file: ImportedFile) -> Iterator[_Row]:
    reader = csv.reader(StringIO(file.text, newline=""), strict=True)
    try:
        for row in reader:
            if row:
                name, *cells = map(str.strip, row)
                yield _Row(f"{file.path}:{reader.line_num}", name, cells)
    except csv.Error as error:
        raise ConfigError(f"{file.path}:{reader.line_num}: this is no valid CSV: {error}") from error


def _check_header(header: _Row) -> None:
    names = header.cells
    if not names:
        raise ConfigError(f"{header.where}: the first row must name the columns, after an empty cell")
    if "" in names:
        raise ConfigError(f"{header.where}: column {names.index('') + 2} has no name")
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ConfigError(f"{header.where}: {twice!r} has two columns")


def _check_row(row: _Row, header: _Row, seen: dict[str, str]) -> None:
    if not row.name:
        raise ConfigError(f"{row.where}: the row has no name")
    if row.name in seen:
        raise ConfigError(f"{row.where}: {row.name!r} has a row already: {seen[row.name]}")
    if len(row.cells) != len(header.cells):
        counts = f"{len(row.cells)} cells after its name, where {len(header.cells)} columns are named"
        raise ConfigError(f"{row.where}: the row has {counts}")


def _number(cell: str, where: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = nan
    if isnan(number):
        raise ConfigError(f"{where}: {cell!r} is no number")
    return number
