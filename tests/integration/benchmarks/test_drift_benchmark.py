"""The benchmark of drift plays drifts that are as it says, and compares delays as it says."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.drift import Outcome, delay_ratio, watch
from tests.benchmarks.drift_cases import BATCH_ROWS, DRIFTS, HORIZON, QUIET, cases

CASES = {case.kind: case for case in cases(range(1)) if case.name == "wine"}


@pytest.mark.parametrize("kind", DRIFTS)
def test_a_drift_is_seen_and_a_column_named_that_drifted(kind: str) -> None:
    outcome = watch(CASES[kind])
    assert outcome.delay is not None and outcome.named in outcome.case.right


@pytest.mark.parametrize("kind", ["covariate", "gradual", "slice", "missing", "unit"])
def test_one_feature_moves_by_more_than_chance_and_only_once_the_drift_began(kind: str) -> None:
    case = CASES[kind]
    batches = [{name: np.nan_to_num(column) for name, column in batch.items()} for batch in case.batches()]
    assert len(batches) == QUIET + HORIZON and all(len(batch["label"]) == BATCH_ROWS for batch in batches)
    means = {name: np.array([batch[name].mean() for batch in batches]) for name in batches[0]}
    moved = {name for name, at in means.items() if abs(at[-20:].mean() - at[:20].mean()) > 1.5 * at[:20].std()}
    assert moved == {case.feature}


def test_a_drift_that_is_not_found_counts_as_long_as_its_stream() -> None:
    case = CASES["unit"]
    assert delay_ratio([Outcome(case, 2, 1, None, False), Outcome(case, None, 1, None, False)]) == (2 + HORIZON) / 2


def test_missing_data_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.drift", "--data", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and "data is not there" in done.stderr
