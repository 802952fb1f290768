"""Burn rates as evidence: an SLO's budget is spent slowly enough again, over a long and a short window."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.runbook import Runbook, definition_hash
from bot.domain.runs.burn_rate import PlannedBurnRate
from bot.domain.runs.query import PlannedQuery, Query, judge_burn_rate
from bot.errors import PlanError
from bot.remediation.planning import make_plan

RATIO = "sum(rate(errors_total[$window])) / sum(rate(requests_total[$window]))"
RATE = PlannedBurnRate(objective=0.999, below=14.4, long=3600, short=300)
QUERY = PlannedQuery("main", "errors", burn_rate=RATE)
shares = st.floats(0, 1)


def query(**rate: Any) -> Query:
    return Query.model_validate({"prometheus": "main", "expr": RATIO, "burn_rate": {"objective": 0.999, **rate}})


@pytest.mark.parametrize(
    "long, short, good, unmet",
    [
        (0.0145, 0.0145, False, True),  # as the workbook pages: both windows above 14.4
        (0.02, 0.0143, True, False),  # it goes on no longer, though the hour still remembers
        (0.0001, 0.5, False, False),  # the hour does not know of it yet: neither good nor what a page is for
        (0.0, 0.0, True, False),
    ],
)
def test_both_windows_decide(long: float, short: float, good: bool, unmet: bool) -> None:
    look = judge_burn_rate(QUERY, RATE, [long], [short])
    assert (look.good, bool(look.unmet)) == (good, unmet)


@given(st.lists(shares, min_size=1, max_size=4), st.lists(shares, min_size=1, max_size=4))
def test_it_is_good_only_where_the_worst_series_burns_slowly_now(long: list[float], short: list[float]) -> None:
    assert judge_burn_rate(QUERY, RATE, long, short).good is (RATE.of_errors(max(short)) < 14.4)


@pytest.mark.parametrize("long, short", [([], [0.0]), ([0.0], []), ([math.nan], [0.0]), ([0.0], [0.0, math.nan])])
def test_what_has_no_value_over_either_window_shows_nothing(long: list[float], short: list[float]) -> None:
    look = judge_burn_rate(QUERY, RATE, long, short)
    assert look.unproven and not look.good and not look.unmet


def test_the_usual_windows_are_those_of_the_workbook() -> None:
    rate = query().burn_rate
    assert rate is not None
    assert (rate.below, rate.long, rate.short) == (14.4, timedelta(hours=1), timedelta(minutes=5))
    assert query(objective="99.9%") == query(objective=0.999)
    long, short = PlannedBurnRate.of(rate).expressions(RATIO)
    assert (long.count("[3600s]"), short.count("[300s]"), "$" in long + short) == (2, 2, False)


@pytest.mark.parametrize(
    "wrong, why",
    [
        ({"objective": 1}, "less than 1"),
        ({"objective": "99.9 per cent"}, "valid number"),
        ({"short": "2h"}, "the short window is shorter"),
        ({"objective": 0.9}, "the most is 10"),
    ],
)
def test_a_rate_that_cannot_be_is_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        query(**wrong)


@pytest.mark.parametrize(
    "given",
    [
        {"expr": RATIO, "below": 1},
        {"expr": "errors", "burn_rate": {"objective": 0.9}},
        {"expr": RATIO, "burn_rate": {"objective": 0.999}, "below": 1},
    ],
)
def test_the_window_stands_in_the_expression_of_a_rate_and_in_no_other(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Query.model_validate({"prometheus": "main", **given})


def test_a_plan_has_the_windows_in_it_and_says_what_must_be() -> None:
    book = _book({"query": {"prometheus": "main", "expr": RATIO, "burn_rate": {"objective": "99.9%"}}})
    plan = make_plan("r", book, {"service": "checkout"})
    [planned] = plan.queries
    assert (planned.burn_rate, planned.expr) == (RATE, RATIO)
    assert plan.evidence() == [f"{RATIO} must be burning less than 14.4 times the budget of 99.9 % over 5m"]


def test_placeholders_stand_beside_the_window() -> None:
    expr = 'sum(rate(errors_total{service="${service}"}[$window]))'
    book = _book({"query": {"prometheus": "main", "expr": expr, "burn_rate": {"objective": 0.999}}})
    [planned] = make_plan("r", book, {"service": "checkout"}).queries
    assert planned.expr == 'sum(rate(errors_total{service="checkout"}[$window]))'
    with pytest.raises(PlanError):
        make_plan("r", book, {"service": 'x"}) or vector(0)'})


def test_runbooks_of_before_are_the_same_as_they_were() -> None:
    """The hash of a runbook without a burn rate, as it was before there were any."""
    book = _book({"query": {"prometheus": "main", "expr": "errors", "below": 1}})
    assert definition_hash(book) == "29798dc8c9db0379"


def _book(verify: dict[str, Any]) -> Runbook:
    steps = [{"command": {"argv": ["true"]}}]
    given = {"title": "T", "when": {"service": "x"}, "steps": steps, "approval": {"approvers": ["U1"]}}
    return Runbook.model_validate({**given, "verify": verify})
