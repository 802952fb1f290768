"""The alerts of the watch over limits: when a limit will be crossed, for people and for the rules of runbooks."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import ceil, floor, inf, isinf

from bot.domain.event import LIMIT, AlertEvent, AlertStatus, Chart, EndedBy, fingerprint_of
from bot.domain.rules import Rules
from bot.domain.watched.forecast import Side
from bot.domain.watched.in_words import Measure, measure_of
from bot.domain.watched.measured import LATENCY, reading_of
from bot.watches.forecast.course import Course, Group, Outlook, Told
from bot.watches.metrics.group import INSTANCE_LABELS

SATURATION = "SaturationForecast"
DISK_FULL = "DiskFullForecast"
_ALERT_NAMES = (SATURATION, DISK_FULL)
"""Rank of causes reads them: the first is a resource that runs short, the second storage."""
_OF_DISKS = re.compile(r"filesystem|disk|volume|inode|storage|claim", re.IGNORECASE)
_SOURCE = "tandem"
_SHOWN = 5
_MOST_CHARACTERS = 200
_OBSERVED = 48
_NAME = "__name__"


def firing(group: Group, courses: Sequence[Course], told: Told, rules: Rules, now: datetime) -> AlertEvent:
    """Series of the group will cross their limits, ``courses[0]`` first."""
    first = courses[0]
    outlook = first.outlook
    assert outlook is not None
    subject = _subject(group, first, rules.correlation.service_labels)
    below = _is_below(rules, group)
    others = len(courses) - 1
    more = f"; {others} other{'s' if others > 1 else ''} of the group will too" if others else ""
    summary = _stale(told, group) + sentence(first, outlook, subject, below, now.timestamp()) + more
    lines = [_line(one, one.outlook, below, now.timestamp()) for one in courses[:_SHOWN] if one.outlook]
    return AlertEvent(
        _SOURCE,
        _fingerprint(group),
        AlertStatus.FIRING,
        _labels(group, courses, told, rules.correlation.service_labels),
        _moment(told.since),
        {"summary": summary, **_facts(outlook, told), **({"description": "\n".join(lines)} if others else {})},
        group=group.text,
        chart=_chart(first, outlook),
        good_since=_moment(told.calm_since) if told.calm_since else None,
    )


def resolved(group: Group, told: Told, now: datetime, why: str, ended_by: EndedBy) -> AlertEvent:
    return AlertEvent(
        _SOURCE,
        _fingerprint(group),
        AlertStatus.RESOLVED,
        {"alertname": _alertname(group), "severity": told.severity, "watch": group.state.watch, **group.state.labels},
        min(_moment(told.since), now),
        {"summary": why},
        ends_at=now,
        group=group.text,
        ended_by=ended_by,
    )


def sentence(course: Course, outlook: Outlook, subject: str, below: bool, now: float) -> str:
    """``checkout's queue length will exceed its limit of 1,000 in 40 minutes (probably 25 to 70)``."""
    measure = measure_of(course.labels, course.forecast.intake.counter is not None)
    what, limit = _whose(subject, course, measure), measure.said(outlook.limit) + measure.after
    if outlook.beyond:
        verb = "fell below" if below else "exceeds"
        return f"{what} {verb} its limit of {limit}: it is {measure.said(outlook.value)}"
    verb = f"{'may' if isinf(outlook.median) else 'will'} {'fall below' if below else 'exceed'}"
    at = f", at about {_moment(outlook.median):%H:%M} UTC" if not isinf(outlook.median) else ""
    return f"{what} {verb} its limit of {limit} {_when(outlook, course, now)}{at}"


def lead_of(course: Course, now: float) -> str:
    """How long it takes, as people are told; another text is worth an edit."""
    return _when(course.outlook, course, now) if course.outlook else ""


def _when(outlook: Outlook, course: Course, now: float) -> str:
    """``in 40 minutes (probably 25 to 70)``."""
    most = course.forecast.horizon
    if isinf(outlook.median):
        return f"within {_span(most)} ({outlook.probability * 100:.0f} % likely)"
    low, middle = (max(at - now, 0.0) for at in (outlook.earliest, outlook.median))
    high = outlook.latest - now if not isinf(outlook.latest) else inf
    until = f"over {_span(most)}" if isinf(high) else _span(high, ceil)
    begin, end, told = _span(low, floor), until, _span(middle)
    unit = told.split()[1]
    if begin.split()[1].rstrip("s") == end.split()[-1].rstrip("s") == unit.rstrip("s"):
        begin, end = begin.split()[0], end.rsplit(" ", 1)[0]
    return f"in {told} (probably {begin} to {end})"


def _span(seconds: float, rounded: Callable[[float], int] = round) -> str:
    """In minutes, hours or days: as exact as a forecast is.

    >>> _span(2400), _span(30), _span(14_400), _span(260_000)
    ('40 minutes', '1 minute', '4 hours', '3 days')
    """
    minutes = max(seconds / 60, 1.0)
    if minutes < 120:
        whole = rounded(minutes) if minutes < 20 else 5 * rounded(minutes / 5)
        return f"{whole} minute{'s' if whole > 1 else ''}"
    if minutes < 48 * 60:
        hours = minutes / 60
        return f"{f'{hours:.1f}'.removesuffix('.0') if hours < 10 else round(hours)} hours"
    return f"{round(minutes / 1440)} days"


def _whose(subject: str, course: Course, measure: Measure) -> str:
    """``checkout's queue length``; the metric's name need not say again whose it is."""
    reading = reading_of(course.labels)
    if reading is not None and reading.metric == LATENCY:
        words = "latency"
    elif measure.verb:
        words = "rate of requests"
    else:
        words = measure.words.removesuffix(" is")
    bare = re.sub(r"[-_.]+", " ", subject)
    if bare and words.lower().startswith(f"{bare.lower()} "):
        words = words[len(bare) + 1 :]
    return f"{subject}'s {words}" if subject else words


def _stale(told: Told, group: Group) -> str:
    if not told.stale:
        return ""
    return f"The forecast is stale, no metrics have come since {_moment(group.last_seen()):%H:%M} UTC: "


def _line(course: Course, outlook: Outlook, below: bool, now: float) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(course.labels.items()) if name != _NAME)
    title = _cut(f"{course.labels.get(_NAME, 'value')} {{{labels}}}")
    limit = f"{'below' if below else 'above'} {outlook.limit:.4g}"
    return f"{title}: {outlook.value:.4g}, {limit} {'now' if outlook.beyond else _when(outlook, course, now)}"


def _facts(outlook: Outlook, told: Told) -> dict[str, str]:
    """The same for programs."""
    moments = {"forecast_at": outlook.median, "forecast_from": outlook.earliest, "forecast_until": outlook.latest}
    times = {name: _moment(at).isoformat(timespec="seconds") for name, at in moments.items() if not isinf(at)}
    numbers = {"limit": outlook.limit, "value": outlook.value, "probability": outlook.probability}
    return {**{name: f"{value:.6g}" for name, value in numbers.items()}, **times, "stale": str(told.stale).lower()}


def _labels(group: Group, courses: Sequence[Course], told: Told, service_labels: Sequence[str]) -> dict[str, str]:
    """The group's labels, what all the series share of the service's and the instance's, and the metric's name."""
    wanted = {_NAME, *INSTANCE_LABELS, *service_labels}
    shared = {
        name: value
        for name, value in courses[0].labels.items()
        if name in wanted and all(one.labels.get(name) == value for one in courses[1:])
    }
    metric = {"metric": shared.pop(_NAME)} if _NAME in shared else {}
    named = {"alertname": _alertname(group), "severity": told.severity, "watch": group.state.watch}
    return {**shared, **metric, **named, **group.state.labels}


def _alertname(group: Group) -> str:
    names = [one.labels.get(_NAME, "") for one in group.members.values()] or [group.state.watch]
    return DISK_FULL if all(_OF_DISKS.search(name) for name in names) else SATURATION


def _fingerprint(group: Group) -> str:
    return fingerprint_of({"alertname": SATURATION, "group": group.name})


def _is_below(rules: Rules, group: Group) -> bool:
    watched = rules.metrics.watch.get(group.state.watch)
    return bool(watched and watched.forecast and watched.forecast.side is Side.BELOW)


def _subject(group: Group, course: Course, service_labels: Sequence[str]) -> str:
    """The service where there is one, or else what the group is of."""
    labels = {**course.labels, **group.state.labels}
    own = next((labels[name] for name in service_labels if labels.get(name)), "")
    return _cut(own or " / ".join(dict.fromkeys(group.state.labels.values())))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _chart(course: Course, outlook: Outlook) -> Chart | None:
    """What was observed, and what is expected with its interval, against the limit."""
    interval = course.forecast.interval()
    if interval is None:
        return None
    observed = [(at, value) for at, value in course.forecast.observed()][-_OBSERVED:]
    ahead = [interval.at + seconds for seconds in interval.ahead]
    before: list[float | None] = [None] * len(observed)
    after: list[float | None] = [None] * len(ahead)
    return Chart(
        title=_cut(course.labels.get(_NAME, "value")),
        x=[round(at * 1000) for at in [*(at for at, _ in observed), *ahead]],
        lines={
            "observed": [*(value for _, value in observed), *after],
            "forecast": [*before[1:], observed[-1][1], *interval.middle],
            LIMIT: [outlook.limit] * (len(observed) + len(ahead)),
        },
        low=[*before[1:], observed[-1][1], *interval.low],
        high=[*before[1:], observed[-1][1], *interval.high],
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
