"""Runs one tool over streams of batches, in the environment that has it: prints one JSON object.

Each tool is used as its documentation has it, with its defaults: Evidently a ValueDrift of each column, without the
preset's charts of the whole; NannyML a UnivariateDriftCalculator in chunks of a batch's size; whylogs its drift
scores of two profiles; alibi-detect a TabularDrift. Arguments: the tool, and the file that ``drift_compared`` wrote.
"""
# ruff: noqa: PLC0415  (each tool is imported where it is, and nowhere else)

import importlib.metadata
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Check: TypeAlias = Callable[[Array], list[int]]
"""From a batch of shape (rows, columns) to the columns in which it drifted, by their places."""


def tandem(reference: Array, rows: int) -> Check:
    from detectors.drift.profile import build
    from detectors.drift.sequential import Monitor

    def table(values: Array) -> dict[str, Array]:
        return {str(at): column for at, column in enumerate(values.T)}

    def check(batch: Array) -> list[int]:
        verdict = monitor.update(profile.read(table(batch)))
        return [int(name) for name in verdict.columns] if verdict.drift else []

    profile = build(table(reference))
    monitor = Monitor.against(profile)
    return check


def evidently(reference: Array, rows: int) -> Check:
    import pandas
    from evidently import Report
    from evidently.metrics import ValueDrift

    names = [f"c{at}" for at in range(reference.shape[1])]
    before = pandas.DataFrame(reference, columns=names)

    def check(batch: Array) -> list[int]:
        report = Report([ValueDrift(column=name) for name in names], include_tests=True)
        tests = report.run(pandas.DataFrame(batch, columns=names), before).dict()["tests"]
        failed = [test["metric_config"]["params"]["column"] for test in tests if test["status"].value == "FAIL"]
        return [names.index(name) for name in failed]

    return check


def nannyml(reference: Array, rows: int) -> Check:
    import pandas
    from nannyml import UnivariateDriftCalculator

    names = [f"c{at}" for at in range(reference.shape[1])]
    calculator = UnivariateDriftCalculator(column_names=names, chunk_size=rows)
    calculator.fit(pandas.DataFrame(reference, columns=names))

    def check(batch: Array) -> list[int]:
        result = calculator.calculate(pandas.DataFrame(batch, columns=names))
        last = result.filter(period="analysis").to_df(multilevel=False).iloc[-1]
        return [at for at, name in enumerate(names) if last[f"{name}_jensen_shannon_alert"]]

    return check


def alibi(reference: Array, rows: int) -> Check:
    """TabularDrift, with its own correction for the number of columns (Bonferroni)."""
    from alibi_detect.cd import TabularDrift

    detector = TabularDrift(reference, p_val=0.05)

    def check(batch: Array) -> list[int]:
        found = detector.predict(batch, drift_type="batch")["data"]
        named = [at for at, p in enumerate(found["p_val"]) if p < found["threshold"]]
        return named if found["is_drift"] else []

    return check


def whylogs(reference: Array, rows: int) -> Check:
    """Profiles of both sides, and its drift scores of each column with its default thresholds."""
    import pandas
    import whylogs as why
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    names = [f"c{at}" for at in range(reference.shape[1])]
    before = why.log(pandas.DataFrame(reference, columns=names)).view()

    def check(batch: Array) -> list[int]:
        now = why.log(pandas.DataFrame(batch, columns=names)).view()
        scores = calculate_drift_scores(target_view=now, reference_view=before, with_thresholds=True)
        return [at for at, name in enumerate(names) if (scores.get(name) or {}).get("drift_category") == "DRIFT"]

    return check


TOOLS = {"tandem": tandem, "evidently": evidently, "nannyml": nannyml, "whylogs": whylogs, "alibi": alibi}
PACKAGES = {"alibi": "alibi-detect"}


def run(tool: str, path: str) -> dict[str, Any]:
    """What the tool says of each stream: the columns named, batch by batch, up to one that names what drifted."""
    streams = []
    with np.load(path) as arrays:
        TOOLS[tool](arrays["reference0"][:500], 100)(arrays["batches0"][0, :100])  # imports are not counted
        for told in json.loads(str(arrays["streams"])):
            reference, batches = arrays[f"reference{told['at']}"], arrays[f"batches{told['at']}"]
            begin = time.process_time()
            check = TOOLS[tool](reference, batches.shape[1])
            fitted, seconds, named = time.process_time() - begin, [], list[list[int]]()
            for at, batch in enumerate(batches):
                begin = time.process_time()
                named.append(check(batch))
                seconds.append(time.process_time() - begin)
                if at >= told["quiet"] and set(named[-1]) & set(told["right"]):
                    break
            streams.append({"fit_s": fitted, "seconds": seconds, "named": named})
    return {"version": _version(tool), "streams": streams, "peak_mb": peak_mb()}


def _version(tool: str) -> str:
    return "this" if tool == "tandem" else importlib.metadata.version(PACKAGES.get(tool, tool))


def peak_mb() -> float:
    """The most memory that this process ever had (Linux). getrusage would count the parent's from before the start."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(run(*sys.argv[1:])))
