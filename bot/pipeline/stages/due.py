"""Stage: on a tick, what time alone has changed: flapping that went quiet, silences that ended, late deliveries.

A delivery that looked overtaken is believed when nothing has followed it for long enough.
"""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, Change
from bot.domain.event import AlertEvent
from bot.domain.incident import TimelineKind
from bot.inbox import offsets
from bot.pipeline.batch import Batch, Observation, Trigger
from bot.pipeline.stage import stage
from bot.storage.queries import alerts


@stage(writes={"findings", "alerts", "observed", "timeline"}, on={Trigger.TICK})
async def due(batch: Batch, connection: AsyncConnection) -> None:
    await offsets.position_of(connection, batch.partition)
    for alert in await alerts.flapping(connection, batch.partition):
        if batch.now - alert.changes[-1] >= batch.rules.alerts.flapping.quiet:
            _calm(batch, alert)
    for alert in await alerts.no_longer_silenced(connection, batch.partition, batch.now):
        _announce(batch, alert)
    waited_since = batch.now - batch.rules.alerts.reorder_within
    batch.findings += [_taken_over(alert) for alert in await alerts.pending(connection, batch.partition, waited_since)]


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


def _announce(batch: Batch, alert: Alert) -> None:
    """Let an alert whose silence ended look for its incident, as if it were new, if it still fires."""
    batch.alerts[alert.identity] = msgspec.structs.replace(alert, silence_id=None)
    if alert.firing:
        batch.observed.append(Observation(alert.identity, Change.NEW, batch.now))
