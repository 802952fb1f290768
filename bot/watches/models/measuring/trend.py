"""What the last checks of a monitor measured, beside the chart of its alert. Pure."""

import math
from collections.abc import Sequence
from datetime import datetime

import msgspec

from bot.domain.event import Trend
from bot.watches.models.kinds.registry import Outcome

MOST_POINTS = 48
_LEAST_POINTS = 3
"""Two points are no trend."""
_TITLES = {"psi": "PSI of what moved most", "missing": "missing values, the largest share"}

Points = list[tuple[int, float]]


def with_trend(before: Sequence[tuple[int, float]], outcome: Outcome, now: datetime) -> tuple[Points, Outcome]:
    """The points with that of this check, and the outcome with a chart that shows them."""
    measured = outcome.measured
    if measured is None or measured.value is None or not math.isfinite(measured.value):
        return list(before), outcome
    points = [*before, (round(now.timestamp() * 1000), measured.value)][-MOST_POINTS:]
    if outcome.chart is None or len(points) < _LEAST_POINTS:
        return points, outcome
    title = _TITLES.get(measured.metric, measured.metric)
    trend = Trend(title, [at for at, _ in points], [value for _, value in points], measured.limit)
    return points, msgspec.structs.replace(outcome, chart=msgspec.structs.replace(outcome.chart, trend=trend))
