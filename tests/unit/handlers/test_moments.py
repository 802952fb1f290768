"""Moments as senders write them: numbers since 1970, and text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.sources.registry import Malformed
from handlers.sources.timestamps import from_iso, since_1970


@given(st.integers(10**9, 4 * 10**9), st.sampled_from([1, 10**3, 10**6, 10**9]), st.booleans())
def test_the_size_of_a_number_tells_its_unit(seconds: int, unit: int, as_text: bool) -> None:
    value = seconds * unit
    moment = since_1970(str(value) if as_text else value, "$.at")
    assert moment is not None
    assert abs(moment - datetime.fromtimestamp(seconds, UTC)) <= timedelta(milliseconds=1)


@pytest.mark.parametrize("nothing", [None, "", 0, "0", 0.0])
def test_nothing_is_no_moment(nothing: float | str | None) -> None:
    assert since_1970(nothing, "$.at") is None
    assert from_iso("", "$.at") is None


@pytest.mark.parametrize("wrong", ["today", "nan", "9" * 400, 1e30, "-1e300", 10**400])
def test_a_number_that_is_none_or_too_large_is_malformed(wrong: float | str) -> None:
    with pytest.raises(Malformed, match=r"\$\.at"):
        since_1970(wrong, "$.at")


@given(st.datetimes(datetime(2, 1, 3), datetime(9999, 12, 29)), st.integers(-14, 14))
def test_text_with_a_zone_is_its_moment_in_utc(naive: datetime, hours: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert from_iso(moment.isoformat(), "$.at") == moment
    without_a_colon = moment.isoformat()[:-3] + moment.isoformat()[-2:]
    assert from_iso(without_a_colon, "$.at") == moment


@pytest.mark.parametrize("wrong", ["today", "2026-03-01T12:00:00", "9999-12-31T23:59:59-14:00"])
def test_text_that_is_no_moment_or_has_no_zone_is_malformed(wrong: str) -> None:
    with pytest.raises(Malformed, match=r"\$\.at"):
        from_iso(wrong, "$.at")
