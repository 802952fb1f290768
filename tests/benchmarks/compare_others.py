"""Runs one of the others on what stdin holds, in an interpreter that has it: see :mod:`tests.benchmarks.compare`."""

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from drain3 import TemplateMiner  # type: ignore[import-not-found,import-untyped,unused-ignore]
from river import anomaly, compose, preprocessing  # type: ignore[import-not-found,import-untyped,unused-ignore]
from statsmodels.tsa.holtwinters import ExponentialSmoothing  # type: ignore[import-not-found,import-untyped,unused-ignore]


def _half_space_trees(series: Sequence[dict[str, list[float]]]) -> list[list[float]]:
    """river: half-space trees as they come, behind a scaler to [0, 1], which they want; of the value and its hour."""
    found = []
    for one in series:
        model = compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=1))
        scores = []
        for at, value in zip(one["times"], one["values"], strict=True):
            row = {"value": value, "hour": at % 86_400 / 3600}
            scores.append(model.score_one(row))
            model.learn_one(row)
        found.append(scores)
    return found


def _holt_winters(series: Sequence[dict[str, list[float]]]) -> list[list[float]]:
    """statsmodels: exponential smoothing with a daily season, fitted on the probation only."""
    warnings.simplefilter("ignore")  # what does not converge is taken as it is
    found = []
    for one in series:
        values, times = np.array(one["values"]), np.array(one["times"])
        first = min(int(0.15 * len(values)), 750)
        period = round(86_400 / max(1.0, float(np.median(np.diff(times)))))
        seasonal = 2 <= period <= first // 2
        options = {"trend": "add", "damped_trend": True, "initialization_method": "heuristic"}
        options |= {"seasonal": "add", "seasonal_periods": period} if seasonal else {}
        fitted = ExponentialSmoothing(values[:first], **options).fit()
        chosen = ("smoothing_level", "smoothing_trend", "damping_trend") + (("smoothing_seasonal",) if seasonal else ())
        smoothing = {name: fitted.params[name] for name in chosen}
        # Smoothing is causal: with its parameters and beginning given, a row's residual needs the rows before it.
        begin = {"initial_level": fitted.params["initial_level"], "initial_trend": fitted.params["initial_trend"]}
        begin |= {"initial_seasonal": fitted.params["initial_seasons"]} if seasonal else {}
        model = ExponentialSmoothing(values, **{**options, "initialization_method": "known"}, **begin)
        residuals = np.nan_to_num(np.abs(model.fit(**smoothing, optimized=False).resid), nan=0.0, posinf=0.0)
        found.append(_surprise(residuals, first))
    return found


def _surprise(residuals: Any, first: int) -> list[float]:
    """Each residual by the root mean square of up to 1,000 before it, from the end of the probation on; in [0, 1)."""
    sums = np.concatenate(([0.0], np.cumsum(residuals**2)))
    ends = np.arange(len(residuals))
    begins = np.maximum(ends - 1000, 0)
    spread = np.sqrt((sums[ends] - sums[begins]).clip(min=0) / np.maximum(ends - begins, 1))
    deviations = residuals / np.maximum(spread, 1e-9)
    return list(map(float, np.where(ends < first, 0.0, deviations / (deviations + 10))))


def _drain3(systems: Sequence[Sequence[str]]) -> list[list[int]]:
    """drain3 with its defaults: each line's group when it came."""
    found = []
    for lines in systems:
        miner = TemplateMiner()
        found.append([miner.add_log_message(line)["cluster_id"] for line in lines])
    return found


_TASKS: dict[str, Callable[[Any], Any]] = {
    "river HalfSpaceTrees": _half_space_trees,
    "statsmodels ExponentialSmoothing": _holt_winters,
    "drain3": _drain3,
}


def main() -> None:
    given = json.load(sys.stdin)
    began = time.process_time()
    found = _TASKS[sys.argv[1]](given)
    json.dump({"found": found, "seconds": time.process_time() - began}, sys.stdout)


if __name__ == "__main__":
    main()
