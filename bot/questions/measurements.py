"""What watched metrics say of a service: from this process where it works on them, else from their last snapshot."""

import math
from datetime import datetime, timedelta
from statistics import median

import msgspec
import numpy as np

from bot.domain.event import Chart
from bot.pipeline.causes.histories import name_of
from bot.questions.question import Knowledge
from bot.storage.queries import snapshots
from detectors.rootcause.history import MINUTES, History
from detectors.rootcause.metrics import Series, Values

WATCH, _PIECE = "metrics", "history:"
"""The names under which the watch over metrics keeps what it has learnt."""
REACH = timedelta(minutes=MINUTES)
UNITS = {"latency": "s", "availability": "%", "requests": "per minute"}
_ORDER = {name: place for place, name in enumerate(UNITS)}


async def history_of(knowledge: Knowledge, domain: str, service: str) -> History | None:
    """The last two and a half hours of a service; None where nothing of it is measured."""
    name = name_of(domain, service)
    for by_name in list(knowledge.live.values()):
        if name in by_name:
            return by_name[name]
    partitions = range(knowledge.rules.partitions)
    async with knowledge.database.read() as connection:
        found = await snapshots.named(connection, partitions, WATCH, f"{_PIECE}{name}")
    for one in (snapshot for known in found.values() for snapshot in known):
        try:
            return History.restore(one.state)
        except msgspec.MsgspecError:
            continue  # of another release
    return None


def series_of(history: History, since: datetime, until: datetime) -> dict[Series, Values]:
    """By minute, latency first; without the minute that has only begun, and without what was never measured."""
    first, last = int(since.timestamp() // 60), int(until.timestamp() // 60)
    found = history.series(first, last) if last > first else {}
    known = {series: values for series, values in found.items() if np.isfinite(values).any()}
    return dict(sorted(known.items(), key=lambda pair: (_ORDER.get(pair[0].metric, 9), pair[0].statistic)))


def amount(metric: str, value: float) -> str:
    """
    >>> amount("latency", 0.84), amount("availability", 99.5), amount("requests", 1200.0)
    ('840 ms', '99.5 %', '1,200 per minute')
    """
    if metric == "latency":
        return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
    if metric == "availability":
        return f"{value:.4g} %"
    return f"{value:,.0f} per minute"


def title_of(series: Series) -> str:
    """
    >>> title_of(Series("cart", "latency", "p95"))
    'latency (p95) of cart'
    """
    part = {"requests": "share that succeeds", "up": "share of checks that succeed", "Sum": ""}.get(
        series.statistic, series.statistic
    )
    return f"{series.metric}{f' ({part})' if part else ''} of {series.node}"


def middle(values: Values) -> float:
    """The median of what is known; NaN where nothing is."""
    known = [float(value) for value in values if math.isfinite(value)]
    return median(known) if known else math.nan


def chart_of(series: Series, values: Values, since: datetime, title: str) -> Chart:
    first = int(since.timestamp() // 60)
    x: list[int | str] = [60_000 * (first + i) for i in range(len(values))]
    line = [float(value) if math.isfinite(value) else None for value in values]
    name = series.statistic if series.statistic not in ("Sum", "requests") else series.metric
    return Chart(title=title, x=x, lines={name: line}, unit=UNITS.get(series.metric, ""))


def last_known(values: Values) -> tuple[int, float] | None:
    """The newest value, and how many minutes before the end it is."""
    for back, value in enumerate(reversed(list(values)), start=1):
        if math.isfinite(value):
            return back, float(value)
    return None
