"""The benchmark of causes from metrics scores whatever scenarios lie in its folder, and says where none do."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from detectors.rootcause.metrics import Values
from tests.benchmarks.petshop import Prediction, score

NODES = ["web", "db", "idle"]
Cells = dict[tuple[str, str, str], Values]


def benchmark(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.benchmarks.petshop", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def metrics(rows: int, slower: Values | float = 0.0) -> Cells:
    random = np.random.default_rng(rows)
    db = 0.1 + 0.01 * random.random(rows) + slower
    measured = {"web": db + 0.2 + 0.01 * random.random(rows), "db": db, "idle": np.full(rows, np.nan)}
    latency = {(node, "latency", "Average"): values for node, values in measured.items()}
    return latency | {(node, "requests", "Sum"): np.full(rows, 100.0) for node in NODES}


def write_metrics(path: Path, columns: Cells) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows(zip(["microservice", "metric", "statistic"], *columns, strict=True))
        writer.writerow(["unix_timestamp"] + [""] * len(columns))
        for at, row in enumerate(zip(*columns.values(), strict=True)):
            writer.writerow([300.0 * at] + ["" if np.isnan(cell) else cell for cell in row])


def write_scenario(folder: Path, split: str) -> None:
    write_metrics(folder / "noissue" / "metrics.csv", metrics(100))
    write_metrics(folder / split / "issue_0" / "metrics.csv", metrics(5, np.array([0, 0, 0.5, 0.5, 0])))
    labels = {
        "target": {"node": "web", "metric": "latency", "agg": "Average"},
        "root_cause": {"node": "db", "metric": None},
    }
    (folder / split / "issue_0" / "target.json").write_text(json.dumps(labels))
    edges: list[list[object]] = [["", *NODES], ["web", 0.0, 1.0, 1.0], ["db", 0.0, 0.0, 0.0], ["idle", 0.0, 0.0, 0.0]]
    with (folder / "graph.csv").open("w", newline="") as file:
        csv.writer(file).writerows(edges)


def prediction(ranked: list[str], cause: str | None) -> Prediction:
    return Prediction("any", ranked, "low", "latency", cause, 0.5)


def test_recall_counts_issues_and_specificity_counts_normal_windows_without_a_cause() -> None:
    issues = [prediction(ranked, "db") for ranked in (["db"], ["web", "db"], ["a", "b", "c", "db"], [])]
    windows = [prediction(ranked, None) for ranked in ([], [], [], ["db"])]
    figures = score(issues + windows)
    assert (figures["top1"], figures["top3"], figures["specificity"]) == (0.25, 0.5, 0.75)
    assert (figures["issues"], figures["normal_windows"], figures["seconds_per_issue"]) == (4, 4, 0.5)


def test_every_scenario_of_the_split_is_scored_and_its_predictions_are_written(tmp_path: Path) -> None:
    for scenario in ("busy", "calm"):
        write_scenario(tmp_path / "petshop" / scenario, "test")
    done = benchmark("--data", str(tmp_path), "--split", "test", "--out", str(tmp_path / "out"))
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["top1"], figures["top3"], figures["issues"]) == (1.0, 1.0, 2)
    assert figures["scenarios"]["calm"]["latency"]["normal_windows"] == 10
    lines = [json.loads(line) for line in (tmp_path / "out" / "predictions.jsonl").read_text().splitlines()]
    ranked = {line["issue"]: line["ranked"] for line in lines}
    assert ranked["busy/test/issue_0"][0] == ranked["calm/test/issue_0"][0] == "db"
    windows = [named for issue, named in ranked.items() if "/noissue/" in issue]
    assert figures["specificity"] == sum(not named for named in windows) / 20


def test_missing_data_is_said(tmp_path: Path) -> None:
    write_scenario(tmp_path / "petshop" / "calm", "train")
    for folder, split in ((tmp_path / "nothing", "train"), (tmp_path, "test")):
        done = benchmark("--data", str(folder), "--split", split)
        assert done.returncode == 2 and "data is not there" in done.stderr
