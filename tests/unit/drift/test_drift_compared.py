"""The comparison of drift says of each tool what it named and when, and which tool it left out."""

from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.drift_cases import cases
from tests.benchmarks.drift_compared import (
    Stream,
    delay_of,
    figures_of,
    interpreters,
    stream_of,
    watched,
    write,
)
from tests.benchmarks.drift_compared_large import measure
from tests.benchmarks.drift_compared_large import write as write_reference


def streams() -> list[Stream]:
    """Five columns without a drift; and with one in the second column, from the third batch on."""
    random = np.random.default_rng(5)
    reference, batches = random.normal(size=(2000, 5)), random.normal(size=(8, 400, 5))
    moved = batches.copy()
    moved[2:, :, 1] += 2
    return [Stream("none", reference, batches, 8, ()), Stream("covariate", reference, moved, 2, (1,))]


def test_we_find_a_plain_drift_in_our_own_process(tmp_path: Path) -> None:
    pythons, _ = interpreters({})
    write(tmp_path / "streams.npz", streams())
    figures = figures_of(watched("tandem", pythons["tandem"], tmp_path / "streams.npz"), streams())
    assert figures["found"] == 1 and figures["delays"]["covariate"] in (1, 2)
    assert (figures["false_pages"], figures["batches"], figures["small_batches"]) == (0, 8, 2)
    assert 0 < figures["batch_s"] < 60 and figures["peak_mb"] > 20


def test_only_a_page_that_names_what_drifted_counts_and_none_from_before() -> None:
    stream = streams()[1]
    assert delay_of([[1], [1], [0], [3, 1]], stream) == 2
    assert delay_of([[1], [1], [0], [3], []], stream) is None


def test_a_tool_without_a_python_is_left_out_and_said_to_be() -> None:
    pythons, left_out = interpreters({"TANDEM_NANNYML_PYTHON": "/opt/nannyml/bin/python"})
    others = {name: f"TANDEM_{name.upper()}_PYTHON is not set" for name in ("alibi", "evidently", "whylogs")}
    assert set(pythons) == {"tandem", "nannyml"} and left_out == others


def test_a_stream_is_cut_where_the_drift_begins() -> None:
    case = next(case for case in cases(range(1)) if case.name == "diabetes" and case.kind == "unit")
    stream = stream_of(case)
    (at,) = stream.right
    means = np.abs(stream.batches[:, :, at].mean(axis=1))
    assert means[: stream.quiet].max() * 1.5 < means[stream.quiet :].min()


@pytest.mark.parametrize("how", ["whole", "in_parts"])
def test_a_small_reference_is_exact_either_way(how: str, tmp_path: Path) -> None:
    write_reference(tmp_path / "reference.parquet", 1200, 2)
    figures = measure(how, tmp_path / "reference.parquet")
    assert (figures["kept"], figures["error"]) == (1200, 0)
