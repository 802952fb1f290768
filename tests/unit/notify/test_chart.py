"""Charts as pictures and in words."""

import math
import struct

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bot.domain.event import Chart, Trend
from bot.notify.charts.chart import HEIGHT, MAX_ALT, WIDTH, bounded, in_words, render_chart
from bot.notify.slack.text import file_title

START = 1_772_366_400_000  # 2026-03-01 12:00 UTC
MINUTE = 60_000

values = st.one_of(st.none(), st.floats(allow_nan=False))
columns = st.lists(values, max_size=30)
texts = st.text(max_size=60)
charts = st.builds(
    Chart,
    title=texts,
    x=st.one_of(st.lists(st.integers(), max_size=30), st.lists(texts, max_size=30), st.lists(st.integers() | texts)),
    lines=st.dictionaries(texts, columns, max_size=4),
    low=columns,
    high=columns,
    unit=texts,
    trend=st.none()
    | st.builds(
        Trend,
        title=texts,
        at=st.lists(st.integers(), max_size=30),
        values=st.lists(st.floats(), max_size=30),
        limit=st.none() | st.floats(),
    ),
)


def latency(*seen: float | None, low: float = 80, high: float = 120) -> Chart:
    return Chart(
        "p95 of checkout",
        [START + n * MINUTE for n in range(len(seen))],
        {"checkout": list(seen)},
        [low] * len(seen),
        [high] * len(seen),
        "ms",
    )


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


BARS = Chart("age", ["0-18", "18-30"], {"reference": [0.25, 0.75], "now": [0.5, 0.5]}, unit="share")


@pytest.mark.parametrize("chart", [latency(*[100.0] * 200, 500.0), BARS], ids=["lines", "bars"])
def test_a_picture_is_small_and_has_the_size_that_a_thread_shows(chart: Chart) -> None:
    png = render_chart(chart)
    assert size_of(png) == (WIDTH, HEIGHT)
    assert len(png) < 60_000


@settings(max_examples=8, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # each one is drawn: no shrinking
@given(charts)
def test_whatever_a_detector_saw_can_be_drawn_and_said(chart: Chart) -> None:
    assert size_of(render_chart(chart)) == (WIDTH, HEIGHT)
    assert 0 < len(in_words(chart)) <= MAX_ALT


def test_the_words_say_what_was_seen_what_was_expected_and_how_much_was_outside() -> None:
    assert in_words(latency(100, 110, None, 300)) == (
        "p95 of checkout. 2026-03-01 12:00 to 12:03 UTC. checkout: last 300 ms, expected 80 to 120 ms; "
        "between 100 and 300 ms; 1 of 3 points are outside what was expected."
    )


def test_the_words_for_bars_name_each_bin() -> None:
    assert (
        in_words(BARS)
        == "age. Bars. 0-18: reference 0.25 share, now 0.5 share; 18-30: reference 0.75 share, now 0.5 share."
    )


def test_without_a_band_nothing_is_outside() -> None:
    free = Chart("errors", [START], {"errors": [5.0]})
    assert in_words(free) == "errors. 2026-03-01 12:00 to 12:00 UTC. errors: last 5; between 5 and 5."


def test_points_outside_are_marked_in_the_picture() -> None:
    assert render_chart(latency(100, 100, 119)) != render_chart(latency(100, 100, 119, high=110))


def test_a_band_may_have_one_side_only() -> None:
    only_high = Chart("queue", [START, START + MINUTE], {"queue": [1.0, 9.0]}, high=[5.0, 5.0])
    assert "expected at most 5" in in_words(only_high)
    assert bounded(only_high).outside("queue") == [1]


def test_a_limit_is_no_observation_that_could_be_outside() -> None:
    chart = Chart("queue", [START, START + MINUTE], {"queue": [1.0, 2.0], "limit": [9.0, 9.0]}, high=[5.0, 5.0])
    assert bounded(chart).outside("limit") == []
    assert in_words(chart).endswith("limit: last 9; between 9 and 9.")


def test_of_a_chart_that_is_too_long_the_newest_part_is_shown_with_its_own_band() -> None:
    long = 5000
    chart = Chart(
        "t", [START + n for n in range(long)], {"a": [float(n) for n in range(long)]}, [float(n) for n in range(long)]
    )
    drawn = bounded(chart)
    assert drawn.lines["a"][-1] == long - 1
    assert drawn.low == drawn.lines["a"]
    assert len(drawn.times) == len(drawn.low) < long


def test_a_line_that_is_too_short_has_no_value_where_nothing_is_known() -> None:
    drawn = bounded(Chart("t", [START, START + MINUTE], {"a": [1.0]}))
    assert drawn.lines["a"][0] == 1.0
    assert math.isnan(drawn.lines["a"][1])


def test_a_name_is_shown_as_it_is_and_a_dollar_sign_begins_no_formula() -> None:
    tricky = Chart(r"a $\frac{$ & <!channel>", [START], {r"$\nonsense$": [1.0]})
    assert size_of(render_chart(tricky)) == (WIDTH, HEIGHT)
    assert in_words(tricky).startswith(r"a $\frac{$ & <!channel>.")
    assert "<" not in file_title(tricky.title)


def test_bars_have_beside_them_how_their_figure_came_there_in_words_too() -> None:
    trend = Trend("recall", [START + n * MINUTE for n in range(3)], [0.9, 0.8, 0.6], 0.7)
    alone = Chart("recall, limit 0.7", ["reference", "now"], {"recall": [0.9, 0.6]})
    both = Chart("recall, limit 0.7", ["reference", "now"], {"recall": [0.9, 0.6]}, trend=trend)
    assert "Over the last 3 checks recall went from 0.9 to 0.6, limit 0.7." in in_words(both)
    assert render_chart(both) != render_chart(alone)
