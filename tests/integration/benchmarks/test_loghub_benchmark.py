"""The benchmark of log grouping scores whatever systems lie in its folder, as anyone would score its files again."""

import csv
import json
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.loghub import accuracy


def benchmark(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.benchmarks.loghub", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def write(folder: Path, system: str, rows: list[tuple[str, str]]) -> None:
    (folder / "loghub" / system).mkdir(parents=True)
    with (folder / "loghub" / system / f"{system}_2k.log_structured.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["LineId", "Content", "EventId"])
        writer.writerows((at, *row) for at, row in enumerate(rows, 1))


def test_a_group_counts_only_with_exactly_the_true_members() -> None:
    assert accuracy([1, 1, 2], ["a", "a", "b"]) == 1.0
    assert accuracy([1, 1, 1], ["a", "a", "b"]) == 0.0
    assert accuracy([1, 2, 3], ["a", "a", "b"]) == 1 / 3


def test_every_system_in_the_folder_is_scored_and_its_groups_are_written(tmp_path: Path) -> None:
    write(tmp_path, "Lift", [("door 1 opened", "E1"), ("door 2 opened", "E1"), ("cabin, stuck", "E2")])
    write(tmp_path, "Mill", [("wheel 1 turns", "E1"), ("wheel 2 turns", "E2")])
    (tmp_path / "loghub" / "empty").mkdir()
    done = benchmark("--data", str(tmp_path), "--out", str(tmp_path / "out"))
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["systems"] == {"Lift": 1.0, "Mill": 0.0}
    assert figures["mean"] == 0.5 and figures["lines_per_s"] > 0
    with (tmp_path / "out" / "Lift.csv").open(newline="") as file:
        groups = {row["LineId"]: row["group"] for row in csv.DictReader(file)}
    assert groups["1"] == groups["2"] != groups["3"]


def test_missing_data_is_said(tmp_path: Path) -> None:
    done = benchmark("--data", str(tmp_path))
    assert done.returncode == 2 and "data is not there" in done.stderr
