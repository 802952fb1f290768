"""The life of an alert: what an event means for the one we know, and what it is like afterwards."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.alert import (
    MAX_CHANGES,
    Alert,
    AlertRules,
    Change,
    Flapping,
    apply,
    change_made_by,
    identity_of,
    note_change,
)
from bot.domain.event import AlertEvent, AlertStatus
from bot.domain.severity import Severity
from tests.unit.strategies import NOON, alerts, events, moments

RULES = AlertRules()
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def firing(starts_at: datetime = NOON) -> AlertEvent:
    return AlertEvent("alertmanager", "f", AlertStatus.FIRING, {"alertname": "Down"}, starts_at)


def resolved(starts_at: datetime = NOON, ends_at: datetime | None = None) -> AlertEvent:
    return AlertEvent("alertmanager", "f", AlertStatus.RESOLVED, {"alertname": "Down"}, starts_at, ends_at=ends_at)


def known(status: str, starts_at: datetime = NOON, received_at: datetime = NOON) -> Alert:
    return Alert(
        identity="i",
        episode=1,
        domain="eu",
        partition=0,
        source="alertmanager",
        fingerprint="f",
        name="Down",
        service="checkout",
        severity=Severity.CRITICAL,
        status=AlertStatus(status),
        labels={},
        annotations={},
        starts_at=starts_at,
        received_at=received_at,
        changes=[starts_at],
    )


def test_what_fires_and_fires_on_is_repeated_where_nothing_differs_and_else_updated() -> None:
    alert = msgspec.structs.replace(known("firing"), labels=firing().labels)
    assert change_made_by(firing(NOON + MINUTE), alert, NOON + MINUTE, RULES) is Change.REPEATED
    for differs in ({"labels": {"alertname": "Down", "x": "y"}}, {"annotations": {"summary": "99 %"}}, {"link": "l"}):
        event = msgspec.structs.replace(firing(NOON + MINUTE), **differs)
        assert change_made_by(event, alert, NOON + MINUTE, RULES) is Change.UPDATED


def test_a_later_event_brings_severity_labels_annotations_and_link_up_to_date() -> None:
    worse = msgspec.structs.replace(
        firing(), labels={"severity": "P1", "host": "a"}, annotations={"summary": "99 %"}, link="https://x.example"
    )
    mild = msgspec.structs.replace(known("firing"), severity=Severity.WARNING, annotations={"summary": "71 %"})
    after = apply(worse, mild, change_made_by(worse, mild, NOON + MINUTE, RULES), NOON + MINUTE, RULES)
    assert (after.severity, after.labels) == (Severity.CRITICAL, worse.labels)
    assert (after.annotations, after.link) == (worse.annotations, worse.link)


def test_a_resolution_leaves_what_the_alert_was_as_it_was() -> None:
    green = msgspec.structs.replace(resolved(), labels={"severity": "ok"}, annotations={"summary": "fine"})
    after = apply(green, known("firing"), Change.RESOLVED, NOON + MINUTE, RULES)
    assert (after.severity, after.labels, after.annotations) == (Severity.CRITICAL, {}, {})


def test_a_firing_that_nothing_follows_is_pending_and_any_later_event_settles_it() -> None:
    pending = apply(firing(), known("resolved"), Change.STALE, NOON + SECOND, RULES)
    assert (pending.firing, pending.pending, pending.pending_since) == (False, AlertStatus.FIRING, NOON + SECOND)
    again = change_made_by(resolved(), pending, NOON + 2 * SECOND, RULES)
    assert apply(resolved(), pending, again, NOON + 2 * SECOND, RULES).pending is None


def test_a_resolution_from_before_the_senders_clock_jumped_back_is_believed() -> None:
    day = timedelta(days=1)
    jumped = resolved(starts_at=NOON - day, ends_at=NOON - day + MINUTE)
    assert change_made_by(jumped, known("firing"), NOON + MINUTE, RULES) is Change.RESOLVED
    assert apply(jumped, known("firing"), Change.RESOLVED, NOON + MINUTE, RULES).ends_at == NOON


def test_a_resolution_resolves_what_fires() -> None:
    assert change_made_by(resolved(ends_at=NOON + MINUTE), known("firing"), NOON + MINUTE, RULES) is Change.RESOLVED
    assert change_made_by(resolved(ends_at=None), known("firing"), NOON + MINUTE, RULES) is Change.RESOLVED


def test_a_resolution_of_an_earlier_life_is_stale() -> None:
    late = resolved(starts_at=NOON - MINUTE, ends_at=NOON - SECOND)
    assert change_made_by(late, known("firing"), NOON + MINUTE, RULES) is Change.STALE


def test_a_firing_that_a_resolution_has_overtaken_is_stale_for_a_moment_and_then_believed() -> None:
    alert = known("resolved")
    within, after = NOON + RULES.reorder_within - SECOND, NOON + RULES.reorder_within
    assert change_made_by(firing(), alert, within, RULES) is Change.STALE
    assert change_made_by(firing(), alert, after, RULES) is Change.REFIRED
    assert change_made_by(firing(NOON + SECOND), alert, within, RULES) is Change.REFIRED


def test_an_alert_that_fires_again_soon_is_the_same_and_later_a_new_one() -> None:
    again = firing(NOON + MINUTE)
    last, too_late = NOON + RULES.reopen_within, NOON + RULES.reopen_within + SECOND
    assert change_made_by(again, known("resolved"), last, RULES) is Change.REFIRED
    assert change_made_by(again, known("resolved"), too_late, RULES) is Change.NEW


@given(events(), alerts(), moments)
def test_a_change_is_told_only_when_the_status_changes(event: AlertEvent, alert: Alert, now: datetime) -> None:
    change = change_made_by(event, alert, now, RULES)
    if event.status is alert.status:
        assert change in ({Change.REPEATED, Change.UPDATED} if alert.firing else {Change.REPEATED})
    else:
        expected = {Change.STALE, Change.RESOLVED} if alert.firing else {Change.STALE, Change.REFIRED, Change.NEW}
        assert change in expected


@given(events(), alerts(), moments)
def test_after_an_event_the_alert_is_as_the_event_says(event: AlertEvent, alert: Alert, now: datetime) -> None:
    change = change_made_by(event, alert, now, RULES)
    if change in (Change.STALE, Change.NEW):
        return  # a stale event is dropped, a new firing is a new episode
    after = apply(event, alert, change, now, RULES)
    assert after.status is event.status
    if change is Change.RESOLVED:
        latest = max(now, alert.starts_at)
        assert after.ends_at == min(max(event.ends_at or now, alert.starts_at), latest)
    if change is Change.REFIRED:
        assert (after.starts_at, after.ends_at, after.group) == (event.starts_at, None, event.group)


@given(events(), alerts(), moments)
def test_no_event_changes_what_an_alert_is(event: AlertEvent, alert: Alert, now: datetime) -> None:
    change = change_made_by(event, alert, now, RULES)
    if change in (Change.STALE, Change.NEW):
        return
    after = apply(event, alert, change, now, RULES)
    for field in ("identity", "episode", "domain", "partition", "name", "service", "incident_id"):
        assert getattr(after, field) == getattr(alert, field)


@given(events(), alerts(), moments)
def test_a_second_delivery_of_an_event_only_counts(event: AlertEvent, alert: Alert, now: datetime) -> None:
    change = change_made_by(event, alert, now, RULES)
    if change in (Change.STALE, Change.NEW):
        return
    once = apply(event, alert, change, now, RULES)
    again = change_made_by(event, once, now, RULES)
    assert again is Change.REPEATED
    twice = apply(event, once, again, now, RULES)
    noted = {field: getattr(once, field) for field in ("repeats", "annotations", "truncated")}
    assert msgspec.structs.replace(twice, **noted) == once
    assert twice.repeats == once.repeats + 1


@given(alerts(), st.permutations(["first", "last"]))
def test_a_firing_and_its_resolution_end_resolved_in_whichever_order_they_arrive(
    alert: Alert, order: list[str]
) -> None:
    """Seen for the first time, as :func:`known`; then both within the time in which order is not trusted."""
    told = {"first": firing(), "last": resolved(ends_at=NOON + SECOND)}
    state = msgspec.structs.replace(alert, status=told[order[0]].status, starts_at=NOON, received_at=NOON)
    now = NOON + 2 * SECOND
    change = change_made_by(told[order[1]], state, now, RULES)
    after = state if change is Change.STALE else apply(told[order[1]], state, change, now, RULES)
    assert not after.firing


@given(st.lists(moments, max_size=80).map(sorted), st.integers(2, MAX_CHANGES))
def test_an_alert_flaps_exactly_when_it_changed_often_enough_within_the_span(times: list[datetime], many: int) -> None:
    flapping = Flapping(changes=many)
    alert = msgspec.structs.replace(known("firing"), changes=[])
    for n, now in enumerate(times, start=1):
        before, alert = alert, note_change(alert, now, flapping)
        recent = [at for at in times[:n] if now - at < flapping.within]
        assert alert.flapping == (before.flapping or len(recent) >= many)
        assert len(alert.changes) <= MAX_CHANGES
        assert alert.changes[-1] == now


@given(alerts())
def test_what_flaps_counts_as_active_whatever_it_says(alert: Alert) -> None:
    assert alert.active == (alert.firing or alert.flapping)


@pytest.mark.parametrize("changes", [-1, 0, 1, MAX_CHANGES + 1])
def test_flapping_that_would_always_or_never_be_seen_is_refused(changes: int) -> None:
    with pytest.raises(ValueError, match="changes"):
        Flapping(changes=changes)


@given(st.tuples(st.text(), st.text(), st.text()), st.tuples(st.text(), st.text(), st.text()))
def test_identities_differ_by_domain_source_and_fingerprint(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    def identity(parts: tuple[str, ...]) -> str:
        domain, source, fingerprint = (part.replace("\0", "") for part in parts)
        return identity_of(domain, AlertEvent(source, fingerprint, AlertStatus.FIRING, {}, NOON))

    same = [part.replace("\0", "") for part in one] == [part.replace("\0", "") for part in other]
    assert (identity(one) == identity(other)) == same


def test_an_identity_is_the_same_for_ever() -> None:
    event = AlertEvent("alertmanager", "129c35c3700bea39", AlertStatus.FIRING, {}, NOON)
    assert identity_of("prod-eu", event) == "0118d184b1e88a5e525abe5676d29c95"
