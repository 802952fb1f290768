"""Pulls: the time and memory of profiling rows that lie in Parquet, by statistics that DuckDB makes, and by rows.

``--rows`` rows of ten columns (six numbers, three categories, a cursor) are written by DuckDB into a folder that is
removed in the end. Statistics are made of all of them, as the pull of a model makes them, and monitors of drift and
quality judge them. By rows, ``--by-rows`` of them are read in pages as a pull reads them, without what comes after.
The memory is the process's at its most, DuckDB within it, which is allowed ``--memory``. No data is needed.
"""

import argparse
import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from bot.domain.watched.monitor import WatchedModel
from bot.domain.watched.pull import PullSection
from bot.integrations.pull.pages import Pages
from bot.integrations.pull.statistics.counting import Counting, Reading
from bot.integrations.pull.warehouse import Query, open_warehouse
from bot.model_store.features import profiles
from bot.model_store.frames import Frames
from bot.model_store.references import Lineage, Reference
from bot.storage.blobs import open_blobs
from bot.watches.models.kinds.registry import CheckInput, kind_of, rules_from
from bot.watches.models.window import LoadedReferences, Table, Window
from tests.benchmarks.command import report
from tests.benchmarks.labels import peak_of_memory

COLUMNS = """
    select i as seq, random() as uniform, sqrt(-2 * ln(1 - random())) * cos(6.2831853 * random()) as normal,
           -ln(1 - random()) as waited, (random() * 100)::integer as age, random() * random() as skewed,
           case when random() < 0.05 then null else random() * 10 end as gaps,
           (random() * 20)::integer::varchar as shop, (random() * 2000)::integer::varchar as article,
           case when random() < 0.3 then 'app' else 'web' end as device
    from range({begin}, {end}) as one(i)
"""
PART = 10_000_000
REFERENCE_ROWS = 200_000
WATCHED = WatchedModel()


def write(folder: Path, rows: int, memory: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{memory}'; SET threads = 2")
        for begin in range(0, rows, PART):
            query = COLUMNS.format(begin=begin, end=min(begin + PART, rows))
            connection.execute(f"COPY ({query}) TO '{folder}/part-{begin:012d}.parquet' (FORMAT parquet)")


async def reference_of(frames: Frames) -> Reference:
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(0.25)").fetchall()
        table = connection.sql(COLUMNS.format(begin=0, end=REFERENCE_ROWS)).to_arrow_table().drop_columns(["seq"])
    stored = await profiles.store(frames, table.rename_columns([f"feature.{name}" for name in table.column_names]))
    content = (stored.digest, stored.profile, stored.rows, dict(stored.columns))
    return Reference("m", "v1", *content, Lineage(), created_at=datetime(2026, 3, 1, tzinfo=UTC))


async def measured(rows: int, by_rows: int, memory: str, folder: Path) -> dict[str, Any]:
    frames = Frames(open_blobs(str(folder / "models")))
    loaded = await LoadedReferences(frames).get(await reference_of(frames))
    data = folder / "rows"
    data.mkdir()
    begin = time.perf_counter()
    write(data, rows, memory)
    found: dict[str, Any] = {"rows": rows, "columns": 10, "written_s": time.perf_counter() - begin}
    found["parquet_mb"] = sum(file.stat().st_size for file in data.iterdir()) / 2**20
    sql = f"select * from read_parquet('{data}/*.parquet')"
    reading = Reading(loaded.reference.profile, loaded.features, loaded.outputs)
    address = f"duckdb:///:memory:?memory_limit={memory}"
    before, begin = peak_of_memory(anew=True), time.perf_counter()
    with open_warehouse(address).session(Query(sql, "seq")) as session:
        counted = Counting(session, "seq", WATCHED, reading).statistics()
    found["statistics_s"], found["statistics_mb"] = time.perf_counter() - begin, peak_of_memory() - before
    found["rows_per_s"] = rows / found["statistics_s"]
    assert counted.rows == rows
    begin = time.perf_counter()
    for kind in ("drift", "quality"):
        rules = rules_from({"kind": kind})
        check = kind_of(rules).check_counted
        assert check is not None
        outcome = check(rules, CheckInput(WATCHED, b"", Window(Table(counted.rows, {})), loaded, counted))
        found[f"{kind}_says"] = outcome.summary
    found["judged_s"] = time.perf_counter() - begin
    return found | read_by_rows(sql, address, min(by_rows, rows))


def read_by_rows(sql: str, address: str, wanted: int) -> dict[str, Any]:
    section = PullSection.model_validate({"sql": sql, "from": "W", "cursor": "seq", "every": "1h"})
    pages, after, rows = Pages(section, lambda: datetime.now(UTC)), None, 0
    before, begin = peak_of_memory(anew=True), time.perf_counter()
    while rows < wanted and (page := pages.next(address, after, None)) is not None:
        named = page.rows.append_column("id", pa.array(np.arange(page.rows.num_rows).astype(str)))
        rows, after = rows + pages.laid_out(named).table.num_rows, page.until
    seconds, memory = time.perf_counter() - begin, peak_of_memory() - before
    return {"by_rows": rows, "by_rows_s": seconds, "by_rows_mb": memory, "by_rows_per_s": rows / seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--by-rows", type=int, default=1_000_000)
    parser.add_argument("--memory", default="2GB")
    parser.add_argument("--scratch", type=Path, help="where the rows are written; default: the system's own place")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        report(asyncio.run(measured(options.rows, options.by_rows, options.memory, Path(folder))))


if __name__ == "__main__":
    main()
