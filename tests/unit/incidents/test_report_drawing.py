"""Charts of reports as text, whatever numbers they are of."""

from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.event import Chart
from bot.incidents.reports.drawing import series_in_text

NUMBERS = st.lists(st.none() | st.floats(), min_size=1, max_size=70)


@given(NUMBERS)
@example([0.851, 0.428, 0.828])
@example([float(value) / 1.1 for value in range(60)])
@example([5e-324, 0.0])
@example([-1e308, 1e308])
def test_any_numbers_are_a_row_of_bars_the_greatest_of_which_is_full(values: list[float | None]) -> None:
    text = series_in_text(Chart("t", [str(at) for at in range(len(values))], {"now": values}))
    lines = text.splitlines()
    assert lines[0] == "t" and len(lines) <= 2
