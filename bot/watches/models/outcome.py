"""What finished checks mean: the monitors' new states, and the alerts that begin, go on or end."""

from datetime import datetime, timedelta

import msgspec

from bot.domain.duration import format_duration
from bot.domain.event import AlertEvent, EndedBy
from bot.domain.rules import Rules
from bot.domain.severity import Severity
from bot.domain.watched.monitor import MonitorRules
from bot.model_store.checks import MOST_SUMMARY, CheckState, Standing
from bot.observability.metrics import MODEL_CHECKS as CHECKS
from bot.watches.models.alerts import FAILED, STALE, Subject, finding, firing, resolved
from bot.watches.models.job import Result
from bot.watches.models.kinds.registry import Outcome, kind_of
from bot.watches.models.measuring.trend import with_trend
from bot.watches.models.memory import NOT_CHECKED, Memory, ModelCursor, Moment, MonitorState, Waiting, place_of
from bot.watches.models.versions.settling import Judged, settle_versions
from detectors.drift.quality import stale

_UNCHECKED_FOR = timedelta(days=1)
"""So long may all checks of a monitor be impossible, unless it has ``checked_within``."""


_RETRY, _RARELY = timedelta(minutes=1), timedelta(hours=1)
"""How long to wait for an engine that is away: at first, and at most."""


def apply_results(
    memory: Memory, cursor: ModelCursor, rules: Rules, results: list[Result], at: Moment
) -> list[AlertEvent]:
    """Work results into the state of the monitors; returns what fires or ends."""
    found: list[AlertEvent] = []
    model = rules.models[cursor.model]
    monitors = model.monitors
    cursor = msgspec.structs.replace(cursor, waiting=dict(cursor.waiting))
    for result in results:
        if result.delay is not None:
            cursor.label_delay = result.delay
        if not result.again and result.model_version is None:
            cursor.waiting[result.name] = _rest(cursor.waiting.get(result.name) or Waiting(), result)
        before = memory.monitor(cursor.model, result.name, cursor.domain, result.model_version)
        after, alerts = _applied(cursor, before, monitors[result.name], result, at.now)
        memory.monitor_changed(after, at.position)
        if result.outcome is not None:
            memory.seasons.learn(place_of(after), result.key, result.outcome.seasons, at.position)
        if result.model_version is not None or result.outcome is None or not model.judges_apart(monitors[result.name]):
            memory.made.append(_made(cursor, after, result, at.now))
        found += alerts
    for whole in (result for result in results if result.model_version is None):
        served = {one.model_version for one in results if one.name == whole.name}
        judged = Judged(whole, model.judges_apart(monitors[whole.name]), served)
        found += settle_versions(memory, cursor, monitors[whole.name], judged, at)
    memory.cursor_changed(cursor, at.position)
    return found


def _made(cursor: ModelCursor, state: MonitorState, result: Result, now: datetime) -> Standing:
    """The check as the history of the model has it."""
    if result.outcome is None:
        how = CheckState.FAILED if result.failed else CheckState.UNCHECKED
    else:
        how = CheckState.FIRING if result.outcome.firing else CheckState.OK
    outcome = result.outcome
    return Standing(
        model=cursor.model,
        domain=cursor.domain,
        monitor=result.name,
        at=now,
        state=how,
        rows=result.rows,
        version=result.version,
        summary=state.summary[:MOST_SUMMARY],
        model_version=result.model_version or "",
        measured=outcome.measured if outcome else None,
        looks=(outcome.looks or None) if outcome else None,
    )


def _rest(waiting: Waiting, result: Result) -> Waiting:
    rows = max(waiting.rows - result.rows, 0)
    return Waiting(max(waiting.seq, result.seq), rows, result.until if rows else None)


def _applied(
    cursor: ModelCursor, before: MonitorState, rules: MonitorRules, result: Result, now: datetime
) -> tuple[MonitorState, list[AlertEvent]]:
    state = msgspec.structs.replace(before, checks=before.checks + 1, checked_at=now, absent=0)
    state.place = max(before.place, result.place)
    CHECKS.labels("failed" if result.failed else "not made" if result.outcome is None else "made").inc()
    if result.outcome is None:
        state.summary = f"{NOT_CHECKED}{result.problem}"
        state.unchecked, state.unchecked_since = before.unchecked + 1, before.unchecked_since or now
        state.tries = before.tries + 1 if result.again else 0
        state.retry_at = now + min(_RETRY * 2 ** (state.tries - 1), _RARELY) if result.again else None
        return state, _failing(cursor, state, rules, result, now)
    state.made_at, state.unchecked, state.unchecked_since, state.tries, state.retry_at = now, 0, None, 0, None
    of = Subject(cursor, result.name, state.model_version)
    found = _checks_again(of, state, now)
    if before.firing_since and before.reference != result.key:
        why = f"it begins anew with the reference {result.version or 'none'}"
        ended = resolved(of, kind_of(rules).alertname, before.firing_since, now, why)
        found.append(msgspec.structs.replace(ended, ended_by=EndedBy.NEW_REFERENCE))
        state.firing_since = None
    outcome = result.outcome
    state.rows_since = result.since
    state.lives = max(before.lives, 1) + 1 if before.reference and before.reference != result.key else before.lives or 1
    state.reference, state.version, state.blob = result.key, result.version, outcome.state
    state.trend, outcome = with_trend(before.trend, outcome, now)
    state.summary, state.features, state.chart = outcome.summary, outcome.features[:50], outcome.chart or state.chart
    return state, found + _findings(of, state, rules, outcome, now)


def _findings(
    of: Subject, state: MonitorState, rules: MonitorRules, outcome: Outcome, now: datetime
) -> list[AlertEvent]:
    if outcome.firing:
        state.firing_since = state.firing_since or now
        return [finding(of, rules, outcome, state.firing_since, state.version)]
    since, state.firing_since = state.firing_since, None
    return [resolved(of, kind_of(rules).alertname, since, now, outcome.summary)] if since else []


def _failing(
    cursor: ModelCursor, state: MonitorState, rules: MonitorRules, result: Result, now: datetime
) -> list[AlertEvent]:
    """A monitor that cannot check, or could not for too long, is an alert until it can."""
    overdue = "" if state.model_version is not None else _overdue(cursor, state, rules, now)
    blame = result.failed and state.tries != 1
    if not blame and not overdue and state.failed_since is None:
        return []
    state.failed_since = state.failed_since or now
    summary = overdue or f"the monitor {result.name} of {cursor.model} cannot check: {result.problem}"
    of = Subject(cursor, result.name, state.model_version)
    return [firing(of, FAILED, Severity.WARNING, state.failed_since, summary)]


def _checks_again(of: Subject, state: MonitorState, now: datetime) -> list[AlertEvent]:
    since, state.failed_since = state.failed_since, None
    return [resolved(of, FAILED, since, now, "the monitor checks again")] if since else []


def _overdue(cursor: ModelCursor, state: MonitorState, rules: MonitorRules, now: datetime) -> str:
    """In words that a monitor could not check for too long; empty where it could.

    Where ``checked_within`` is given, that is since the last check that was made. Else a day of checks that could not
    be made counts, and silence does not: labels may take their time.
    """
    within, name = rules.checked_within, rules.known_as
    made_at = state.made_at or (state.checked_at if state.is_checked else None) or cursor.began_at
    if within is not None and now - made_at >= within:
        return f"the monitor {name} of {cursor.model} has checked nothing for {format_duration(within)}: {_why(state)}"
    tried = (state.checked_at or now) - (state.unchecked_since or now)
    if within is None and tried >= _UNCHECKED_FOR:
        since = f"{state.unchecked} checks could not be made since {state.unchecked_since:%Y-%m-%d %H:%M} UTC"
        return f"the monitor {name} of {cursor.model} checks nothing: {since}; {state.summary}"
    return ""


def _why(state: MonitorState) -> str:
    return state.summary if state.unchecked else "not enough came for a check"


def check_overdue(memory: Memory, cursor: ModelCursor, rules: Rules, at: Moment, elsewhere: bool) -> list[AlertEvent]:
    """The alerts of monitors that could not check for too long, though nothing is broken.

    ``elsewhere`` says that the model's data comes in another correlation domain.
    """
    found: list[AlertEvent] = []
    for name, monitor in rules.models[cursor.model].monitors.items():
        state = memory.monitor(cursor.model, name, cursor.domain)
        overdue = "" if elsewhere else _overdue(cursor, state, monitor, at.now)
        if overdue and state.failed_since is None:
            memory.monitor_changed(msgspec.structs.replace(state, failed_since=at.now), at.position)
            found.append(firing(Subject(cursor, name), FAILED, Severity.WARNING, at.now, overdue))
    return found


def check_freshness(memory: Memory, cursor: ModelCursor, rules: Rules, at: Moment, elsewhere: bool) -> list[AlertEvent]:
    """The alerts of a model whose data no longer comes, or comes again.

    ``elsewhere`` says that its data comes in another correlation domain, so that none is expected in this one.
    """
    found: list[AlertEvent] = []
    for name, monitor in rules.models[cursor.model].monitors.items():
        every = monitor.data_every
        if every is None:
            continue
        state = memory.monitor(cursor.model, name, cursor.domain)
        newest = (cursor.newest_at or cursor.began_at).timestamp()
        late = None if elsewhere else stale(newest, at.now.timestamp(), every.total_seconds())
        if late is not None and state.stale_since is None:
            memory.monitor_changed(msgspec.structs.replace(state, stale_since=at.now), at.position)
            since = f"since {cursor.newest_at:%Y-%m-%d %H:%M} UTC" if cursor.newest_at else "since it is watched"
            summary = f"{cursor.model} got no predictions {since}; they should come every {format_duration(every)}"
            found.append(firing(Subject(cursor, name), STALE, monitor.severity, at.now, summary))
        elif late is None and state.stale_since is not None:
            memory.monitor_changed(msgspec.structs.replace(state, stale_since=None), at.position)
            since_when = state.stale_since
            found.append(resolved(Subject(cursor, name), STALE, since_when, at.now, "predictions come again"))
    return found
