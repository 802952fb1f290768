"""Stage: what each event means for its alert. Repetitions and late deliveries end here."""

from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, Change, apply, change_made_by, identity_of
from bot.domain.event import AlertEvent, AlertStatus, GroupResolved, bounded, domain_of
from bot.domain.host import hosts_of
from bot.domain.service import place_of
from bot.domain.severity import severity_of
from bot.pipeline.batch import Batch, Observation
from bot.storage.queries import alerts, incidents


async def dedupe(batch: Batch, connection: AsyncConnection) -> None:
    arrived = [
        (at, domain, event)
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
    return [
        AlertEvent(
            source=alert.source,
            fingerprint=alert.fingerprint,
            status=AlertStatus.RESOLVED,
            labels=alert.labels,
            starts_at=alert.starts_at,
            ends_at=max(event.ends_at, alert.starts_at),
            group=group,
            truncated=alert.truncated,
        )
        for alert in await alerts.firing_of_group(connection, domain, event.source, group)
    ]


async def _incidents_resolved_long_ago(batch: Batch, known: list[Alert], connection: AsyncConnection) -> set[str]:
    """Incidents that a person resolved while alerts fired on: after a while a repetition counts as a new firing."""
    ids = {alert.incident_id for alert in known if alert.firing and alert.incident_id}
    if not ids:
        return set()
    return await incidents.resolved_before(connection, ids, batch.now - batch.rules.alerts.reopen_within)


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
    change = change_made_by(event, before, at, batch.rules.alerts) if before else Change.NEW
    if before and change is Change.REPEATED and before.firing and before.incident_id in forgotten:
        change = Change.NEW
    if change is Change.STALE:
        return
    if before is None or change is Change.NEW:
        after = _first_seen(batch, identity, domain, event, at, before.episode + 1 if before else 1)
    else:
        after = apply(event, before, change, at, batch.rules.alerts)
    batch.alerts[identity] = after
    truncated_changed = before is not None and after.truncated != before.truncated
    damped = before is not None and before.flapping and after.flapping
    if (change is not Change.REPEATED and not damped) or truncated_changed:
        began_to_flap = after.flapping and not (before and before.flapping)
        batch.observed.append(Observation(identity, change, at, began_to_flap))


def _first_seen(batch: Batch, identity: str, domain: str, event: AlertEvent, at: datetime, episode: int) -> Alert:
    firing = event.status is AlertStatus.FIRING
    return Alert(
        identity=identity,
        episode=episode,
        domain=domain,
        partition=batch.partition,
        source=event.source,
        fingerprint=event.fingerprint,
        name=bounded(event.labels.get("alertname") or "alert"),
        service=place_of(event.labels, batch.rules.correlation.service_labels, batch.topology),
        severity=severity_of(event.labels.get("severity")),
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
        host=next(iter(hosts_of(event.labels)), ""),
    )
