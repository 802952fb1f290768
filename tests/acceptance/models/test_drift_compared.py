"""The other tools of the drift comparison, themselves: each finds a plain drift, in the environment that has it."""

import os
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.drift_compared import Stream, figures_of, interpreters, watched, write


@pytest.mark.parametrize("tool", ["evidently", "nannyml", "whylogs", "alibi"])
def test_a_tool_finds_a_plain_drift_in_its_own_process(tool: str, tmp_path: Path) -> None:
    pythons, left_out = interpreters(os.environ)
    if tool in left_out:
        pytest.skip(left_out[tool])
    random = np.random.default_rng(5)
    reference, batches = random.normal(size=(1000, 2)), random.normal(size=(2, 400, 2))
    moved = batches + np.array([[[0, 0]], [[0, 2]]])
    streams = [Stream("none", reference, batches, 2, ()), Stream("covariate", reference, moved, 1, (1,))]
    write(tmp_path / "streams.npz", streams)
    figures = figures_of(watched(tool, pythons[tool], tmp_path / "streams.npz"), streams)
    assert figures["delays"] == {"covariate": 1} and figures["batches"] == 2
    assert figures["version"] and figures["peak_mb"] > 20
