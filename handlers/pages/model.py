"""The report of a model: its monitors, its columns beside the reference, its figures over time, findings, checks."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from bot.domain.watched.figures import ColumnLook
from handlers.api.operations.models import HistoryQuery, model_columns, model_history, show_model
from handlers.api.shapes_of_models import (
    CheckShape,
    HistoryPage,
    LookShape,
    LooksPage,
    ModelShape,
    MonitorShape,
)
from handlers.pages.drawn import Bin, Distribution, Line, course_of_figure, distribution, line_of, most_moved
from handlers.pages.sparkline import Sparkline, sparkline
from handlers.pages.view import Asked, View, asked_with

_MOST_CHECKS = 500
_NAMES = {"psi": "PSI of the column that moved most", "missing": "the largest share of missing values"}
_Key = tuple[str, str, str]
"""A monitor, a domain, a version of the model."""


class ShownMonitor(NamedTuple):
    monitor: MonitorShape
    history: Sparkline | None


class ShownColumn(NamedTuple):
    column: ColumnLook
    picture: Distribution | None
    moved: Sequence[Bin]
    drift: Line | None
    missing: Line | None


class ShownLook(NamedTuple):
    look: LookShape
    columns: Sequence[ShownColumn]


class ShownFigure(NamedTuple):
    """A figure of a monitor over time, the last check that has it, and what it is there."""

    monitor: MonitorShape
    course: Line
    last: CheckShape

    @property
    def name(self) -> str:
        return _NAMES.get(self.last.metric, self.last.metric)


async def model_report(call: Asked) -> View:
    model = cast(ModelShape, (await show_model(call)).value)
    asked = asked_with(call, HistoryQuery(limit=_MOST_CHECKS))
    history = cast(HistoryPage, (await model_history(asked)).value)
    looks = cast(LooksPage, (await model_columns(call)).value)
    made: dict[_Key, list[CheckShape]] = {}
    for check in history.history:
        made.setdefault((check.monitor, check.domain, check.model_version), []).append(check)
    content = {
        "model": model,
        "monitors": [ShownMonitor(one, sparkline(made.get(_key(one), []))) for one in model.monitors],
        "figures": _figures(model, made),
        "looks": [
            _look(one, made.get((one.monitor, one.domain, one.model_version), [])) for one in _apart(looks.looks)
        ],
        "checks": history.history,
        "episodes": history.episodes,
        "now": call.now,
    }
    return View("model.html", content)


def _key(one: MonitorShape) -> _Key:
    return one.name, one.domain, one.model_version or ""


def _figures(model: ModelShape, made: Mapping[_Key, Sequence[CheckShape]]) -> list[ShownFigure]:
    found = list[ShownFigure]()
    for monitor in model.monitors:
        checks = [one for one in made.get(_key(monitor), []) if one.value is not None]
        course = course_of_figure(checks)
        if course is not None:
            found.append(ShownFigure(monitor, course, checks[0]))
    return found


def _apart(looks: Sequence[LookShape]) -> list[LookShape]:
    """What monitors of one domain and version saw of the same columns is shown once, as the first of them saw it."""
    found: dict[tuple[str, str, frozenset[str]], LookShape] = {}
    for one in looks:
        found.setdefault((one.domain, one.model_version, frozenset(column.column for column in one.columns)), one)
    return list(found.values())


def _look(look: LookShape, newest_first: Sequence[CheckShape]) -> ShownLook:
    oldest_first = newest_first[::-1]
    return ShownLook(look, [_column(column, oldest_first) for column in look.columns])


def _column(column: ColumnLook, oldest_first: Sequence[CheckShape]) -> ShownColumn:
    name = column.column
    measured = [one for one in oldest_first if one.psi]
    missing = [one.missing.get(name, 0.0) for one in measured]
    return ShownColumn(
        column,
        distribution(column),
        most_moved(column),
        line_of([one.psi[name] for one in measured if name in one.psi], "PSI"),
        line_of(missing, "Missing") if any(missing) else None,
    )
