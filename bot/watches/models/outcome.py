"""What finished checks mean: the monitors' new states, and the alerts that begin, go on or end."""

from datetime import datetime

import msgspec

from bot.domain.event import AlertEvent
from bot.domain.rules import Rules
from bot.domain.severity import Severity
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.alerts import FAILED, fires, is_over, says
from bot.watches.models.job import Result
from bot.watches.models.memory import Head, Memory, MonitorState, Waiting
from bot.watches.models.wording import Outcome


def settle(memory: Memory, head: Head, rules: Rules, results: list[Result], now: datetime) -> list[AlertEvent]:
    """Work results into what is known; returns what is to be said."""
    found: list[AlertEvent] = []
    monitors = rules.models[head.model].monitors
    head = msgspec.structs.replace(head, waiting=dict(head.waiting))
    for result in results:
        head.waiting[result.name] = _rest(head.waiting.get(result.name) or Waiting(), result)
        before = memory.monitor(head.model, result.name)
        after, said = _settled(head, before, monitors[result.name], result, now)
        memory.monitor_changed(after)
        found += said
    memory.head_changed(head)
    return found


def _rest(waiting: Waiting, result: Result) -> Waiting:
    rows = max(waiting.rows - result.rows, 0)
    return Waiting(max(waiting.seq, result.seq), rows, result.until if rows else None)


def _settled(
    head: Head, before: MonitorState, rules: MonitorRules, result: Result, now: datetime
) -> tuple[MonitorState, list[AlertEvent]]:
    state = msgspec.structs.replace(before, checks=before.checks + 1, checked_at=now)
    found = _failing(head, state, result, now)
    if result.outcome is None:
        state.said = f"not checked: {result.problem}"
        return state, found
    if before.firing_since and before.reference != result.key:
        why = f"it begins anew with the reference {result.version or 'none'}"
        found.append(is_over(head, result.name, rules.kind.alertname, before.firing_since, now, why))
        state.firing_since = None
    outcome = result.outcome
    state.reference, state.version, state.packed = result.key, result.version, outcome.packed
    state.said, state.features, state.chart = outcome.said, outcome.features[:50], outcome.chart or state.chart
    return state, found + _firing(head, state, rules, result.name, outcome, now)


def _firing(
    head: Head, state: MonitorState, rules: MonitorRules, name: str, outcome: Outcome, now: datetime
) -> list[AlertEvent]:
    if outcome.firing:
        state.firing_since = state.firing_since or now
        return [fires(head, name, rules, outcome, state.firing_since, state.version)]
    since, state.firing_since = state.firing_since, None
    return [is_over(head, name, rules.kind.alertname, since, now, outcome.said)] if since else []


def _failing(head: Head, state: MonitorState, result: Result, now: datetime) -> list[AlertEvent]:
    """A monitor that cannot do its work says so, until it can."""
    if result.failed:
        state.failed_since = state.failed_since or now
        summary = f"the monitor {result.name} of {head.model} cannot check: {result.problem}"
        return [says(head, result.name, FAILED, Severity.WARNING, state.failed_since, summary)]
    since, state.failed_since = state.failed_since, None
    return [is_over(head, result.name, FAILED, since, now, "the monitor checks again")] if since else []
