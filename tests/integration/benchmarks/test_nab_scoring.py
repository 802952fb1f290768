"""The benchmark's scoring, against what its definition says."""

import csv
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks import nab
from tests.benchmarks.made.kinds import KINDS, made
from tests.benchmarks.nab_scoring import (
    PROFILES,
    Labelled,
    Profile,
    Scored,
    best_score,
    by_kind,
    probation,
    score_at,
    sigmoid,
)

STANDARD = PROFILES["standard"]
WINDOW = (500, 599)


def one_alarm(*rows: int) -> list[float]:
    return [float(row in rows) for row in range(1000)]


def test_silence_scores_0_and_an_alarm_at_the_start_of_every_window_100() -> None:
    windows = [(200, 219), WINDOW]
    assert best_score([Scored(one_alarm(), windows)], STANDARD).score == 0
    assert best_score([Scored(one_alarm(200, 500), windows)], STANDARD).score == pytest.approx(100)


def test_an_early_alarm_earns_more_than_a_late_one() -> None:
    early, late = (best_score([Scored(one_alarm(row), [WINDOW])], STANDARD).score for row in (510, 590))
    assert early > late > 0


def test_a_window_is_worth_its_earliest_alarm_however_many_follow() -> None:
    once, often = (best_score([Scored(one_alarm(*rows), [WINDOW])], STANDARD) for rows in ([510], range(510, 600)))
    assert once == often


@pytest.mark.parametrize(
    ("row", "cost"),
    [(400, 0.11), (600, -0.11 * sigmoid(1 / 99)), (650, -0.11 * sigmoid(51 / 99)), (950, 0.11)],
    ids=["before any window", "just past a window", "half a width past", "beyond three widths"],
)
def test_a_false_alarm_costs_by_its_distance_past_the_last_window(row: int, cost: float) -> None:
    perfect = best_score([Scored(one_alarm(500), [WINDOW])], STANDARD).score
    with_false_alarm = best_score([Scored(one_alarm(500, row), [WINDOW])], STANDARD).score
    assert perfect - with_false_alarm == pytest.approx(100 * cost / 2)


def test_rows_of_probation_neither_earn_nor_cost() -> None:
    silent = best_score([Scored(one_alarm(), [WINDOW])], STANDARD)
    assert best_score([Scored(one_alarm(*range(150)), [WINDOW])], STANDARD) == silent
    assert (probation(1000), probation(20_000)) == (150, 750)


def test_at_the_best_threshold_the_score_is_the_best_one() -> None:
    files = [Scored([0.5 * one for one in one_alarm(300, 510)], [WINDOW]), Scored(one_alarm(700), [WINDOW])]
    for profile in PROFILES.values():
        best = best_score(files, profile)
        assert score_at(files, profile, best.threshold) == pytest.approx(best.score)


def test_a_kind_is_scored_at_the_threshold_that_is_best_for_the_others() -> None:
    quiet = Labelled("quiet", [0.4 * one for one in one_alarm(500)], [WINDOW])
    loud = Labelled("loud", one_alarm(500), [WINDOW])
    calm = Labelled("calm", [0.6 * one for one in one_alarm(300)], [])
    assert by_kind([quiet, loud, calm], STANDARD) == {"quiet": 0, "loud": pytest.approx(100), "calm": -0.11}


@pytest.mark.parametrize("kind", KINDS)
def test_a_made_series_is_the_same_each_time_and_its_windows_lie_in_it(kind: str) -> None:
    series = made(kind, 1)
    assert series == made(kind, 1) != made(kind, 2)
    assert len(series.times) == len(series.values) == KINDS[kind].rows and series.times == sorted(set(series.times))
    assert len(series.windows) == KINDS[kind].anomalies
    assert all(0 <= first < last < len(series.times) for first, last in series.windows)


def test_one_threshold_holds_for_all_files() -> None:
    loud = Scored([0.5] * 1000, [])
    quiet = Scored([0.4 * alarm for alarm in one_alarm(500)], [WINDOW])
    assert best_score([quiet], STANDARD).score == pytest.approx(100)
    assert best_score([loud, quiet], STANDARD).score == 0


@given(st.lists(st.floats(0, 1), min_size=200, max_size=200), st.sampled_from(list(PROFILES.values())))
def test_no_scores_are_better_than_perfect_or_worse_than_silent(scores: list[float], profile: Profile) -> None:
    assert 0 <= best_score([Scored(scores, [(60, 79), (120, 139)])], profile).score <= 100 + 1e-9


def test_the_benchmark_reports_its_figures_and_leaves_a_score_for_every_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = [str(datetime(2024, 1, 1) + timedelta(minutes=5 * row)) for row in range(1000)]
    values = [float(row % 5) + 50 * (row == 550) for row in range(1000)]
    put(tmp_path / "nab/data/made/spike.csv", [("timestamp", "value"), *zip(times, values, strict=True)])
    labels = tmp_path / "nab/labels/combined_windows.json"
    labels.parent.mkdir()
    labels.write_text(json.dumps({"made/spike.csv": [[f"{times[row]}.000000" for row in WINDOW]]}))
    monkeypatch.setattr(sys, "argv", ["nab", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    nab.main()
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(figures) == ["standard", "low_fp", "low_fn", "points_per_s", "bytes_per_series"]
    assert figures["standard"] == figures["low_fp"] > 90
    with (tmp_path / "out/made/tandem_spike.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["timestamp"] for row in rows] == times
    assert [at for at, row in enumerate(rows) if float(row["anomaly_score"]) > 0.5 and at >= 150] == [550]


def put(path: Path, rows: list[tuple[object, ...]]) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
