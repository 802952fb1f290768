"""The same value in another spelling is no drift and no new category; what is infinite is counted."""

from typing import Any

import numpy as np
import pytest

from detectors.drift.profile import Numeric, build
from detectors.drift.quality import findings

ROWS = 400


def column(values: Any) -> Any:
    made = np.empty(ROWS, dtype=object)
    made[:] = [values[at % len(values)] for at in range(ROWS)]
    return made


SPELLINGS = [(0, 1), (0.0, 1.0), (False, True), ("0", "1"), ("0.0", "1.0"), ("false", "true"), ("False", "TRUE")]


@pytest.mark.parametrize("categorical", [True, False])
@pytest.mark.parametrize("usual", SPELLINGS)
@pytest.mark.parametrize("now", SPELLINGS)
def test_zero_and_one_are_false_and_true_in_any_spelling(usual: Any, now: Any, categorical: bool) -> None:
    reference = build({"member": column(usual)}, categorical=["member"] if categorical else [])
    table = {"member": column(now)}
    assert findings(reference, table) == []
    same, other = (reference.read(one).columns["member"] for one in ({"member": column(usual)}, table))
    if isinstance(same, Numeric) and isinstance(other, Numeric):
        assert same.values.tolist() == other.values.tolist()
    else:
        assert same == other


def test_whole_numbers_meet_as_categories_and_words_do_not() -> None:
    reference = build({"size": column(("36", "38", "40"))})
    assert findings(reference, {"size": column((36.0, "38.0", 40))}) == []
    [found] = findings(reference, {"size": column(("036", "38", "40"))})
    assert found.kind == "category" and "036" in found.text


def test_true_among_prices_is_no_number() -> None:
    reference = build({"price": np.linspace(1, 50, ROWS)})
    kinds = {found.kind for found in findings(reference, {"price": column(("true", 7.5, 9.5))})}
    assert "type" in kinds


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinite_values_are_counted(infinite: float) -> None:
    usual = np.linspace(1, 50, ROWS)
    now = usual.copy()
    now[:3] = infinite
    [found] = [one for one in findings(build({"price": usual}), {"price": now}) if one.kind == "infinite"]
    assert found.text == "3 of 400 values of price are infinite"
    usual[:3] = infinite
    assert not [one for one in findings(build({"price": usual}), {"price": now}) if one.kind == "infinite"]
