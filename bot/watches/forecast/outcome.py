"""What becomes of a group after a batch or a tick: its alert begins, says something else, or ends."""

from datetime import datetime

from bot.domain.event import AlertEvent, EndedBy
from bot.domain.rules import Rules
from bot.domain.severity import Severity
from bot.watches.forecast import alerts
from bot.watches.forecast.course import Course, Group, Told
from bot.watches.forecast.memory import Memory

_LEAST_SILENCE = 300.0
_SILENT_STEPS = 3.0
_SOON = 4.0
"""Part of the horizon within which a crossing is more severe."""
NO_LONGER = "the forecast no longer crosses the limit"
UNKNOWN = "nobody knows any more whether the limit will be crossed: the forecast is learnt anew, or has no limit"
FORGOTTEN = "its metrics have not come for so long that the forecast is forgotten"


def alerts_of(memory: Memory, group: Group, rules: Rules, now: datetime, position: int) -> list[AlertEvent]:
    """What the group's alert says now, where that is something else than before; its state says so afterwards."""
    firing, told, seconds = group.firing(), group.state.told, now.timestamp()
    if not firing:
        return [] if told is None else [_end(memory, group, rules, now, position)]
    first = firing[0]
    after = Told(min(told.since if told else first.forecast.at, seconds), seconds)
    after.severity = severity_of(first, memory, group, rules)
    after.lead = alerts.lead_of(first, seconds)
    after.stale = is_stale(memory, group, seconds)
    after.beyond = bool(first.outlook and first.outlook.beyond)
    if all(one.is_calm for one in firing) and not after.stale:
        after.calm_since = (told.calm_since if told else 0.0) or seconds
    if told is not None and _says_the_same(told, after):
        return []
    group.state.told = after
    memory.group_changed(group, position)
    return [alerts.firing(group, firing, after, rules, now)]


def alerts_of_tick(memory: Memory, rules: Rules, now: datetime, position: int, behind: bool) -> list[AlertEvent]:
    """What time alone brings: forecasts that are stale, and those to forget. ``behind``: entries wait in the inbox."""
    seconds = now.timestamp()
    oldest = seconds - rules.metrics.forget_after.total_seconds()
    for name, limit in list(memory.limits.items()):
        if limit.last_seen < oldest:
            memory.forget_limit(name)
    found: list[AlertEvent] = []
    for group in list(memory.groups.values()):
        for name in [name for name, one in group.members.items() if one.last_seen < oldest]:
            memory.forget_series(name)
        told = group.state.told
        if not group.members:
            if told is not None:
                found.append(alerts.resolved(group, told, now, FORGOTTEN, EndedBy.SOURCE_SILENT))
            memory.forget_group(group)
        elif told is not None and not behind:
            gone = _leave_out_silent(memory, group, seconds, position)
            if gone or is_stale(memory, group, seconds) != told.stale:
                found += alerts_of(memory, group, rules, now, position + 1)
    return found


def _leave_out_silent(memory: Memory, group: Group, now: float, position: int) -> bool:
    """A series that is silent while others of the group come, as of a pod that was replaced, crosses nothing more."""
    if is_stale(memory, group, now):
        return False
    gone = [name for name, one in group.members.items() if one.alarm.fires and _is_silent(memory, one, now)]
    for name in gone:
        group.members[name].alarm.fires, group.members[name].alarm.looks = False, 0
        memory.series_changed(name, position + 1, now)
    return bool(gone)


def severity_of(first: Course, memory: Memory, group: Group, rules: Rules) -> str:
    """As configured, or one worse where the limit is crossed, or soon will be."""
    watched = rules.metrics.watch.get(group.state.watch)
    severity = watched.severity if watched else Severity.WARNING
    outlook = first.outlook
    soon = outlook is not None and outlook.median - outlook.at <= first.forecast.horizon / _SOON
    return list(Severity)[max(severity.rank - 1, 0)].value if soon else severity.value


def is_stale(memory: Memory, group: Group, now: float) -> bool:
    """Whether so little came of late that nobody knows whether the forecast still holds."""
    return all(_is_silent(memory, one, now) for one in group.members.values())


def _is_silent(memory: Memory, course: Course, now: float) -> bool:
    most = max(_LEAST_SILENCE, _SILENT_STEPS * course.forecast.steps.size)
    return now - max(course.last_seen, memory.loaded_at) > most


def _says_the_same(told: Told, after: Told) -> bool:
    """Otherwise it is worth an edit; how long it takes changes once a step, and by whole minutes."""

    def said(one: Told) -> tuple[object, ...]:
        return one.severity, one.lead, one.beyond, one.stale, bool(one.calm_since)

    return said(told) == said(after)


def _end(memory: Memory, group: Group, rules: Rules, now: datetime, position: int) -> AlertEvent:
    told = group.state.told
    assert told is not None
    group.state.told = None
    memory.group_changed(group, position)
    if any(one.is_known for one in group.members.values()):
        return alerts.resolved(group, told, now, NO_LONGER, EndedBy.SENDER)
    return alerts.resolved(group, told, now, UNKNOWN, EndedBy.SOURCE_SILENT)
