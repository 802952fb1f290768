"""Drift, large references: the time and memory that a profile takes, made of the whole table and in parts.

Each is made in a process of its own, from a Parquet file of single-precision numbers in row groups of 500,000.
``peak_mb`` is what the process held at its most, beyond what it held before; ``error`` is what the distribution
function read off the profile is wrong by at most. ``ids`` is a column of text with another value in each row. The
largest are made in parts only.

DIR need only exist: the data is drawn.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bot.model_store.columns import array_of
from detectors.drift.packing import Array
from detectors.drift.profile import Numeric, Profile, build
from detectors.drift.sketch import build_in_parts
from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.drift_compared_tools import peak_mb

SIZES = ((100_000, 50), (1_000_000, 5), (10_000_000, 5), (10_000_000, 50))
IDS = (1_000_000, 10_000_000)
_MOST_WHOLE = 50_000_000
"""Values of a table that is made a profile of as a whole too."""
_GROUP = 500_000


def main() -> None:
    require(parser_for(__doc__ or "").parse_args().data)
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows, columns in SIZES:
            path = Path(folder) / "reference.parquet"
            write(path, rows, columns)
            makers = MAKERS if rows * columns <= _MOST_WHOLE else ("in_parts",)
            figures[f"{rows} x {columns}"] = {how: _apart(how, path) for how in makers}
        for rows in IDS:
            path = Path(folder) / "ids.parquet"
            write_ids(path, rows)
            figures[f"{rows} ids"] = {"in_parts": _apart("in_parts", path)}
    report(figures)


def write(path: Path, rows: int, columns: int) -> None:
    random, names = np.random.default_rng(0), [f"x{at}" for at in range(columns)]
    with pq.ParquetWriter(path, pa.schema([(name, pa.float32()) for name in names]), use_dictionary=False) as file:
        for start in range(0, rows, _GROUP):
            count = min(_GROUP, rows - start)
            file.write_table(pa.table({name: random.standard_normal(count, dtype=np.float32) for name in names}))


def write_ids(path: Path, rows: int) -> None:
    with pq.ParquetWriter(path, pa.schema([("id", pa.string())]), use_dictionary=False) as file:
        for start in range(0, rows, _GROUP):
            part = [f"customer-{number:09d}" for number in range(start, min(start + _GROUP, rows))]
            file.write_table(pa.table({"id": part}))


def measure(how: str, path: Path) -> dict[str, Any]:
    """What it takes to make the profile here; the memory is right in a process that did nothing else before."""
    before, begin = peak_mb(), time.process_time()
    profile = MAKERS[how](path)
    seconds, peak = time.process_time() - begin, peak_mb() - before
    found = {"seconds": seconds, "peak_mb": peak, "profile_mb": len(profile.state()) / 2**20}
    column = next(iter(profile.columns.values()))
    if not isinstance(column, Numeric):
        return found | {"categories": len(column.counts), "hashed": column.hashed}
    kept = len(column.values)
    return found | {"kept": kept, "error": 0 if kept == profile.rows else 1 / kept}


def _whole(path: Path) -> Profile:
    table = pq.read_table(path)
    return build({name: array_of(table[name]) for name in table.column_names})


def _in_parts(path: Path) -> Profile:
    file = pq.ParquetFile(path)
    return build_in_parts({name: _groups(file, name) for name in file.schema_arrow.names})


def _groups(file: pq.ParquetFile, name: str) -> Iterator[Array]:
    return (array_of(file.read_row_group(at, columns=[name])[name]) for at in range(file.num_row_groups))


MAKERS = {"whole": _whole, "in_parts": _in_parts}


def _apart(how: str, path: Path) -> dict[str, Any]:
    said = "import sys; from tests.benchmarks.drift_compared_large import tell; tell(*sys.argv[1:])"
    command = [sys.executable, "-c", said, how, str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def tell(how: str, path: str) -> None:
    print(json.dumps(measure(how, Path(path))))


if __name__ == "__main__":
    main()
