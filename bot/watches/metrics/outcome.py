"""What becomes of a group after a batch or a tick: alerts that fire, are told again, or are resolved."""

from datetime import datetime

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.severity import Severity
from bot.watches.metrics import alerts as say
from bot.watches.metrics.group import Firing, Group

_TOLD_AGAIN = 2


def settle(group: Group, rules: Rules, now: datetime) -> list[AlertEvent]:
    """The findings of a group, in order; its state says afterwards that they are told."""
    severity = severity_for(group, rules)
    return [*_settle_course(group, rules, severity, now), *_settle_peers(group, rules, severity, now)]


def settle_missing(group: Group, before: Firing | None, rules: Rules, now: datetime) -> list[AlertEvent]:
    """The findings where the group missed members ``before``, or does now."""
    severity, after = severity_for(group, rules), group.state.missing
    if after is not None:
        return [say.missing(group, after, severity)] if before is None else []
    if before is None:
        return []
    return [say.resolved(say.MISSING, group, severity, before.since, now, "the series come again")]


def give_up(group: Group, rules: Rules, now: datetime) -> list[AlertEvent]:
    """Resolve what fires of a group that is forgotten."""
    severity, state = severity_for(group, rules), group.state
    fires = ((say.OFF_COURSE, state.off_course), (say.UNLIKE_PEERS, state.unlike_peers), (say.MISSING, state.missing))
    why = "the series did not come for so long that they are forgotten"
    return [say.resolved(kind, group, severity, firing.since, now, why) for kind, firing in fires if firing]


def severity_for(group: Group, rules: Rules) -> Severity:
    watched = rules.metrics.watch.get(group.state.watch)
    return watched.severity if watched else Severity.WARNING


def _settle_course(group: Group, rules: Rules, severity: Severity, now: datetime) -> list[AlertEvent]:
    firing = group.state.off_course
    if firing is None:
        return []
    found = []
    off = len(group.off())
    if not firing.told or off >= _TOLD_AGAIN * firing.told:
        firing.told, firing.since = max(off, 1), min(firing.since, now.timestamp())
        found.append(say.off_course(group, firing, severity, rules.correlation.service_labels))
    if group.is_on_course_again():
        group.state.off_course = None
        why = "the values are as expected again, or have been so for so long that they are usual"
        found.append(say.resolved(say.OFF_COURSE, group, severity, firing.since, now, why))
    return found


def _settle_peers(group: Group, rules: Rules, severity: Severity, now: datetime) -> list[AlertEvent]:
    firing = group.state.unlike_peers
    if group.is_unlike_peers() == (firing is not None):
        return []
    if firing is not None:
        group.state.unlike_peers = None
        why = "all instances are like their peers again"
        return [say.resolved(say.UNLIKE_PEERS, group, severity, firing.since, now, why)]
    since = min(group.state.looked_at, now.timestamp())  # a sender's clock may be ahead
    firing = group.state.unlike_peers = Firing(since, told=len(group.unlike()))
    return [say.unlike_peers(group, firing, severity, rules.correlation.service_labels)]
