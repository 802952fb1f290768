"""The alerts of the metrics' watch, with a summary for people and a chart."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bot.domain.event import AlertEvent, AlertStatus, Chart, EndedBy, fingerprint_of
from bot.domain.severity import Severity
from bot.watches.metrics import sentences
from bot.watches.metrics.group import INSTANCE_LABELS, Firing, Group
from detectors.groups import Outlier
from detectors.groups.member import Member

OFF_COURSE = "MetricAnomaly"
UNLIKE_PEERS = "InstanceDiffersFromPeers"
MISSING = "MetricsMissing"
_SHOWN = 5
_MOST_CHARACTERS = 200
_SOURCE = "tandem"


def off_course(group: Group, firing: Firing, severity: Severity, service_labels: Sequence[str]) -> AlertEvent:
    """Series of the group are not as they were."""
    off = group.off()
    worst = list(off.items())[:_SHOWN]
    first = next((member for _, member in worst if member.off), None)
    subject = _subject(group, first, service_labels)
    said = sentences.off_course(first, first.off, group.members, subject) if first and first.off else ""
    summary = _with_others(said or f"{subject or 'a group of metrics'} is unlike before", len(off) - 1)
    if firing.reason is not None:
        summary += f", since {_reason(firing)}"
    lines = [
        _line(_title(member), member.off.worst, member.off.low, member.off.high) for _, member in worst if member.off
    ]
    chart = _chart_of_off(worst[0][1]) if worst else None
    members = [member for _, member in off.items()]
    labels = _labels(OFF_COURSE, group, severity, members, service_labels)
    return _alert(OFF_COURSE, group, firing, labels, summary, lines, len(off), chart)


def settled(group: Group, firing: Firing, severity: Severity, now: datetime) -> AlertEvent:
    """The end of :func:`off_course` where a new level is usual now: nobody saw that it is a good one."""
    since = f" since {_reason(firing)}" if firing.reason else ""
    why = f"the level has held{since}, and is usual from now on"
    return resolved(OFF_COURSE, group, severity, firing.since, now, why, EndedBy.NEW_LEVEL)


def unlike_peers(group: Group, firing: Firing, severity: Severity, service_labels: Sequence[str]) -> AlertEvent:
    """Members of the group differ from the others."""
    found = [(one, group.members[name]) for name, one in group.unlike().items() if name in group.members]
    worst = found[:_SHOWN]
    summary = _unlike(found, group)
    lines = [_line(_title(member), one.value, one.low, one.high) for one, member in worst]
    chart = _chart(worst[0][1], worst[0][0].low, worst[0][0].high) if worst else None
    members = [member for _, member in found]
    labels = _labels(UNLIKE_PEERS, group, severity, members, service_labels)
    return _alert(UNLIKE_PEERS, group, firing, labels, summary, lines, len(found), chart)


def _unlike(found: Sequence[tuple[Outlier, Member]], group: Group) -> str:
    if not found:
        return f"instances{_of(group)} differ from the others"
    first, member = found[0]
    instances = {_instance(member) for _, member in found}
    return _with_others(sentences.unlike_peers(member, first, f"{_instance(member)}{_of(group)}"), len(instances) - 1)


def missing(group: Group, firing: Firing, severity: Severity) -> AlertEvent:
    """Series of the group, or all of its domain where it has no members of its own, no longer come."""
    if group.members:
        summary = f"{firing.reported} series{_of(group)} no longer come, though they came regularly"
    else:
        sender = f" from {' and '.join(group.senders)}" if group.senders else ""
        summary = f"metrics{sender}{_of(group)} stopped: {firing.reported} series came regularly, and none comes now"
    labels = _labels(MISSING, group, severity, [], [])
    return _alert(MISSING, group, firing, labels, summary, [], firing.reported, None)


def resolved(
    kind: str,
    group: Group,
    severity: Severity,
    since: float,
    now: datetime,
    why: str,
    ended_by: EndedBy = EndedBy.SENDER,
) -> AlertEvent:
    return AlertEvent(
        source=_SOURCE,
        fingerprint=_fingerprint(kind, group),
        status=AlertStatus.RESOLVED,
        labels=_labels(kind, group, severity, [], []),
        starts_at=min(_moment(since), now),
        ends_at=now,
        annotations={"summary": why},
        group=group.text,
        ended_by=ended_by,
    )


def _alert(
    kind: str,
    group: Group,
    firing: Firing,
    labels: dict[str, str],
    summary: str,
    lines: list[str],
    affected: int,
    chart: Chart | None,
) -> AlertEvent:
    more = [f"and {affected - len(lines)} more"] if lines and affected > len(lines) else []
    annotations = {"summary": summary, "affected": f"{affected} of {max(len(group.members), affected)} series"}
    if lines:
        annotations["description"] = "\n".join([*lines, *more])
    return AlertEvent(
        source=_SOURCE,
        fingerprint=_fingerprint(kind, group),
        status=AlertStatus.FIRING,
        labels=labels,
        starts_at=_moment(firing.since),
        annotations=annotations,
        group=group.text,
        chart=chart,
        good_since=_moment(firing.good_since) if firing.good_since else None,
    )


def _reason(firing: Firing) -> str:
    return f"{firing.reason.change} at {_moment(firing.reason.at):%H:%M} UTC" if firing.reason else ""


def _labels(
    kind: str, group: Group, severity: Severity, members: Sequence[Member], service_labels: Sequence[str]
) -> dict[str, str]:
    """The group's labels; also what all members that it is about share of the service's and the instance's labels."""
    labels = {"alertname": kind, "severity": severity.value}
    if group.state.watch:
        labels["watch"] = group.state.watch
    shared = {
        name: value
        for name, value in (members[0].labels.items() if members else ())
        if name in {*INSTANCE_LABELS, *service_labels} and all(one.labels.get(name) == value for one in members[1:])
    }
    return {**shared, **labels, **group.state.labels}


def _fingerprint(kind: str, group: Group) -> str:
    return fingerprint_of({"alertname": kind, "group": group.name})


def _of(group: Group) -> str:
    values = dict.fromkeys(group.state.labels.values())
    return _cut(f" of {' / '.join(values)}") if values else ""


def _subject(group: Group, member: Member | None, service_labels: Sequence[str]) -> str:
    """What the group is of, or else the service of one of its members."""
    own = (member.labels[name] for name in service_labels if member and name in member.labels)
    return _of(group).removeprefix(" of ") or _cut(next(own, ""))


def _with_others(said: str, others: int) -> str:
    if others < 1:
        return said
    return f"{said}; {others} other measurement{'s are' if others > 1 else ' is'} unusual too"


def _metric(member: Member) -> str:
    name = member.labels.get("__name__", "value")
    return _cut(f"rate of {name}" if member.ensemble.intake.counter else name)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _instance(member: Member) -> str:
    return _cut(next((member.labels[name] for name in INSTANCE_LABELS if name in member.labels), "one"))


def _title(member: Member) -> str:
    """The metric with what tells it apart."""
    labels = ", ".join(f"{name}={value}" for name, value in sorted(member.labels.items()) if name != "__name__")
    return _cut(f"{_metric(member)} {{{labels}}}") if labels else _metric(member)


def _line(title: str, value: float, low: float, high: float) -> str:
    expected = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
    return f"{title}: {value:.4g}, expected {expected}"


def _chart_of_off(member: Member) -> Chart | None:
    return _chart(member, member.off.low, member.off.high) if member.off else None


def _chart(member: Member, low: float, high: float) -> Chart:
    points = list(member.recent.points())
    return Chart(
        title=_title(member),
        x=[round(at * 1000) for at, _ in points],
        lines={"observed": [value for _, value in points]},
        low=[low] * len(points),
        high=[high] * len(points),
        unit=_unit(member.labels),
    )


def _unit(labels: Mapping[str, str]) -> str:
    """What the metric's name says of its unit. https://prometheus.io/docs/practices/naming/#base-units"""
    name = labels.get("__name__", "").removesuffix("_total").removesuffix("_sum")
    return next((unit for unit in ("seconds", "bytes", "ratio", "celsius") if name.endswith(f"_{unit}")), "")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
