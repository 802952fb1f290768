"""The course of an incident as a picture of a page: a bar for each alert while it fired, with the same in words."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from bot.domain.review.course import Course
from bot.domain.severity import Severity
from bot.notify.charts.course import course_in_words
from bot.notify.plain_text import shortened

_NAMES, _WIDTH, _TOP, _ROW = 220, 600, 18, 20
"""How much of the width is for names, and what a row takes of the height."""


class Bar(NamedTuple):
    x: int
    y: int
    width: int
    severity: Severity


class Name(NamedTuple):
    y: int
    name: str


class Letter(NamedTuple):
    x: int
    letter: str
    what: str


class Picture(NamedTuple):
    rows: Sequence[Name]
    bars: Sequence[Bar]
    marks: Sequence[Letter]
    words: str
    begins: datetime
    ends: datetime
    height: int


def course_picture(course: Course) -> Picture:
    tops = [_TOP + n * _ROW for n in range(len(course.rows))]
    return Picture(
        rows=[
            Name(y + 10, shortened(f"{row.name} {row.service}", 34)) for y, row in zip(tops, course.rows, strict=True)
        ],
        bars=[
            Bar(_x(spell.start), y, max(_x(spell.end) - _x(spell.start), 2), row.severity)
            for y, row in zip(tops, course.rows, strict=True)
            for spell in row.spells
        ],
        marks=[Letter(_x(mark.at), mark.letter, shortened(mark.what, 80)) for mark in course.marks],
        words=course_in_words(course),
        begins=course.begins,
        ends=course.ends,
        height=_TOP + _ROW * len(course.rows) + 4,
    )


def _x(place: float) -> int:
    return _NAMES + round(place * (_WIDTH - _NAMES - 4))
