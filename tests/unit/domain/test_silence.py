"""A silence holds from its start until just before its end, for what all its matchers fit."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.matcher import Matcher, parse_matcher
from bot.domain.silence import Silence
from tests.unit.strategies import NOON, moments

LABELS = {"service": "checkout", "alertname": "DiskFull"}


def silence(starts_at: datetime, ends_at: datetime, *matchers: Matcher) -> Silence:
    return Silence(id="s", matchers=list(matchers), starts_at=starts_at, ends_at=ends_at, created_by="U012AB3CD")


@given(moments, moments, moments)
def test_a_silence_covers_from_its_start_until_before_its_end(start: datetime, end: datetime, now: datetime) -> None:
    assert silence(start, end, parse_matcher("service=checkout")).covers(LABELS, now) == (start <= now < end)


@given(st.lists(st.sampled_from(["service=checkout", "service=~check.*", "alertname!=Down", "region=eu"]), max_size=4))
def test_a_silence_covers_what_all_its_matchers_fit(written: list[str]) -> None:
    made = silence(NOON, NOON + timedelta(hours=1), *map(parse_matcher, written))
    assert made.covers(LABELS, NOON) == ("region=eu" not in written)
