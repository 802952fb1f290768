"""Forecasts of when a series crosses its limit, beside Prometheus' ``predict_linear`` on the same series.

How often the 80 % interval holds the value, at each horizon; how long before a limit was crossed that was said; and how
many of the alarms were false. The made series need no data; without ``--data`` the files of NAB are left out.
"""

import argparse
import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from detectors.forecast.alarm import SURE
from tests.benchmarks.command import report, require
from tests.benchmarks.forecast.alarms import Judged, judge, total
from tests.benchmarks.forecast.linear import fires, predictions
from tests.benchmarks.forecast.made import KINDS, SECONDS, Series, series
from tests.benchmarks.forecast.run import AHEAD, Run, fires_at, run

_FROM = 288
"""Rows of a day, in which nothing is judged."""
_ROWS_AHEAD = int(AHEAD / SECONDS)
_LOOK_BACKS = {"1h": 3600.0, "2h": 7200.0, "3h": 10800.0, "6h": 21600.0}
_WAITS = {"0m": 0.0, "5m": 300.0, "15m": 900.0, "30m": 1800.0}
_SURE = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_SEEDS = range(101, 106)
_PERCENTILE = 98.0
"""Of its own values, which is a file's limit: nobody set one, and it has to be crossed now and then."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder with the benchmarks' data")
    parser.add_argument("--out", type=Path, help="a folder for what was forecast of each series")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(_SEEDS), help="of the made series")
    options = parser.parse_args()
    nab = require(options.data / "nab") if options.data else None
    made = [series(kind, seed) for kind in KINDS for seed in options.seeds]
    figures = {"made": _figures("made", made, options.out)}
    if nab:
        files = [_read(file) for file in sorted(nab.glob("data/*/*.csv"))]
        figures["nab"] = _figures("nab", files, options.out)
    report(figures)


def _figures(name: str, every: Sequence[Series], out: Path | None) -> dict[str, Any]:
    runs = [run(one) for one in every]
    if out:
        for one, what in zip(every, runs, strict=True):
            _write(out, one, what)
    ours = {str(sure): _alarms(every, [fires_at(one, sure) for one in runs]) for sure in _SURE}
    linear = {}
    for look_back, seconds in _LOOK_BACKS.items():
        predicted = [predictions(one.times, one.values, seconds, AHEAD) for one in every]
        for wait, held in _WAITS.items():
            firing = [fires(made, one.times, one.limit, held) for one, made in zip(every, predicted, strict=True)]
            linear[f"[{look_back}] for {wait}"] = _alarms(every, firing)
    found: dict[str, Any] = {
        "coverage": _coverage(runs),
        "crossing_in_interval": _share([one for what in runs for one in what.timely]),
        "crossing_in_interval_with_end": _share([one for what in runs for one in what.ended]),
        "crossing_intervals": [sum(len(what.timely) for what in runs), sum(len(what.ended) for what in runs)],
        "default": _said(ours[str(SURE)]),
        "predict_linear": {rule: {**_said(one), **_beside(one, ours)} for rule, one in linear.items()},
        "by_sure": {sure: _said(one) for sure, one in ours.items()},
        "bytes_per_series": max(what.size for what in runs),
        "ms_per_step": round(1000 * sum(what.seconds for what in runs) / sum(what.steps for what in runs), 3),
    }
    if name == "made":
        found["kinds"] = {kind: _of_kind(kind, every, runs) for kind in KINDS}
    for figure in ("coverage", "default", "predict_linear"):
        print(f"{name} {figure}: {found[figure]}")
    return found


def _of_kind(kind: str, every: Sequence[Series], runs: Sequence[Run]) -> dict[str, Any]:
    pairs = [(one, what) for one, what in zip(every, runs, strict=True) if one.name.startswith(f"{kind}/")]
    chosen = [one for one, _ in pairs]
    alarms = _alarms(chosen, [fires_at(what, SURE) for _, what in pairs])
    predicted = [predictions(one.times, one.values, _LOOK_BACKS["3h"], AHEAD) for one in chosen]
    linear = [fires(made, one.times, one.limit, _WAITS["15m"]) for one, made in zip(chosen, predicted, strict=True)]
    coverage = _coverage([what for _, what in pairs])
    return {
        "coverage": [min(coverage.values()), max(coverage.values())],
        "default": _said(alarms),
        "predict_linear [3h] for 15m": _said(_alarms(chosen, linear)),
    }


def _alarms(every: Sequence[Series], firing: Sequence[Any]) -> Judged:
    pairs = zip(every, firing, strict=True)
    return total(judge(one.values >= one.limit, flags, _FROM, _ROWS_AHEAD) for one, flags in pairs)


def _said(judged: Judged) -> dict[str, float]:
    minutes = SECONDS / 60
    lead = round(minutes * sum(judged.leads) / len(judged.leads), 1) if judged.leads else 0.0
    warned = sum(one > 0 for one in judged.leads)
    return {"false": judged.false, "lead_min": lead, "warned": warned, "crossings": len(judged.leads)}


def _beside(rule: Judged, ours: dict[str, Judged]) -> dict[str, float | None]:
    """The false alarms of our strictest setting that has at least the lead of a rule; None where none has."""
    lead = _said(rule)["lead_min"]
    enough = [one.false for one in ours.values() if _said(one)["lead_min"] >= lead]
    return {"ours_at_this_lead": min(enough) if enough else None}


def _coverage(runs: Sequence[Run]) -> dict[str, float]:
    """The share of values within their 80 % interval, by minutes ahead."""
    horizons = runs[0].held
    return {f"{minutes:g}": _share([one for what in runs for one in what.held[minutes]]) for minutes in horizons}


def _share(held: Sequence[bool]) -> float:
    return round(float(np.mean(held)), 3) if held else 0.0


def _read(file: Path) -> Series:
    with file.open(newline="") as opened:
        rows = [(row["timestamp"], row["value"]) for row in csv.DictReader(opened)]
    points = sorted((datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp(), float(value)) for at, value in rows)
    values = np.array([value for _, value in points])
    limit = float(np.percentile(values, _PERCENTILE))
    return Series(f"{file.parent.name}/{file.stem}", np.array([at for at, _ in points]), values, limit)


def _write(out: Path, one: Series, what: Run) -> None:
    file = out / f"{one.name}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["time", "value", "limit", "probability"])
        writer.writerows(zip(one.times, one.values, [one.limit] * len(one.times), what.probability, strict=True))
