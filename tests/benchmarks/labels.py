"""Late labels: the time and memory of joining them with their predictions, by how many of either there are.

(a) A check of 200 labels with so many kept predictions, of the oldest batch, with the index up to date.
(b) All labels at once, of rows from all over the predictions. Time, and the process's memory at its most.

DIR need only exist: the data is drawn. ``--predictions`` and ``--labels`` set the sizes.
"""

import asyncio
import resource
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bot.domain.event import RowsEvent, RowsKind
from bot.model_store import batches
from bot.model_store.frames import Frames, open_frames
from bot.storage.database import Database, open_database
from bot.watches.models.window import Wanted, Window, labelled
from tests.benchmarks.command import parser_for, report, require

MODEL, BATCH, FEATURES = "m", 100_000, 5
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


class Store:
    """Predictions in batches, and labels for some of them."""

    def __init__(self, database: Database, frames: Frames) -> None:
        self.database, self.frames, self.batches = database, frames, 0

    async def predict(self) -> None:
        random = np.random.default_rng(self.batches)
        table = pa.table(
            {
                "id": [f"order-{self.batches * BATCH + at:010d}" for at in range(BATCH)],
                "prediction": random.integers(0, 2, BATCH),
                "score": random.random(BATCH),
                **{f"feature.x{at}": random.normal(size=BATCH) for at in range(FEATURES)},
            }
        )
        await self._note(RowsKind.PREDICTIONS, table, BEGAN + timedelta(minutes=self.batches))
        self.batches += 1

    async def join(self, rows: Sequence[int]) -> tuple[float, Window]:
        """Seconds for a check of labels of these rows, and what they were joined with."""
        table = pa.table({"id": [f"order-{at:010d}" for at in rows], "label": np.ones(len(rows), dtype=np.int64)})
        now = BEGAN + timedelta(days=80)
        await self._note(RowsKind.LABELS, table, now)
        async with self.database.read() as connection:
            newest = await batches.newest(connection, MODEL, RowsKind.LABELS)
        assert newest is not None
        begin = time.perf_counter()
        window = await labelled(self.database, self.frames, (MODEL, ""), [newest], now, Wanted([]))
        return time.perf_counter() - begin, window

    async def _note(self, holds: RowsKind, table: pa.Table, at: datetime) -> None:
        digest = await self.frames.put(table)
        async with self.database.write() as connection:
            await batches.note_rows(connection, [(at, RowsEvent("b", MODEL, holds, digest, table.num_rows))])


async def measured(predictions: Sequence[int], labels: int, folder: Path) -> dict[str, Any]:
    database = open_database(f"sqlite:///{folder}/tandem.db")
    await database.migrate()
    store, found = Store(database, open_frames(database, str(folder / "models"))), dict[str, Any]()
    for size in predictions:
        while store.batches * BATCH < size:
            await store.predict()
        found[f"index_{size}_s"], window = await store.join(range(200))
        assert window.table.rows == 200
        some = np.random.default_rng(1).permutation(BATCH)[:200].tolist()
        found[f"check_of_200_{size}_s"] = min([(await store.join(some))[0] for _ in range(3)])
        rows = np.random.default_rng(2).permutation(size)[:labels].tolist()
        before = peak_of_memory(anew=True)
        seconds, window = await store.join(rows)
        assert window.table.rows == min(labels, size)
        found[f"join_of_{len(rows)}_{size}_s"] = seconds
        found[f"join_of_{len(rows)}_{size}_mb"] = peak_of_memory() - before
    await database.close()
    return found


def peak_of_memory(*, anew: bool = False) -> float:
    """The process's memory at its most, in MB; ``anew``: from now on, which Linux counts."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return float(line.split()[1]) / 1024


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--predictions", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--labels", type=int, default=1_000_000)
    options = parser.parse_args()
    require(options.data)
    with tempfile.TemporaryDirectory() as folder:
        report(asyncio.run(measured(options.predictions, options.labels, Path(folder))))


if __name__ == "__main__":
    main()
