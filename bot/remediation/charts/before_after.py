"""The chart that a verification leaves in the thread: the query that it asked, or how many alerts fired."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from bot.domain.alert import Alert
from bot.domain.event import Chart
from bot.domain.incident import Incident
from bot.domain.run import Run
from bot.domain.runs.before_after import Bounds, Sample, Span, before_after, firing_over, span_of
from bot.domain.runs.query import PlannedQuery

WITHIN = 15.0

HistoryReader = Callable[[PlannedQuery, Span], Awaitable[Sequence[Sample]]]
"""What a query was over a span, the worst of its series at each moment; empty where that cannot be read."""

log = structlog.get_logger(__name__)


async def no_history(_query: PlannedQuery, _span: Span) -> Sequence[Sample]:
    """Where no Prometheus is known."""
    return []


async def chart_of(
    run: Run, incident: Incident, found: Sequence[Alert], history: HistoryReader, now: datetime
) -> Chart | None:
    """The chart of a run that was verified, or not, by its incident's alerts; None where there is nothing to show."""
    span = span_of(incident.opened_at, run.started_at or now, now)
    for query in run.plan.queries:
        if chart := before_after(query.name, await _read(history, query, span), span, _bounds(query)):
            return chart
    title = f"Alerts of #{incident.number} that fire, before and after: {run.plan.title}"
    return before_after(title, firing_over(found, span), span)


async def _read(history: HistoryReader, query: PlannedQuery, span: Span) -> Sequence[Sample]:
    """No chart is worth a verification: what goes wrong leaves it out."""
    try:
        async with asyncio.timeout(WITHIN):
            return await history(query, span)
    except Exception as error:
        log.warning("run.history_not_read", query=query.name, reason=str(error) or type(error).__name__)
        return []


def _bounds(query: PlannedQuery) -> Bounds:
    return Bounds(query.above, query.burn_rate.below if query.burn_rate else query.below)
