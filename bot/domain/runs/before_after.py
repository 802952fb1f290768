"""A chart of what a run was to mend: before it ran, and after."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.alert import Alert
from bot.domain.event import Chart

BEFORE = timedelta(minutes=15)
"""So much of what was before the incident is shown as well, at least."""
LONGEST = timedelta(hours=6)
PLACES = 120
_BEFORE, _AFTER = "before", "after the run"

Sample = tuple[datetime, float]


class Span(NamedTuple):
    """What is shown, and when in it the run started."""

    start: datetime
    ran_at: datetime
    end: datetime

    @property
    def step(self) -> timedelta:
        return max((self.end - self.start) / PLACES, timedelta(seconds=1))


def span_of(opened_at: datetime, ran_at: datetime, now: datetime) -> Span:
    """From before the incident until now, and never more than :data:`LONGEST`."""
    start = max(opened_at - BEFORE, now - LONGEST)
    return Span(start, max(ran_at, start), max(now, start))


class Bounds(NamedTuple):
    """Between which the values have to be."""

    low: float | None = None
    high: float | None = None


UNBOUNDED = Bounds()


def before_after(title: str, samples: Sequence[Sample], span: Span, bounds: Bounds = UNBOUNDED) -> Chart | None:
    """Two lines, which meet where the run started; None where one of them would be empty."""
    shown = [(at, value) for at, value in samples if span.start <= at <= span.end]
    before = [value if at < span.ran_at else None for at, value in shown]
    after = [value if at >= span.ran_at else None for at, value in shown]
    if not any(one is not None for one in before) or not any(one is not None for one in after):
        return None
    return Chart(
        title=title,
        x=[int(at.timestamp() * 1000) for at, _ in shown],
        lines={_BEFORE: before, _AFTER: after},
        low=[bounds.low] * len(shown) if bounds.low is not None else [],
        high=[bounds.high] * len(shown) if bounds.high is not None else [],
    )


def firing_over(alerts: Sequence[Alert], span: Span) -> list[Sample]:
    """How many of these alerts fired at each moment of a span."""
    moments = [span.start + n * span.step for n in range(PLACES)] + [span.end]
    return [(at, float(sum(_fired(alert, at) for alert in alerts))) for at in moments]


def _fired(alert: Alert, at: datetime) -> bool:
    return alert.starts_at <= at and (alert.firing or (alert.ends_at is not None and at < alert.ends_at))
