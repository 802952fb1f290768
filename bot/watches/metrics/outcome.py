"""What becomes of a group after a batch or a tick: alerts that fire, are raised again, or are resolved."""

from datetime import datetime

import msgspec

from bot.domain.event import AlertEvent, AlertStatus, EndedBy
from bot.domain.rules import Rules
from bot.domain.severity import Severity
from bot.watches.metrics import alerts
from bot.watches.metrics.group import Firing, Group

_RAISED_AGAIN = 2


def alerts_after_batch(
    group: Group, rules: Rules, now: datetime, ended_by: EndedBy = EndedBy.SENDER
) -> list[AlertEvent]:
    """What fires or ends in a group, in order; its state says afterwards that these alerts are raised.

    ``ended_by`` is what an end rests on: data, or that none comes any more.
    """
    severity = severity_for(group, rules)
    found = [*_alerts_off_course(group, rules, severity, now), *_alerts_unlike_peers(group, rules, severity, now)]
    if ended_by is EndedBy.SENDER:
        return found
    ends = AlertStatus.RESOLVED
    return [msgspec.structs.replace(one, ended_by=ended_by) if one.status is ends else one for one in found]


def alerts_of_missing(group: Group, before: Firing | None, rules: Rules, now: datetime) -> list[AlertEvent]:
    """What fires or ends where the group missed members ``before``, or does now."""
    severity, after = severity_for(group, rules), group.state.missing
    if after is not None:
        return [alerts.missing(group, after, severity)] if before is None else []
    if before is None:
        return []
    return [alerts.resolved(alerts.MISSING, group, severity, before.since, now, "the series come again")]


def resolve_all(group: Group, rules: Rules, now: datetime) -> list[AlertEvent]:
    """Resolve what fires of a group that is forgotten."""
    severity, state = severity_for(group, rules), group.state
    fires = {
        alerts.OFF_COURSE: state.off_course,
        alerts.UNLIKE_PEERS: state.unlike_peers,
        alerts.MISSING: state.missing,
    }
    why = "the series did not come for so long that they are forgotten"
    return [
        alerts.resolved(kind, group, severity, firing.since, now, why, EndedBy.SOURCE_SILENT)
        for kind, firing in fires.items()
        if firing
    ]


def severity_for(group: Group, rules: Rules) -> Severity:
    watched = rules.metrics.watch.get(group.state.watch)
    return watched.severity if watched else Severity.WARNING


def _alerts_off_course(group: Group, rules: Rules, severity: Severity, now: datetime) -> list[AlertEvent]:
    firing = group.state.off_course
    if firing is None:
        return []
    found: list[AlertEvent] = []
    off = len(group.off())
    if not off and firing.settled:
        group.state.off_course = None
        group.state.evidence.explain()
        found.append(alerts.settled(group, firing, severity, now))
        return found
    grown = not firing.reported or off >= _RAISED_AGAIN * firing.reported
    if firing.note(group.has_good_data(), now.timestamp()) or grown:
        firing.reported = max(off, 1) if grown else firing.reported
        firing.since = min(firing.since, now.timestamp())
        found.append(alerts.off_course(group, firing, severity, rules.correlation.service_labels))
    if group.is_on_course_again():
        group.state.off_course = None
        why = "the values are as expected again, or have been so for so long that they are usual"
        found.append(alerts.resolved(alerts.OFF_COURSE, group, severity, firing.since, now, why))
    return found


def _alerts_unlike_peers(group: Group, rules: Rules, severity: Severity, now: datetime) -> list[AlertEvent]:
    firing = group.state.unlike_peers
    if group.is_unlike_peers() == (firing is not None):
        if firing is None or not firing.note(group.alike_now, now.timestamp()):
            return []
        return [alerts.unlike_peers(group, firing, severity, rules.correlation.service_labels)]
    if firing is not None:
        group.state.unlike_peers = None
        why = "all instances are like their peers again"
        return [alerts.resolved(alerts.UNLIKE_PEERS, group, severity, firing.since, now, why)]
    since = min(group.state.looked_at, now.timestamp())  # a sender's clock may be ahead
    firing = group.state.unlike_peers = Firing(since, reported=len(group.unlike()))
    return [alerts.unlike_peers(group, firing, severity, rules.correlation.service_labels)]
