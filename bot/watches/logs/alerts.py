"""The alerts of the logs' watch: a summary for people, the template, a sample without secrets, and a chart."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.domain.change import Change
from bot.domain.duration import format_duration, format_seconds
from bot.domain.event import AlertEvent, AlertStatus, Chart, EndedBy
from bot.domain.naming.storable import clean
from bot.watches.logs.beginning import MINUTE_MS
from bot.watches.logs.group import Firing, Group, Notice
from detectors.logs import Closed, mask_secrets

WITHIN_A_WINDOW = 60.0
"""By so many seconds a rate may have risen later than the first line of the minute that it is counted in."""
ALERT_NAMES = {
    "rate": "LogRateAnomaly",
    "unseen": "UnseenLogLine",
    "stopped": "LogLineStopped",
    "burst": "ErrorBurst",
}
SHOWN_TEMPLATE = 200
SHOWN_TEMPLATES = 5


def alert_of(notice: Notice, group: Group, changes: Sequence[Change]) -> AlertEvent:
    """``changes`` are those of the group's service that were noted a little earlier, the latest first."""
    firing, resolved = notice.firing, notice.status is AlertStatus.RESOLVED
    labels = {"alertname": ALERT_NAMES[firing.kind], "watch": group.watch, **group.labels}
    labels["severity"] = group.watched.severity.value
    if group.by_traces:
        labels.setdefault("service", group.by_traces)
    annotations = {"summary": _summary(notice, group, changes), "template": _shown(firing.text)}
    if firing.sample:
        annotations["sample"] = clean(mask_secrets(firing.sample))
    if firing.template is None and firing.count > 1:
        annotations["templates"] = "\n".join(map(_shown, firing.affected[:SHOWN_TEMPLATES]))
    return AlertEvent(
        source="tandem",
        fingerprint=firing.fingerprint,
        status=notice.status,
        labels=labels,
        starts_at=_moment(firing.since),
        annotations=annotations,
        ends_at=_moment(notice.at) if resolved else None,
        group=group.text,
        chart=None if resolved else _chart(notice, group),
        ended_by=_grounds(notice),
        good_since=_moment(firing.good_since) if firing.good_since and not resolved else None,
        tolerance=_tolerance(firing),
    )


def _tolerance(firing: Firing) -> float:
    """A line that is new came when it came. What is counted began within its minute, what stopped within a pause."""
    if firing.kind == "unseen":
        return 0.0
    return firing.expected if firing.kind == "stopped" else WITHIN_A_WINDOW


def _grounds(notice: Notice) -> EndedBy:
    """An end without any line since is none that shows that it is over."""
    firing = notice.firing
    shown = firing.lines_since or notice.status is AlertStatus.FIRING
    return EndedBy.SENDER if shown else EndedBy.SOURCE_SILENT


def _summary(notice: Notice, group: Group, changes: Sequence[Change]) -> str:
    text = _text(notice)
    if changes and notice.status is AlertStatus.FIRING:
        change = changes[0]
        ago = format_duration(_moment(notice.at) - change.at)
        what = " ".join(filter(None, (change.change.value, change.version)))
        text += f", {ago} after the {what} of {change.service}"
    return clean(text)


def _text(notice: Notice) -> str:
    firing, shown = notice.firing, _shown(notice.firing.text)
    if notice.status is AlertStatus.RESOLVED:
        return _text_of_the_end(notice)
    many = firing.count > 1
    match firing.kind:
        case "unseen" if many:
            return f"{firing.count} log lines that were never seen before came, one of them “{shown}”"
        case "unseen":
            return f"a log line that was never seen before came {_times(firing.observed)}: “{shown}”"
        case "stopped" if many:
            return f"{firing.count} log lines that came regularly no longer come, one of them “{shown}”"
        case "stopped":
            longest = format_seconds(firing.expected)
            silent = format_seconds(firing.observed)
            return f"“{shown}” has not come for {silent}; its longest pause before was {longest}"
        case "burst":
            errors = f"{firing.observed:.0f} error lines a minute came, {_number(firing.expected)} expected"
            return f"{errors}; the most frequent: “{shown}”"
        case _ if many:
            return f"{firing.count} log lines come much more or less often than expected, one of them “{shown}”"
    return f"“{shown}” came {firing.observed:.0f} times a minute, {_number(firing.expected)} expected"


def _text_of_the_end(notice: Notice) -> str:
    shown = _shown(notice.firing.text)
    match notice.firing.kind:
        case "unseen":
            return f"“{shown}” no longer comes, or is known by now"
        case "stopped":
            return f"“{shown}” comes again, or its absence is usual by now"
        case "burst":
            return "error lines come as often as expected again"
    return f"“{shown}” comes as often as expected again, or that is usual by now"


def _chart(notice: Notice, group: Group) -> Chart | None:
    """Lines a minute over the last hour, as far as it is in memory."""
    firing, history = notice.firing, list(group.history)
    if len(history) < 2 or (firing.template is None and firing.kind != "burst"):
        return None
    x: list[int | str] = [closed.at - MINUTE_MS for closed in history]
    current = group.stream.miner.current

    def count(closed: Closed) -> float:
        if firing.kind == "burst":
            return float(sum(closed.errors.values()))
        assert firing.template is not None
        wanted = current(firing.template)
        return float(sum(lines for template, lines in closed.lines.items() if current(template) == wanted))

    title = "Error lines" if firing.kind == "burst" else f"“{_shown(firing.text)}”"
    low: list[float | None] = []
    high: list[float | None] = []
    if firing.kind in ("rate", "burst"):
        bounds = _expected_range(firing.expected)
        low, high = [bounds[0]] * len(x), [bounds[1]] * len(x)
    return Chart(title, x, {"lines": [count(closed) for closed in history]}, low, high, "lines a minute")


def _expected_range(expected: float) -> tuple[float, float]:
    """Three standard deviations of a Poisson count."""
    return max(expected - 3 * expected**0.5, 0.0), expected + 3 * max(expected, 1.0) ** 0.5


def _times(count: float) -> str:
    return "once" if count == 1 else f"{count:.0f} times in a minute"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _shown(text: str) -> str:
    masked = clean(mask_secrets(text))
    return masked if len(masked) <= SHOWN_TEMPLATE else f"{masked[: SHOWN_TEMPLATE - 1]}…"


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
