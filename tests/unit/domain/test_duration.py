"""Durations as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bot.domain.duration import Duration, format_duration, parse_duration

UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
durations = TypeAdapter(Duration)
parts = st.lists(st.tuples(st.integers(0, 500), st.sampled_from(sorted(UNITS))), min_size=1, max_size=5)


@given(parts)
def test_a_duration_is_the_sum_of_its_parts(parts: list[tuple[int, str]]) -> None:
    written = "".join(f"{number}{unit}" for number, unit in parts)
    assert parse_duration(f"  {written}\n") == sum((number * UNITS[unit] for number, unit in parts), timedelta())


@pytest.mark.parametrize(
    "text, seconds", [("1.5h", 5400), ("0.25s", 0.25), ("1h30m", 5400), ("2d", 172_800), ("0s", 0)]
)
def test_a_part_may_be_a_fraction(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", " ", "5", "m", "5 m", "-5m", "5m-", "1e3s", "5y", "5M", "5mm", ".5s", "5.s", "inf", "nan", "1h 30m", "0x1s"],
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"as in 90s, 5m, 1h30m or 2d"):
        parse_duration(text)


@given(st.text())
def test_any_text_is_a_duration_of_a_century_at_most_or_a_value_error(text: str) -> None:
    try:
        span = parse_duration(text)
    except ValueError:
        return
    assert timedelta(0) <= span <= timedelta(days=36_500)


@pytest.mark.parametrize("text", ["36501d", "99999999w", "9" * 400 + "s"])
def test_a_duration_with_which_no_date_can_be_reckoned_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too long a duration"):
        parse_duration(text)


@given(st.timedeltas(timedelta(0), timedelta(days=36_500)))
def test_a_duration_that_is_written_down_is_read_as_the_same(span: timedelta) -> None:
    written = durations.dump_python(span, mode="json")
    assert abs(durations.validate_python(written) - span) <= timedelta(microseconds=1)


@pytest.mark.parametrize("value", [5, 1.5, None, True, ["5m"], {"m": 5}])
def test_a_number_without_a_unit_is_no_duration(value: object) -> None:
    with pytest.raises(ValidationError, match="a number and a unit"):
        durations.validate_python(value)


@pytest.mark.parametrize(
    "seconds, text", [(-5, "0s"), (0, "0s"), (0.9, "0s"), (59, "59s"), (60, "1m"), (3725, "1h 2m"), (90_061, "1d 1h")]
)
def test_people_are_told_the_two_largest_units(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@given(st.timedeltas(timedelta(0), timedelta(days=10_000)))
def test_what_people_are_told_is_never_more_than_it_is_nor_off_by_more_than_its_smallest_unit(span: timedelta) -> None:
    told = format_duration(span)
    smallest = UNITS[told[-1]]
    assert timedelta(0) <= span - parse_duration(told.replace(" ", "")) < smallest
