"""The checks of a monitor as a small picture: a bar for each, the higher the worse, with the same in words."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bot.model_store.checks import CheckState
from handlers.api.shapes_of_models import CheckShape

MOST_CHECKS = 48
HEIGHT = 24
STEP = 5
_HEIGHTS = {CheckState.OK: 6, CheckState.UNCHECKED: 3, CheckState.FAILED: 15, CheckState.FIRING: 24}


class Bar(NamedTuple):
    x: int
    y: int
    height: int
    state: CheckState


class Sparkline(NamedTuple):
    bars: Sequence[Bar]
    words: str
    width: int
    height: int = HEIGHT


def sparkline(newest_first: Sequence[CheckShape]) -> Sparkline | None:
    """From left to right as time goes; None where nothing was checked."""
    states = [check.state for check in newest_first[:MOST_CHECKS]][::-1]
    if not states:
        return None
    bars = [Bar(n * STEP, HEIGHT - _HEIGHTS[one], _HEIGHTS[one], one) for n, one in enumerate(states)]
    return Sparkline(bars, _in_words(states), len(bars) * STEP)


def _in_words(states: Sequence[CheckState]) -> str:
    """
    >>> _in_words([CheckState.OK, CheckState.OK, CheckState.FIRING])
    'The last 3 checks: 2 ok, 1 firing. The last one: firing.'
    """
    counts = ", ".join(f"{count} {state}" for state, count in Counter(states).items())
    checks = "check" if len(states) == 1 else f"{len(states)} checks"
    return f"The last {checks}: {counts}. The last one: {states[-1]}."
