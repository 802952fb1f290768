"""Anomalies in metrics: the default ensemble on the Numenta Anomaly Benchmark, by its scoring."""

import csv
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from detectors.anomaly import Ensemble
from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.compare import METRICS, VARIABLE, ask
from tests.benchmarks.nab_scoring import PROFILES, Labelled, Scored, best_score, by_kind


class Series(NamedTuple):
    """A data file: its times and values as written, and its anomaly windows as first and last row."""

    name: str
    times: list[str]
    values: list[str]
    windows: list[tuple[int, int]]


class Run(NamedTuple):
    """An ensemble's scores for each row, the seconds they took and the bytes of its state at the end."""

    scores: list[float]
    seconds: float
    size: int


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--categories", action="store_true", help="each at the threshold that is best for the others")
    parser.add_argument("--compare", action="store_true", help=f"score river and statsmodels as well, see {VARIABLE}")
    options = parser.parse_args()
    folder = require(options.data / "nab")
    labels = json.loads((folder / "labels/combined_windows.json").read_text())
    series = [_read(file, labels) for file in sorted(folder.glob("data/*/*.csv"))]
    runs = [_run(one) for one in series]
    if options.out:
        for one, run in zip(series, runs, strict=True):
            _write(options.out, one, run.scores)
    scored = [Scored(run.scores, one.windows) for one, run in zip(series, runs, strict=True)]
    best = {name: best_score(scored, profile) for name, profile in PROFILES.items()}
    for name, found in best.items():
        print(f"{name}: {found.score:.1f} at threshold {found.threshold:.3f}")
    figures = {name: round(found.score, 2) for name, found in best.items()}
    points_per_s = sum(len(one.values) for one in series) / sum(run.seconds for run in runs)
    size = max(run.size for run in runs)
    others = {"others": _others(series)} if options.compare else {}
    labelled = [Labelled(one.name.split("/")[0], *score) for one, score in zip(series, scored, strict=True)]
    categories = {"categories": by_kind(labelled, PROFILES["standard"])} if options.categories else {}
    report({**figures, "points_per_s": round(points_per_s, 1), "bytes_per_series": float(size), **categories, **others})


def _others(series: Sequence[Series]) -> dict[str, dict[str, float]]:
    """The figures of other detectors on the same rows, where there is an interpreter that has them."""
    given = [{"times": _stamps(one), "values": [float(value) for value in one.values]} for one in series]
    figures = {}
    for name in METRICS:
        answer = ask(name, given)
        if answer is not None:
            scored = [Scored(scores, one.windows) for scores, one in zip(answer["found"], series, strict=True)]
            figures[name] = {profile: round(best_score(scored, PROFILES[profile]).score, 2) for profile in PROFILES}
            figures[name]["points_per_s"] = round(sum(len(one.values) for one in series) / answer["seconds"], 1)
    return figures


def _read(path: Path, labels: dict[str, list[list[str]]]) -> Series:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    name = f"{path.parent.name}/{path.name}"
    times = [row["timestamp"] for row in rows]
    moments = [datetime.fromisoformat(time) for time in times]
    bounds = [[moments.index(datetime.fromisoformat(bound)) for bound in window] for window in labels.get(name, [])]
    return Series(name, times, [row["value"] for row in rows], [(start, end) for start, end in bounds])


def _run(series: Series) -> Run:
    stamps = _stamps(series)
    values = [float(value) for value in series.values]
    ensemble = Ensemble()
    began = time.perf_counter()
    scores = [ensemble.update(stamp, value) for stamp, value in zip(stamps, values, strict=True)]
    return Run(scores, time.perf_counter() - began, len(ensemble.state()))


def _stamps(series: Series) -> list[float]:
    return [datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp() for time in series.times]


def _write(folder: Path, series: Series, scores: list[float]) -> None:
    category, file = series.name.split("/")
    (folder / category).mkdir(parents=True, exist_ok=True)
    with (folder / category / f"tandem_{file}").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["timestamp", "value", "anomaly_score"])
        writer.writerows(zip(series.times, series.values, scores, strict=True))


if __name__ == "__main__":
    main()
