"""Vectors that are not well formed are named, with their numbers."""

import numpy as np

from detectors.drift.packing import Array
from detectors.embeddings.profile import Counted
from detectors.embeddings.quality import findings
from detectors.embeddings.vectors import Vectors, of_matrix

USUAL = Counted(rows=10_000)


def texts(rows: Array, size: int = 8, usual: Counted | None = USUAL) -> dict[str, str]:
    return {one.kind: one.text for one in findings("image", of_matrix(rows), size, usual)}


def test_sound_vectors_are_no_finding() -> None:
    assert texts(np.ones((20, 8))) == {}
    assert texts(np.ones((0, 8))) == {}


def test_another_size_is_named_beside_the_one_that_it_was() -> None:
    assert texts(np.ones((20, 4)))["size"] == "20 of 20 vectors of image have 4 numbers, not 8"
    assert texts(np.ones((20, 4)), size=0) == {}  # nobody knows


def test_numbers_that_are_none_infinite_or_all_zero_are_counted_by_row() -> None:
    rows = np.ones((20, 8))
    rows[:3, 1:4], rows[4, 0], rows[5:10] = np.nan, -np.inf, 0
    found = texts(rows)
    assert found["nan"] == "3 of 20 vectors of image have numbers that are missing"
    assert found["infinite"].startswith("1 of 20") and found["zero"].startswith("5 of 20")


def test_what_the_reference_has_as_often_is_no_finding() -> None:
    rows = np.ones((100, 8))
    rows[:5] = 0
    assert texts(rows, usual=Counted(rows=1000, zero=50)) == {}
    assert "zero" in texts(rows, usual=Counted(rows=100_000, zero=1))


def test_missing_vectors_are_a_share_and_left_out_ones_are_nothing() -> None:
    sizes = np.array([-1] * 5 + [0] * 80 + [8] * 15)
    found = list(findings("image", Vectors(sizes, lambda places: np.ones((len(places), 8))), 8, USUAL))
    assert [one.text for one in found] == ["25.0% of image is missing, usually 0.0%"]
