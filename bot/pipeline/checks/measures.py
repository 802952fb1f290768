"""How the dependencies of the first suspect do by their metrics: as before, or slower than before it began.

For people alone: what metrics say of the cause is weighed already (:mod:`bot.pipeline.causes.metrics`).
"""

import math
from statistics import median
from typing import TYPE_CHECKING

from bot.domain.review.investigation import Checked
from bot.pipeline.investigation.check import Case, check

if TYPE_CHECKING:
    from detectors.rootcause.history import History  # brings numpy

BEFORE = 30
"""Minutes."""
SLOWER = 1.5
_MOST = 5


@check("measures")
async def measures(case: Case) -> list[Checked]:
    if case.histories is None or not case.suspects:
        return []
    suspect = case.suspects[0]
    began, now = int(case.began.timestamp() // 60), int(case.now.timestamp() // 60)
    calm, slow = [], []
    for name in case.topology.dependencies(suspect)[:_MOST]:
        history = case.histories.of(case.incident.domain, name)
        change = _change(history, began, now) if history else None
        if change is not None and change < SLOWER:
            calm.append(name)
        elif change is not None:
            slow.append(f"latency of {name} is {change:.1f} times as high as before")
    if calm and not slow:
        slow = [f"what {suspect} calls is as fast as before: {', '.join(calm)}"]
    return [Checked(check="measures", text=text) for text in slow]


def _change(history: "History", began: int, now: int) -> float | None:
    """By how much latency rose; None where that is not known yet."""
    before, after = (_latency(history, *span) for span in ((began - BEFORE, began), (began, now)))
    return after / before if before and after else None


def _latency(history: "History", first: int, until: int) -> float | None:
    found = history.series(first, until) if until > first else {}
    for series, values in sorted(found.items(), key=lambda pair: pair[0].statistic):
        known = [float(value) for value in values if math.isfinite(value)]
        if series.metric == "latency" and known:
            return median(known)
    return None
