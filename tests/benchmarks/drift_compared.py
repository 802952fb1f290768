"""Drift, compared: the same streams watched by Tandem, Evidently, NannyML, whylogs and alibi-detect, with defaults.

Each tool runs in a process of its own, in the Python that TANDEM_EVIDENTLY_PYTHON, TANDEM_NANNYML_PYTHON,
TANDEM_WHYLOGS_PYTHON or TANDEM_ALIBI_PYTHON names.

Where there is none the figures say that the tool was left out. The first stream is large and
has no drift: CPU seconds for the reference and for a batch, and in how many of the batches the tool pages. The others
are those of ``drift``, on one data set and shorter: how many drifts are found, which is a page that names what drifted,
after how many batches, and false pages before the drift. ``peak_mb`` is the process's memory at its most.

DIR need only exist: the data is scikit-learn's own, or drawn.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.drift_cases import QUIET, Case, cases

REFERENCE, BATCH, COLUMNS, BATCHES = 20_000, 2000, 20, 8
SET, CALM, DRIFTED = "diabetes", 5, 12
PYTHONS = {
    "tandem": None,
    "evidently": "TANDEM_EVIDENTLY_PYTHON",
    "nannyml": "TANDEM_NANNYML_PYTHON",
    "whylogs": "TANDEM_WHYLOGS_PYTHON",
    "alibi": "TANDEM_ALIBI_PYTHON",
}
_LIMIT_S = 600
_ALONE = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore"}
"""Both tools report their use to their makers, which would be timed as well."""

Array = np.ndarray[Any, np.dtype[Any]]


class Stream(NamedTuple):
    """``reference`` (rows, columns), ``batches`` (batches, rows, columns), the first ``quiet`` of them without drift,
    and the columns that are ``right`` to name after those."""

    kind: str
    reference: Array
    batches: Array
    quiet: int
    right: Sequence[int]


def main() -> None:
    options = parser_for(__doc__ or "").parse_args()
    require(options.data)
    streams = [_calm(), *(stream_of(case) for case in cases(range(1)) if case.name == SET)]
    pythons, left_out = interpreters(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "streams.npz"
        write(path, streams)
        said = {tool: watched(tool, python, path) for tool, python in pythons.items()}
    figures = {tool: figures_of(answer, streams) for tool, answer in said.items()}
    report({**figures, "left_out": left_out, "cases": len(streams) - 1, "load": os.getloadavg()[0]})


def interpreters(environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The Python of each tool, and why there is none."""
    pythons = {tool: environment.get(name, "") if name else sys.executable for tool, name in PYTHONS.items()}
    left_out = {tool: f"{PYTHONS[tool]} is not set" for tool, python in pythons.items() if not python}
    return {tool: python for tool, python in pythons.items() if python}, left_out


def stream_of(case: Case) -> Stream:
    """A case's stream, cut to the last batches before the drift and the first with it."""
    names = list(case.table)
    batches = [_rows(batch, names) for batch in islice(case.batches(), QUIET - CALM, QUIET + DRIFTED)]
    right = [names.index(name) for name in sorted(case.right)]
    return Stream(case.kind, _rows(case.reference(), names), np.stack(batches), CALM, right)


def write(path: Path, streams: Sequence[Stream]) -> None:
    told = [{"at": at, "quiet": stream.quiet, "right": list(stream.right)} for at, stream in enumerate(streams)]
    arrays = {f"reference{at}": stream.reference for at, stream in enumerate(streams)}
    arrays |= {f"batches{at}": stream.batches for at, stream in enumerate(streams)}
    np.savez(path, streams=np.array(json.dumps(told)), **arrays)  # type: ignore[arg-type,unused-ignore]


def watched(tool: str, python: str, path: Path) -> dict[str, Any]:
    """What the tool says of the streams. Raises CalledProcessError where it fails."""
    worker = Path(__file__).with_name("drift_compared_tools.py")
    root = worker.parents[2] if tool == "tandem" else ""
    environment = {**os.environ, **_ALONE, "PYTHONPATH": str(root)}
    command = [python, str(worker), tool, str(path)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=_LIMIT_S)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def figures_of(answer: dict[str, Any], streams: Sequence[Stream]) -> dict[str, Any]:
    """A tool's figures; delays are in batches, over the drifts that it found."""
    calm, drifting = answer["streams"][0], list(zip(answer["streams"][1:], streams[1:], strict=True))
    delays = {stream.kind: delay_of(said["named"], stream) for said, stream in drifting}
    found = [delay for delay in delays.values() if delay is not None]
    return {
        "version": answer["version"],
        "reference_s": calm["fit_s"],
        "batch_s": float(np.median(calm["seconds"])),
        "small_batch_s": float(np.median([second for said, _ in drifting for second in said["seconds"]])),
        "peak_mb": answer["peak_mb"],
        "false_pages": sum(map(bool, calm["named"])),
        "batches": len(calm["named"]),
        "small_false_pages": sum(bool(named) for said, stream in drifting for named in said["named"][: stream.quiet]),
        "small_batches": sum(stream.quiet for _, stream in drifting),
        "found": len(found),
        "mean_delay": float(np.mean(found)) if found else None,
        "delays": delays,
    }


def delay_of(named: Sequence[Sequence[int]], stream: Stream) -> int | None:
    """After how many batches with the drift a page names what drifted."""
    after = named[stream.quiet :]
    return next((at for at, columns in enumerate(after, 1) if set(columns) & set(stream.right)), None)


def _calm() -> Stream:
    random = np.random.default_rng(0)
    reference, batches = random.normal(size=(REFERENCE, COLUMNS)), random.normal(size=(BATCHES, BATCH, COLUMNS))
    return Stream("none", reference, batches, BATCHES, ())


def _rows(table: dict[str, Array], names: Sequence[str]) -> Array:
    return np.stack([table[name] for name in names], axis=1)


if __name__ == "__main__":
    main()
