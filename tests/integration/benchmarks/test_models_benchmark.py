"""The benchmark of models runs its parts as commands, and says why a part has no figures."""

import sys

from tests.benchmarks.models import PARTS, run


def test_a_part_s_last_line_are_its_figures_and_one_that_fails_says_why() -> None:
    figures, why = run("tests.benchmarks.models", ["--data", "/nowhere"])
    assert figures is None and why.startswith("exit 2: the data is not there")
    assert run("json.tool", ["--help"])[0] is None
    assert sys.executable and set(PARTS) >= {"labels", "drift", "traces"}
