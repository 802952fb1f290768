"""Watches are looked after again and again, also when the clock is set back: by one rule for all of them."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.watches.ticks import Ticks

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("passed", "due"),
    [(0, False), (14.9, False), (15, True), (3600, True), (-0.1, True), (-3600, True), (-86_400, True)],
)
def test_what_was_looked_after_is_due_after_a_while_and_whenever_the_clock_went_back(passed: float, due: bool) -> None:
    ticks = Ticks(timedelta(seconds=15))
    assert ticks.due(3, NOON) and 3 not in ticks
    ticks.looked_after(3, NOON)
    assert ticks.due(3, NOON + timedelta(seconds=passed)) is due
    ticks.forget(3)
    assert ticks.due(3, NOON) and 3 not in ticks
