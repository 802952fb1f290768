"""Vectors: a reference of 100,000 × 768 stored, false alarms over a monitor's life, and shifts found beside MMD.

Reads no data; DIR need only exist. Delays are in batches of 300 rows, and one not found counts as long as its stream
lasts. They are compared with MMD on each batch with p < 0.05, in all 768 dimensions against 1,000 rows of the
reference: alibi-detect's in the Python named by TANDEM_ALIBI_PYTHON, else the same test in numpy.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from detectors.drift.packing import pack
from detectors.embeddings.profile import VectorProfile, profile_of
from detectors.embeddings.sequential import VectorMonitor
from detectors.embeddings.vectors import of_matrix
from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.embeddings.made import SHIFTS, SIZE, Array, World
from tests.benchmarks.embeddings.mmd import OwnMmd, by_alibi

ROWS, REFERENCE, MMD_REFERENCE = 100_000, 6_000, 1_000
BATCH, QUIET, HORIZON, ALPHA = 300, 4, 10, 0.05
QUIET_ROWS = 200


class Found(NamedTuple):
    kind: str
    delay: int | None
    mmd: int | None
    early: bool
    seconds: float


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--monitors", type=int, default=40, help="monitors that live without drift")
    parser.add_argument("--batches", type=int, default=200, help="batches of each")
    parser.add_argument("--seeds", type=int, default=3, help="streams of each shift")
    options = parser.parse_args()
    require(options.data)
    stored = _stored()
    print(f"stored: {stored}", file=sys.stderr)
    quiet = _lifetimes(options.monitors, options.batches)
    print(f"without drift: {quiet}", file=sys.stderr)
    engine, found = _shifts(options.seeds)
    report({"stored": stored} | quiet | {"mmd": engine} | _summary(found))


def _stored() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reference.parquet"
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(World(0).draw(ROWS).ravel()), SIZE)
        pq.write_table(pa.table({"id": [f"image-{at}" for at in range(ROWS)], "image": vectors}), path)
        del vectors
        command = [sys.executable, "-m", "tests.benchmarks.embeddings.stored", str(path), f"{folder}/store"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            idle = _longest_stop(running)
            assert running.stdout is not None
            answer = running.stdout.read()
    return dict(json.loads(answer.splitlines()[-1])) | {"longest_stop_of_an_idle_process_ms": idle}


def _longest_stop(beside: subprocess.Popen[str]) -> float:
    """What the machine's other work alone makes of a process that only sleeps."""
    longest = 0.0
    while beside.poll() is None:
        begin = time.monotonic()
        time.sleep(0.002)
        longest = max(longest, time.monotonic() - begin - 0.002)
    return longest * 1e3


def _lifetimes(monitors: int, batches: int) -> dict[str, Any]:
    begin, alarms = time.process_time(), 0
    for seed in range(monitors):
        world = World(seed)
        reference = profile_of(of_matrix(world.draw(REFERENCE)), seed=seed)
        monitor = VectorMonitor.against(reference, ALPHA, seed)
        alarms += any(_update(monitor, reference, world.draw(QUIET_ROWS)) for _ in range(batches))
    lives = {"monitors": monitors, "batches": batches, "lifetime_false_alarms": alarms / max(monitors, 1)}
    return lives | {
        "alpha": ALPHA,
        "profile_bytes": len(pack(reference)),
        "state_bytes": len(monitor.state()),
        "cpu_seconds_a_monitored_batch": (time.process_time() - begin) / max(monitors * batches, 1),
    }


def _update(monitor: VectorMonitor, reference: VectorProfile, rows: Array) -> bool:
    assert reference.space is not None
    return monitor.update(reference, reference.space.read(rows)).drifted


def _shifts(seeds: int) -> tuple[str, list[Found]]:
    found, engine = list[Found](), "numpy"
    for seed in range(seeds):
        for kind in SHIFTS:
            world = World(1_000 + seed)
            usual = world.draw(REFERENCE)
            reference = profile_of(of_matrix(usual), seed=seed)
            shifted = SHIFTS[kind](world)
            batches = [world.draw(BATCH) for _ in range(QUIET)] + [shifted(BATCH) for _ in range(HORIZON)]
            monitor, begin = VectorMonitor.against(reference, ALPHA, seed), time.process_time()
            alarms = [_update(monitor, reference, batch) for batch in batches]
            seconds = (time.process_time() - begin) / len(batches)
            p_values = by_alibi(usual[:MMD_REFERENCE], np.stack(batches[QUIET:]))
            engine = "alibi-detect MMDDrift" if p_values is not None else engine
            if p_values is None:
                p_values = _own(usual[:MMD_REFERENCE], batches[QUIET:])
            delays = _first(alarms[QUIET:]), _first([p < ALPHA for p in p_values])
            found.append(Found(kind, *delays, any(alarms[:QUIET]), seconds))
            print(found[-1], file=sys.stderr)
    return engine, found


def _own(reference: Array, batches: Sequence[Array]) -> list[float]:
    """Until the first alarm: the rest is as if there were none."""
    mmd, found = OwnMmd(reference), list[float]()
    for batch in batches:
        found.append(mmd.p_value(batch))
        if found[-1] < ALPHA:
            break
    return found


def _first(alarms: Sequence[bool]) -> int | None:
    return next((at for at, alarm in enumerate(alarms, 1) if alarm), None)


def _summary(found: Sequence[Found]) -> dict[str, Any]:
    kinds = {one.kind: [other for other in found if other.kind == one.kind] for one in found}
    return {
        "recall": float(np.mean([one.delay is not None for one in found])),
        "mmd_recall": float(np.mean([one.mmd is not None for one in found])),
        "delay": float(np.mean([one.delay or HORIZON for one in found])),
        "mmd_delay": float(np.mean([one.mmd or HORIZON for one in found])),
        "delays": {kind: [one.delay for one in some] for kind, some in kinds.items()},
        "mmd_delays": {kind: [one.mmd for one in some] for kind, some in kinds.items()},
        "early": sum(one.early for one in found),
        "cpu_seconds_a_check": float(np.mean([one.seconds for one in found])),
    }


if __name__ == "__main__":
    main()
