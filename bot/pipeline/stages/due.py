"""Stage: on a tick, what time alone has changed: flapping that went quiet, silences that ended, late deliveries.

A delivery that looked overtaken is believed when nothing has followed it for long enough. What fires on for too long in
an incident that a person resolved calls again. What people merged or split is explained and described anew.
"""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, Change
from bot.domain.duration import format_duration
from bot.domain.event import AlertEvent
from bot.domain.incident import TimelineKind
from bot.inbox import offsets
from bot.incidents.lifecycle import still_firing
from bot.pipeline.batch import Batch, Observation, Trigger
from bot.pipeline.stage import stage
from bot.storage.queries import alerts, incidents
from bot.storage.queries.deeds import anew, held


@stage(writes={"findings", "alerts", "observed", "timeline", "incidents", "touched", "unfinished"}, on={Trigger.TICK})
async def due(batch: Batch, connection: AsyncConnection) -> None:
    await offsets.position_of(connection, batch.partition)
    for alert in await alerts.flapping(connection, batch.partition):
        if batch.now - alert.changes[-1] >= batch.rules.alerts.flapping.quiet:
            _calm(batch, alert)
    for alert in _noted(batch, await alerts.no_longer_silenced(connection, batch.partition, batch.now)):
        _announce(batch, alert)
    await _call_again(batch, connection)
    changed = await incidents.by_ids(connection, await anew.take(connection, batch.partition), lock=True)
    batch.incidents |= changed
    batch.touched |= {one.id for one in changed.values() if one.open}
    waited_since = batch.now - batch.rules.alerts.reorder_within
    pending = await alerts.pending(connection, batch.partition, waited_since)
    batch.findings += [_taken_over(alert) for alert in _noted(batch, pending)]


def _noted(batch: Batch, found: list[Alert]) -> list[Alert]:
    """The same alerts; where there are as many as one tick takes up, there may be more."""
    batch.unfinished |= len(found) == alerts.MOST_A_TICK
    return found


def _taken_over(alert: Alert) -> AlertEvent:
    """The pending status as an event of its sender, from when it arrived."""
    since = alert.pending_since or alert.received_at
    return AlertEvent(
        source=alert.source,
        fingerprint=alert.fingerprint,
        status=alert.pending or alert.status,
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=since,
        ends_at=since,
        group=alert.group,
        truncated=alert.truncated,
        link=alert.link,
    )


def _calm(batch: Batch, alert: Alert) -> None:
    batch.alerts[alert.identity] = msgspec.structs.replace(alert, flapping=False, changes=alert.changes[-1:])
    change = Change.REPEATED if alert.firing else Change.RESOLVED
    batch.observed.append(Observation(alert.identity, change, batch.now))
    if alert.incident_id:
        where = f" on {alert.service}" if alert.service else ""
        batch.note(alert.incident_id, TimelineKind.ALERTS, f"{alert.name}{where} is quiet: it no longer flaps")


async def _call_again(batch: Batch, connection: AsyncConnection) -> None:
    """Let what still fires in incidents that people resolved long enough ago look for an incident as if it were new."""
    holds = batch.rules.alerts.resolve_holds
    due = await held.take_due(connection, batch.partition, batch.now - holds)
    known = await incidents.by_ids(connection, due)
    resolved = [one.id for one in known.values() if not one.open and one.resolved_at == due[one.id]]
    firing = _noted(batch, await alerts.firing_in(connection, resolved))
    if len(firing) == alerts.MOST_A_TICK:
        for incident_id in resolved:
            await held.hold(connection, incident_id, batch.partition, due[incident_id])
    found = [alert for alert in firing if alert.identity not in batch.alerts]
    for alert in found:
        batch.alerts[alert.identity] = msgspec.structs.replace(
            alert, episode=alert.episode + 1, incident_id=None, changes=[batch.now], flapping=False, repeats=0
        )
        if alert.firing:
            batch.observed.append(Observation(alert.identity, Change.NEW, batch.now))
    for incident_id in {alert.incident_id for alert in found if alert.incident_id}:
        count = sum(alert.incident_id == incident_id for alert in found)
        text = f"{still_firing(count)} {format_duration(holds)} after this was resolved: a new incident calls for it"
        batch.note(incident_id, TimelineKind.STATUS, text)


def _announce(batch: Batch, alert: Alert) -> None:
    """Let an alert whose silence ended look for its incident, as if it were new, if it still fires."""
    batch.alerts[alert.identity] = msgspec.structs.replace(alert, silence_id=None)
    if alert.firing:
        batch.observed.append(Observation(alert.identity, Change.NEW, batch.now))
