"""Columns beside their reference, and figures over time, as pictures of a page, with the same in words.

Each line of a picture is one path: a page of many columns is still small.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from bot.domain.watched.figures import ColumnLook
from handlers.api.shapes_of_models import CheckShape

WIDTH, HEIGHT = 240, 48
LINE_WIDTH, LINE_HEIGHT = 120, 32
COURSE_WIDTH, COURSE_HEIGHT = 620, 120
_MOST_POINTS = 200
_GAP = 3


class Path(str):
    """What draws a line: letters of ours and numbers, however many, that a page writes as they are."""

    def __html__(self) -> str:
        return self


class Distribution(NamedTuple):
    """Two paths of bars side by side."""

    reference: Path
    now: Path
    words: str
    width: int = WIDTH
    height: int = HEIGHT


class Line(NamedTuple):
    """A figure from check to check, with its limit where it has one: ``limit`` is its height."""

    path: Path
    limit: float | None
    words: str
    width: int
    height: int
    least: str = ""
    most: str = ""
    begins: datetime | None = None
    ends: datetime | None = None


class Bin(NamedTuple):
    name: str
    reference: float
    now: float


def distribution(look: ColumnLook) -> Distribution | None:
    """None where the two sides cannot be compared."""
    if not look.bins:
        return None
    highest = max(*look.reference, *look.now, 1e-9)
    step = WIDTH / len(look.bins)
    width = max((step - _GAP) / 2, 1.0)
    before, now = (
        Path("".join(_bar(at * step + side * width, width, share / highest) for at, share in enumerate(shares)))
        for side, shares in enumerate((look.reference, look.now))
    )
    return Distribution(before, now, _in_words(look))


def most_moved(look: ColumnLook, most: int = 3) -> list[Bin]:
    """The bins whose shares moved most."""
    bins = [Bin(*one) for one in zip(look.bins, look.reference, look.now, strict=True)]
    moved = sorted(bins, key=lambda one: -abs(one.now - one.reference))[:most]
    return [one for one in moved if one.now != one.reference]


def line_of(oldest_first: Sequence[float], name: str) -> Line | None:
    """A small line; None where there are no two points."""
    values = list(oldest_first)[-_MOST_POINTS:]
    if len(values) < 2:
        return None
    words = (
        f"{name} in the last {len(values)} checks: from {values[0]:.3g} to {values[-1]:.3g}, at most {max(values):.3g}."
    )
    low, high = min(0.0, *values), max(*values, 1e-9)
    return Line(_path(values, low, high, LINE_WIDTH, LINE_HEIGHT), None, words, LINE_WIDTH, LINE_HEIGHT)


def course_of_figure(newest_first: Sequence[CheckShape]) -> Line | None:
    """The value of a monitor over its checks, with its limit; None where there are no two points."""
    known = [(one, one.value) for one in newest_first[:_MOST_POINTS] if one.value is not None][::-1]
    if len(known) < 2:
        return None
    checks, values = [one for one, _ in known], [value for _, value in known]
    limit = checks[-1].limit
    seen = [*values, *([limit] if limit is not None else [])]
    low, high = min(seen), max(seen)
    room = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    low, high = low - room, high + room
    beside = f", limit {limit:.3g}" if limit is not None else ""
    words = f"{checks[-1].metric} in the last {len(values)} checks: from {values[0]:.3g} to {values[-1]:.3g}{beside}."
    return Line(
        _path(values, low, high, COURSE_WIDTH, COURSE_HEIGHT),
        None if limit is None else round(_height(limit, low, high, COURSE_HEIGHT), 1),
        words,
        COURSE_WIDTH,
        COURSE_HEIGHT,
        f"{min(values):.3g}",
        f"{max(values):.3g}",
        checks[0].at,
        checks[-1].at,
    )


def _bar(x: float, width: float, share: float) -> str:
    height = round(share * (HEIGHT - 1), 1)
    return f"M{x:.1f} {HEIGHT}v-{height}h{width:.1f}v{height}z" if height else ""


def _path(values: Sequence[float], low: float, high: float, width: int, height: int) -> Path:
    step = width / (len(values) - 1)
    points = [f"{at * step:.1f} {_height(value, low, high, height):.1f}" for at, value in enumerate(values)]
    return Path("M" + "L".join(points))


def _height(value: float, low: float, high: float, height: int) -> float:
    return height - 2 - (value - low) / ((high - low) or 1.0) * (height - 4)


def _in_words(look: ColumnLook) -> str:
    moved = "; ".join(f"{one.name}: {one.reference:.3g} % → {one.now:.3g} %" for one in most_moved(look))
    return f"{look.column}, reference and now. {moved or 'Nothing moved.'}"
