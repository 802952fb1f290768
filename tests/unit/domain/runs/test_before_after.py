"""The chart of what a run was to mend: what was before it and what is after are two lines."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.runs.before_after import BEFORE, LONGEST, Bounds, Span, before_after, span_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPAN = Span(NOON, NOON + timedelta(minutes=10), NOON + timedelta(minutes=20))


def minute(at: int) -> datetime:
    return NOON + timedelta(minutes=at)


def test_the_lines_meet_where_the_run_started() -> None:
    chart = before_after("errors", [(minute(at), float(at)) for at in range(-5, 26, 5)], SPAN, Bounds(high=7.0))
    assert chart is not None
    assert chart.lines == {"before": [0, 5, None, None, None], "after the run": [None, None, 10, 15, 20]}
    assert (chart.high, chart.low) == ([7.0] * 5, [])
    assert chart.x[0] == int(NOON.timestamp() * 1000)


@given(st.lists(st.integers(-30, 30), max_size=20, unique=True))
def test_there_is_no_chart_without_both_sides(minutes: list[int]) -> None:
    chart = before_after("errors", [(minute(at), 1.0) for at in sorted(minutes)], SPAN)
    assert (chart is not None) is (any(0 <= at < 10 for at in minutes) and any(10 <= at <= 20 for at in minutes))


def test_a_span_begins_before_the_incident_and_is_never_longer_than_some_hours() -> None:
    assert span_of(NOON, minute(5), minute(20)) == Span(NOON - BEFORE, minute(5), minute(20))
    late = NOON + timedelta(days=3)
    assert span_of(NOON, late, late).start == late - LONGEST
