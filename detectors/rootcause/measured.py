"""Root cause from the histories of services: what is compared with what, and findings in words a person can check."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from detectors.rootcause.finding import Finding
from detectors.rootcause.history import MINUTES, History
from detectors.rootcause.metrics import COINCIDENCE, ENOUGH_ROWS, PERCENTAGES, Graph, Series, Values, rank_metrics

BEFORE, AFTER = 15, 15
"""Minutes around the first alert that are judged."""
_USUAL = 0.99
_ENOUGH_WINDOWS = round(1 / COINCIDENCE) - 1
"""Of fewer, one like the judged one is already a coincidence."""


def rank_measured(
    graph: Graph, histories: Mapping[str, History], target: str, first_alert: float, now: float
) -> list[Finding]:
    """Rank what may have made the target unwell, by every measure of it; ``first_alert`` and ``now`` in seconds.

    Scores are the mean over the measures that say anything: where these disagree, none is likely. Empty where nothing
    is clear, also as too little is known from before.

    Parameters
    ----------
    graph
        Who calls whom.
    histories
        Of the services, by name.
    target
        The service that is unwell.
    first_alert, now
        Seconds since the epoch.

    Returns
    -------
    Findings with scores between 0 and 1.

    Examples
    --------
    >>> rank_measured({}, {}, "web", first_alert=0.0, now=60.0)
    []
    """
    start = int(first_alert // 60) - BEFORE
    until = min(int(now // 60), int(first_alert // 60) + AFTER) + 1
    earliest = int(now // 60) - MINUTES + 1
    if until <= start or start - earliest < ENOUGH_ROWS:
        return []
    normal: dict[Series, Values] = {}
    judged: dict[Series, Values] = {}
    for history in histories.values():
        normal |= history.series(earliest, start)
        judged |= history.series(start, until)
    normal = _from_the_first(normal)
    judged = _as_far_as_known(judged, normal)
    rankings = []
    for series in sorted(judged):
        if series.node == target and series.metric != "requests" and series in normal:
            found = rank_metrics(graph, normal, _filled(judged, normal), series)
            if found:
                rankings.append(
                    [_described(one, series, normal, judged, start, first_alert) for one in found if one.score]
                )
    return _mean(rankings)


def _from_the_first(normal: Mapping[Series, Values]) -> dict[Series, Values]:
    """Without the minutes at the beginning of which nothing is known of any."""
    known = [np.flatnonzero(np.isfinite(values)) for series, values in normal.items() if series.metric != "requests"]
    first = min((int(rows[0]) for rows in known if rows.size), default=0)
    return {series: values[first:] for series, values in normal.items()}


def _as_far_as_known(judged: Mapping[Series, Values], normal: Mapping[Series, Values]) -> dict[Series, Values]:
    """So many minutes that enough windows as long are normal: none of them where even the first alert's is too far."""
    rows = max((len(values) for values in normal.values()), default=0) - _ENOUGH_WINDOWS + 1
    return {series: values[:rows] for series, values in judged.items()} if rows > BEFORE else {}


def _filled(judged: Mapping[Series, Values], normal: Mapping[Series, Values]) -> dict[Series, Values]:
    """What came in normal times and no longer does is not measured, and so not judged."""
    rows = len(next(iter(judged.values())))
    return {series: judged.get(series, np.full(rows, np.nan)) for series in {**normal, **judged}}


def _mean(rankings: Sequence[Sequence[Finding]]) -> list[Finding]:
    by_service: dict[str, list[Finding]] = {}
    for ranking in rankings:
        for one in ranking:
            by_service.setdefault(one.service, []).append(one)
    found = []
    for several in by_service.values():
        best = max(several, key=lambda one: one.score)
        found.append(best._replace(score=round(sum(one.score for one in several) / len(rankings), 2)))
    return sorted(found, key=lambda one: (-one.score, one.service))


def _described(
    finding: Finding,
    target: Series,
    normal: Mapping[Series, Values],
    judged: Mapping[Series, Values],
    start: int,
    first_alert: float,
) -> Finding:
    """The finding, of which the first evidence says from what to what it went, and when that began."""
    series = target._replace(node=finding.service)
    usual, values = normal[series], judged[series]
    less_is_worse = series.metric in PERCENTAGES
    onset = _onset(-usual if less_is_worse else usual, -values if less_is_worse else values)
    if onset is None:
        return finding
    worst = np.nanmin(values[onset:]) if less_is_worse else np.nanmax(values[onset:])
    verb = "fell" if less_is_worse else "rose"
    change = f"from {_value(float(np.nanmedian(usual)), series)} to {_value(float(worst), series)}"
    minute = start + onset
    when = f"at {datetime.fromtimestamp(60 * minute, UTC):%H:%M} UTC, {_lead(int(first_alert // 60) - minute)}"
    sentence = f"{_named(series)} of {series.node} {verb} {change} {when}"
    return finding._replace(evidence=[sentence, *finding.evidence[1:]])


def _onset(usual: Values, values: Values) -> int | None:
    """The first minute that is worse than usual and of which the next that was measured is, too; or the worst."""
    measured = np.flatnonzero(np.isfinite(values))
    if not measured.size:
        return None
    limit = np.nanquantile(usual, _USUAL)
    worse = values[measured] > limit
    lasting = worse & np.append(worse[1:], worse[-1:])
    if not worse.any():
        return None
    return int(measured[np.argmax(lasting if lasting.any() else worse)])


def _lead(minutes: int) -> str:
    if minutes == 0:
        return "in the minute of the first alert"
    return f"{abs(minutes)} min {'before' if minutes > 0 else 'after'} the first alert"


def _named(series: Series) -> str:
    if series.metric == "latency":
        return f"{series.statistic} latency"
    return "availability" if series.statistic == "requests" else "uptime"


def _value(value: float, series: Series) -> str:
    """Seconds, or percent.

    >>> latency, uptime = Series("cart", "latency", "p95"), Series("cart", "availability", "up")
    >>> _value(0.0804, latency), _value(1.2, latency), _value(0.0000042, latency), _value(87.512, uptime)
    ('80 ms', '1.2 s', '4.2 µs', '87.5 %')
    """
    if series.metric in PERCENTAGES:
        return f"{value:.3g} %"
    scale, unit = next(((s, u) for s, u in ((1, "s"), (1e-3, "ms")) if value >= s), (1e-6, "µs"))
    return f"{float(f'{value / scale:.2g}'):g} {unit}"
