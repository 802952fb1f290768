"""What checks of models say: in words, and in bars."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bot.domain.event import Chart
from bot.errors import TandemError
from detectors.drift.compared import bars, in_words
from detectors.drift.profile import Profile

_SHOWN = 5


class Unchecked(TandemError):
    """A check cannot be made; the message says what is missing."""


class Outcome(msgspec.Struct, frozen=True):
    """What a check came to: ``packed`` is what it learnt, ``said`` one line, ``details`` a line each.

    ``features`` are those that it is about, the surest first.
    """

    packed: bytes
    firing: bool
    said: str
    details: list[str] = []
    features: list[str] = []
    chart: Chart | None = None
    guarantee: str = ""


class Sides(NamedTuple):
    """A reference of a ``version``, and what came now as it reads it."""

    before: Profile
    after: Profile
    version: str


def moved(sides: Sides, columns: Sequence[str]) -> list[str]:
    """By how much each of these columns moved, the first five of them."""
    lines = [
        in_words(name, sides.before.columns[name], sides.after.columns[name])
        for name in columns[:_SHOWN]
        if name in sides.after.columns
    ]
    return lines + ([f"and {len(columns) - _SHOWN} more"] if len(columns) > _SHOWN else [])


def chart_of(sides: Sides, column: str) -> Chart | None:
    """The reference against now."""
    if column not in sides.before.columns or column not in sides.after.columns:
        return None
    found = bars(sides.before.columns[column], sides.after.columns[column])
    if not found.bins:
        return None
    return Chart(
        title=f"{column}: reference {sides.version} and now",
        x=list(found.bins),
        lines={"reference": list(found.reference), "now": list(found.now)},
        unit="% of rows",
    )


def few(names: Sequence[str]) -> str:
    """``a, b and 3 more``."""
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
