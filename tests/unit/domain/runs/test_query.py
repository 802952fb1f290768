"""A query as evidence: what its values show, and that what is not known never counts as good."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.runs.query import PlannedQuery, Query, judge

numbers = st.floats(-1e6, 1e6)
limits = st.none() | numbers
factors = st.none() | st.floats(0.01, 100)
queries = st.builds(
    PlannedQuery, st.just("main"), st.just("errors"), limits, limits, below_before=factors, above_before=factors
)


@given(queries, st.lists(numbers, max_size=5), st.none() | numbers)
def test_an_answer_is_good_only_where_every_value_meets_every_limit(
    query: PlannedQuery, values: list[float], before: float | None
) -> None:
    known = not query.needs_before or before is not None
    was = before or 0.0
    meets = all(
        (query.below is None or value < query.below)
        and (query.above is None or value > query.above)
        and (query.below_before is None or value < query.below_before * was)
        and (query.above_before is None or value > query.above_before * was)
        for value in values
    )
    assert judge(query, values, before).good == (bool(values) and known and meets)


@given(queries, st.lists(numbers, max_size=3), st.none() | numbers)
def test_what_is_no_number_shows_nothing(query: PlannedQuery, values: list[float], before: float | None) -> None:
    look = judge(query, [*values, math.nan], before)
    assert look.unproven == ["errors has no value"] and not look.good and not look.unmet


def test_the_words_name_the_value_the_limit_and_what_it_was() -> None:
    above = PlannedQuery("main", "errors", below_before=1.2)
    assert judge(above, [9.0, 5.0], 5.0).unmet == ["errors is 9, not below 1.2 times what it was (5 before)"]
    assert judge(above, [5.0], 5.0).good
    assert judge(above, [5.0], None).unproven == ["what errors was before the incident is not known"]


@pytest.mark.parametrize("wrong", [{}, {"below": "much"}, {"below_before": 0}, {"below": 1, "expr": ""}])
def test_a_query_that_compares_with_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Query.model_validate({"prometheus": "main", "expr": "up", **wrong})
