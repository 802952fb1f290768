"""What finished checks mean: the monitors' new states, and the alerts that begin, go on or end."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from bot.domain.duration import format_duration
from bot.domain.event import AlertEvent, EndedBy
from bot.domain.rules import Rules
from bot.domain.severity import Severity
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.alerts import FAILED, STALE, finding, firing, resolved
from bot.watches.models.job import Result
from bot.watches.models.kinds.registry import Outcome, kind_of
from bot.watches.models.memory import Memory, ModelCursor, MonitorState, Waiting
from detectors.drift.quality import stale


class Moment(NamedTuple):
    """Where in the inbox, and when, something changes."""

    position: int
    now: datetime


def apply_results(
    memory: Memory, cursor: ModelCursor, rules: Rules, results: list[Result], at: Moment
) -> list[AlertEvent]:
    """Work results into the state of the monitors; returns what fires or ends."""
    found: list[AlertEvent] = []
    monitors = rules.models[cursor.model].monitors
    cursor = msgspec.structs.replace(cursor, waiting=dict(cursor.waiting))
    for result in results:
        cursor.waiting[result.name] = _rest(cursor.waiting.get(result.name) or Waiting(), result)
        before = memory.monitor(cursor.model, result.name)
        after, alerts = _applied(cursor, before, monitors[result.name], result, at.now)
        memory.monitor_changed(after, at.position)
        found += alerts
    memory.cursor_changed(cursor, at.position)
    return found


def _rest(waiting: Waiting, result: Result) -> Waiting:
    rows = max(waiting.rows - result.rows, 0)
    return Waiting(max(waiting.seq, result.seq), rows, result.until if rows else None)


def _applied(
    cursor: ModelCursor, before: MonitorState, rules: MonitorRules, result: Result, now: datetime
) -> tuple[MonitorState, list[AlertEvent]]:
    state = msgspec.structs.replace(before, checks=before.checks + 1, checked_at=now)
    found = _failing(cursor, state, result, now)
    if result.outcome is None:
        state.summary = f"not checked: {result.problem}"
        return state, found
    if before.firing_since and before.reference != result.key:
        why = f"it begins anew with the reference {result.version or 'none'}"
        ended = resolved(cursor, result.name, kind_of(rules).alertname, before.firing_since, now, why)
        found.append(msgspec.structs.replace(ended, ended_by=EndedBy.NEW_REFERENCE))
        state.firing_since = None
    outcome = result.outcome
    state.rows_since = result.since
    state.reference, state.version, state.blob = result.key, result.version, outcome.state
    state.summary, state.features, state.chart = outcome.summary, outcome.features[:50], outcome.chart or state.chart
    return state, found + _findings(cursor, state, rules, result.name, outcome, now)


def _findings(
    cursor: ModelCursor, state: MonitorState, rules: MonitorRules, name: str, outcome: Outcome, now: datetime
) -> list[AlertEvent]:
    if outcome.firing:
        state.firing_since = state.firing_since or now
        return [finding(cursor, name, rules, outcome, state.firing_since, state.version)]
    since, state.firing_since = state.firing_since, None
    return [resolved(cursor, name, kind_of(rules).alertname, since, now, outcome.summary)] if since else []


def _failing(cursor: ModelCursor, state: MonitorState, result: Result, now: datetime) -> list[AlertEvent]:
    """A monitor that cannot check is an alert, until it can."""
    if result.failed:
        state.failed_since = state.failed_since or now
        summary = f"the monitor {result.name} of {cursor.model} cannot check: {result.problem}"
        return [firing(cursor, result.name, FAILED, Severity.WARNING, state.failed_since, summary)]
    since, state.failed_since = state.failed_since, None
    return [resolved(cursor, result.name, FAILED, since, now, "the monitor checks again")] if since else []


def check_freshness(memory: Memory, cursor: ModelCursor, rules: Rules, at: Moment, elsewhere: bool) -> list[AlertEvent]:
    """The alerts of a model whose data no longer comes, or comes again.

    ``elsewhere`` says that its data comes in another correlation domain, so that none is expected in this one.
    """
    found: list[AlertEvent] = []
    for name, monitor in rules.models[cursor.model].monitors.items():
        every = monitor.data_every
        if every is None:
            continue
        state = memory.monitor(cursor.model, name)
        newest = (cursor.newest_at or cursor.began_at).timestamp()
        late = None if elsewhere else stale(newest, at.now.timestamp(), every.total_seconds())
        if late is not None and state.stale_since is None:
            memory.monitor_changed(msgspec.structs.replace(state, stale_since=at.now), at.position)
            since = f"since {cursor.newest_at:%Y-%m-%d %H:%M} UTC" if cursor.newest_at else "since it is watched"
            summary = f"{cursor.model} got no predictions {since}; they should come every {format_duration(every)}"
            found.append(firing(cursor, name, STALE, monitor.severity, at.now, summary))
        elif late is None and state.stale_since is not None:
            memory.monitor_changed(msgspec.structs.replace(state, stale_since=None), at.position)
            found.append(resolved(cursor, name, STALE, state.stale_since, at.now, "predictions come again"))
    return found
