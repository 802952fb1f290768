"""Stage: what each event means for its alert. Repetitions and late deliveries end here."""

from datetime import datetime
from functools import lru_cache

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, Change, apply, change_made_by, credible, identity_of, resolution_of
from bot.domain.event import AlertEvent, AlertStatus, GroupResolved, bounded, domain_of
from bot.domain.severity import Severity, known_severity
from bot.observability.metrics import UNKNOWN_SEVERITIES
from bot.pipeline.batch import Batch, Observation
from bot.pipeline.stage import stage
from bot.storage.queries import alerts, incidents

log = structlog.get_logger(__name__)

_AT_ONCE = 500
"""So many alerts of a group end in the transaction in which the end of the group arrives."""


@stage(reads={"entries", "findings", "alerts", "topology"}, writes={"alerts", "observed"}, after={"watches"})
async def dedupe(batch: Batch, connection: AsyncConnection) -> None:
    arrived = [
        (at, domain, credible(event, at))
        for at, received in batch.alert_events()
        for domain in [domain_of(received.labels, batch.rules.correlation.partition_by)]
        for event in await _single_events(received, domain, connection)
    ]
    identified = [(at, identity_of(domain, event), domain, event) for at, domain, event in arrived]
    known = await alerts.current_by_identity(connection, {identity for _, identity, _, _ in identified})
    forgotten = await _incidents_resolved_long_ago(batch, list(known.values()), connection)
    for at, identity, domain, event in identified:
        _observe(batch, known, forgotten, identity, domain, event, at)


async def _single_events(
    event: AlertEvent | GroupResolved, domain: str, connection: AsyncConnection
) -> list[AlertEvent]:
    """The event itself, or a resolution of each alert that a group's resolution covers."""
    group = bounded(event.group)
    if isinstance(event, AlertEvent):
        return [event if group == event.group else msgspec.structs.replace(event, group=group)]
    ending = await alerts.firing_of_group(connection, domain, event.source, group, _AT_ONCE)
    if len(ending) == _AT_ONCE:  # a transaction holds up other writers: what else is in the group ends in later ones
        await alerts.end_group_later(connection, domain, event.source, group, event.ends_at)
    return [resolution_of(alert, max(event.ends_at, alert.starts_at)) for alert in ending]


async def _incidents_resolved_long_ago(batch: Batch, known: list[Alert], connection: AsyncConnection) -> set[str]:
    """Incidents that a person resolved while alerts fired on: after a while a repetition counts as a new firing."""
    ids = {alert.incident_id for alert in known if alert.firing and alert.incident_id}
    if not ids:
        return set()
    return await incidents.resolved_before(connection, ids, batch.now - batch.rules.alerts.resolve_holds)


def _observe(
    batch: Batch,
    known: dict[str, Alert],
    forgotten: set[str],
    identity: str,
    domain: str,
    event: AlertEvent,
    at: datetime,
) -> None:
    before = batch.alerts.get(identity) or known.get(identity)
    if before and event.listed_at and before.received_at > event.listed_at:
        return
    change = change_made_by(event, before, at, batch.rules.alerts) if before else Change.NEW
    if before and change in (Change.REPEATED, Change.UPDATED) and before.firing and before.incident_id in forgotten:
        change = Change.NEW
    if before is None or change is Change.NEW:
        after = _first_seen(batch, identity, domain, event, at, before.episode + 1 if before else 1)
    else:
        after = apply(event, before, change, at, batch.rules.alerts, batch.rules.severities)
    if change is Change.STALE and after is before:
        return
    batch.alerts[identity] = after
    if change is Change.STALE:
        return
    truncated_changed = before is not None and after.truncated != before.truncated
    damped = before is not None and before.flapping and after.flapping and change is not Change.UPDATED
    if (change is not Change.REPEATED and not damped) or truncated_changed:
        began_to_flap = after.flapping and not (before and before.flapping)
        severity_before, listed = before.severity if before else None, event.listed_at is not None
        batch.observed.append(Observation(identity, change, at, began_to_flap, severity_before, listed))


def _severity(batch: Batch, event: AlertEvent) -> Severity:
    word = event.labels.get("severity")
    level = known_severity(word, batch.rules.severities)
    if word and level is None:
        UNKNOWN_SEVERITIES.inc()
        _log_unknown(word)
    return level or Severity.WARNING


@lru_cache(maxsize=1000)
def _log_unknown(word: str) -> None:
    """Once for each word."""
    log.warning("severity.unknown", word=word[:100], taken_as=Severity.WARNING.value, advice="see severities:")


def _first_seen(batch: Batch, identity: str, domain: str, event: AlertEvent, at: datetime, episode: int) -> Alert:
    firing = event.status is AlertStatus.FIRING
    about = batch.about(event.labels)
    return Alert(
        identity=identity,
        episode=episode,
        domain=domain,
        partition=batch.partition,
        source=event.source,
        fingerprint=event.fingerprint,
        name=bounded(event.labels.get("alertname") or "alert"),
        service=about.service,
        severity=_severity(batch, event),
        status=event.status,
        labels=event.labels,
        annotations=event.annotations,
        starts_at=event.starts_at,
        ends_at=None if firing else event.ends_at or at,
        received_at=at,
        changes=[at] if firing else [],
        group=event.group,
        truncated=event.truncated,
        link=event.link,
        chart=event.chart,
        host=next(iter(about.hosts), ""),
        ended_by=None if firing else event.ended_by,
        good_since=event.good_since if firing else None,
        receiver=event.receiver,
        tolerance=event.tolerance,
    )
