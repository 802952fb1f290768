"""The form behind ``/incident silence``: what is filled in is understood, or the field is told what is wrong."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.matcher import Matcher
from bot.incidents.silencing import MAX_SILENCE
from handlers.slack.forms import values_of
from handlers.slack.forms.silence import COMMENT, DURATION, MATCHERS, read


def filled_in(duration: str | None = "2h", matchers: str | None = "service=checkout", comment: str | None = "") -> Any:
    given_values = {DURATION: duration, MATCHERS: matchers, COMMENT: comment}
    view = {"state": {"values": {field: {"value": {"value": value}} for field, value in given_values.items()}}}
    return values_of(view)


def test_a_form_says_for_how_long_which_alerts_and_why() -> None:
    wish = read(filled_in(" 1h30m ", 'service=checkout\n\n  alertname=~"Disk.*"\n', " a fix is on its way "))
    assert wish.span == timedelta(hours=1, minutes=30)
    assert wish.matchers == [Matcher("service", "=", "checkout"), Matcher("alertname", "=~", "Disk.*")]
    assert wish.comment == "a fix is on its way"
    assert wish.errors == {}


def test_a_comment_need_not_be_given() -> None:
    assert read(filled_in(comment=None)).errors == {}


@pytest.mark.parametrize("duration", [None, "", "soon", "0s", "31d", "5"])
def test_a_silence_lasts_for_more_than_nothing_and_thirty_days_at_most(duration: str | None) -> None:
    assert read(filled_in(duration)).errors.keys() == {DURATION}
    assert read(filled_in("30d")).span == MAX_SILENCE


@pytest.mark.parametrize("matchers", [None, "", "\n  \n", "service", "a=~(", "service=checkout\nnonsense"])
def test_a_silence_over_everything_or_something_unreadable_is_refused_at_its_field(matchers: str | None) -> None:
    assert read(filled_in(matchers=matchers)).errors.keys() == {MATCHERS}


@given(st.text(), st.text(), st.text())
def test_whatever_is_filled_in_is_a_wish_or_errors_that_slack_can_show(
    duration: str, matchers: str, comment: str
) -> None:
    wish = read(filled_in(duration, matchers, comment))
    assert wish.errors or (wish.matchers and wish.span > timedelta(0))
    assert all(0 < len(error) <= 150 for error in wish.errors.values())
