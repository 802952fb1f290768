"""The course of an incident as a picture: a bar for each alert while it fired, and what was done meanwhile."""

import io
import warnings
from typing import TYPE_CHECKING

from bot.domain.review.course import Course
from bot.domain.severity import Severity
from bot.notify.plain_text import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 640
"""Pixels; the height grows with the rows."""
_ROW, _BORDER, _DPI = 24, 90, 100
_COLOURS = {
    Severity.CRITICAL: "#e01e5a",
    Severity.HIGH: "#e8912d",
    Severity.WARNING: "#ecb22e",
    Severity.INFO: "#1264a3",
}
_INK = "#1d1c1d"


def render_course(course: Course) -> bytes:
    """A PNG on white, so that it is legible on a dark background too. matplotlib is loaded with the first."""
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    picture, height = io.BytesIO(), _BORDER + _ROW * max(len(course.rows), 1)
    with rc_context({"text.parse_math": False}):  # a dollar sign in a name begins no formula
        figure = Figure(figsize=(WIDTH / _DPI, height / _DPI), dpi=_DPI, facecolor="white", layout="constrained")
        canvas = FigureCanvasAgg(figure)
        _draw(figure.add_subplot(), course)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # it draws a box in its place
            canvas.print_png(picture)
    return picture.getvalue()


def _draw(axes: "Axes", course: Course) -> None:
    for place, row in enumerate(course.rows):
        spells = [(spell.start, max(spell.end - spell.start, 0.004)) for spell in row.spells]
        axes.broken_barh(spells, (place - 0.3, 0.6), facecolors=_COLOURS[row.severity])
    for mark in course.marks:
        axes.axvline(mark.at, color=_INK, linewidth=0.8, linestyle=":")
        axes.text(mark.at, -0.7, mark.letter, fontsize=8, color=_INK, ha="center")
    names = [shortened(f"{row.name} on {row.service}" if row.service else row.name, 40) for row in course.rows]
    axes.set_yticks(range(len(names)), names, fontsize=7, color=_INK)
    axes.set_ylim(len(names) - 0.4, -1.0)
    axes.set_xlim(0, 1)
    steps = [0.0, 0.25, 0.5, 0.75, 1.0]
    pattern = "%H:%M:%S" if (course.ends - course.begins).days == 0 else "%m-%d %H:%M"
    moments = [f"{course.begins + (course.ends - course.begins) * step:{pattern}}" for step in steps]
    axes.set_xticks(steps, moments, fontsize=7, color=_INK)
    meaning = ", ".join({f"{mark.letter} {mark.what.partition(':')[0]}": None for mark in course.marks})
    axes.set_xlabel(f"UTC, {course.ends:%Y-%m-%d}" + (f" · {meaning}" if meaning else ""), fontsize=7, color=_INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def course_in_words(course: Course) -> str:
    """What the picture shows, for whoever cannot see it."""
    names = ", ".join(shortened(f"{row.name} on {row.service}", 60) for row in course.rows)
    deeds = "; ".join(f"{mark.moment:%H:%M:%S} {shortened(mark.what, 60)}" for mark in course.marks)
    return shortened(f"When what fired, from {course.begins:%Y-%m-%d %H:%M:%S} UTC: {names}. {deeds}", 900)
