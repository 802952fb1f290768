"""A reference of 100,000 vectors goes from a Parquet file into the store: how long, how much memory, and whether the
event loop could go on. A program of its own, as the peak of memory is that of a process: `stored FILE FOLDER`."""

import asyncio
import json
import sys
import threading
import time
from pathlib import Path

from bot.model_store.features import profiles
from bot.model_store.frames import Frames
from bot.storage.blobs import Folder
from handlers.models.uploads import _from_file

_TICK = 0.002


async def main() -> None:
    """As the endpoint does it, beside a loop that wants to go on."""
    before, stops = _peak_mb(), list[float]()
    ticking = asyncio.create_task(_tick(stops))
    begin = time.monotonic()
    given = await asyncio.to_thread(_from_file, Path(sys.argv[1]), "reference")
    stored = await profiles.store(Frames(Folder(Path(sys.argv[2]))), given.table)
    seconds = time.monotonic() - begin
    ticking.cancel()
    stops.sort()
    figures = {"rows": stored.rows, "seconds": seconds, "mb_before": before, "mb_peak": _peak_mb()}
    figures |= {"longest_stop_ms": stops[-1] * 1e3, "stop_p99_ms": stops[int(len(stops) * 0.99)] * 1e3}
    print(json.dumps(figures | {"threads": threading.active_count(), "cpu_seconds": time.process_time()}))


async def _tick(stops: list[float]) -> None:
    while True:
        begin = time.monotonic()
        await asyncio.sleep(_TICK)
        stops.append(time.monotonic() - begin - _TICK)


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    asyncio.run(main())
