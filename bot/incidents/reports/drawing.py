"""Charts as text, for a code block of Markdown: every wiki and terminal shows them, and no picture can be lost."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.domain.event import Chart
from bot.domain.review.course import Course, Row

WIDTH = 60
_LONGEST_NAME = 40
_HUGE = 1e100
_BARS = "▁▂▃▄▅▆▇█"
_UNSAFE = re.compile(r"[`\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def course_in_text(course: Course) -> str:
    """When each alert fired, one line each, with what was done below."""
    names = [_cut(f"{row.name} {row.service}") for row in course.rows]
    indent = max([len(name) for name in names] + [5]) + 2
    lines = [f"{name:<{indent}}{_bar(row)}" for name, row in zip(names, course.rows, strict=True)]
    if course.more:
        lines.append(f"and {course.more} more")
    if course.marks:
        lines.append(" " * indent + _marked(course))
    lines.append(" " * indent + _axis(course.begins, course.ends))
    lines += [f"{mark.letter} {mark.moment.astimezone(UTC):%H:%M:%S} {_safe(mark.what)[:80]}" for mark in course.marks]
    return "\n".join(lines)


def _bar(row: Row) -> str:
    cells = ["·"] * WIDTH
    for spell in row.spells:
        first = min(int(spell.start * WIDTH), WIDTH - 1)
        for cell in range(first, max(math.ceil(spell.end * WIDTH), first + 1)):
            cells[min(cell, WIDTH - 1)] = "█"
    return "".join(cells)


def _marked(course: Course) -> str:
    """A letter for each deed; of two at one place the later one moves on."""
    cells = [" "] * (WIDTH + len(course.marks))
    for mark in course.marks:
        place = min(int(mark.at * WIDTH), WIDTH - 1)
        while cells[place] != " ":
            place += 1
        cells[place] = mark.letter
    return "".join(cells).rstrip()


def _axis(begins: datetime, ends: datetime) -> str:
    pattern = "%H:%M:%S" if (ends - begins).days == 0 else "%m-%d %H:%M"
    first, last = f"{begins.astimezone(UTC):{pattern}}", f"{ends.astimezone(UTC):{pattern}} UTC"
    return first + last.rjust(WIDTH - len(first))


def series_in_text(chart: Chart) -> str:
    """Each line as a row of bars, the newest values, with the least, the most and the last."""
    unit = f" {_safe(chart.unit)[:24]}" if chart.unit else ""
    lines = [_safe(chart.title)[:90] or "Chart"]
    for name, values in list(chart.lines.items())[:6]:
        known = [value for value in values if value is not None and math.isfinite(value)]
        if known:
            span = f"{min(known):.4g} to {max(known):.4g}{unit}, last {known[-1]:.4g}{unit}"
            lines.append(f"{_cut(name)}  {_sparkline(values)}  {span}")
    return "\n".join(lines)


def _sparkline(values: Sequence[float | None]) -> str:
    """
    >>> _sparkline([1, 2, None, 3])
    '▁▅ █'
    """
    shown = [_number(value) for value in values[-WIDTH:]]
    known = [value for value in shown if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span, most = (high - low) or 1.0, len(_BARS) - 1
    # rounding may make a little more than all of the greatest value
    return "".join(
        " " if value is None else _BARS[min(math.ceil((value - low) / span * most), most)] for value in shown
    )


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else min(max(value, -_HUGE), _HUGE)


def _cut(name: str) -> str:
    safe = _safe(name)
    return safe if len(safe) <= _LONGEST_NAME else f"{safe[: _LONGEST_NAME - 1]}…"


def _safe(text: str) -> str:
    """One line that cannot end the block."""
    return " ".join(_UNSAFE.sub(" ", text).split())
