"""The first stage on a tick: what time alone has changed. Flapping that went quiet, silences that ended."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert, Change
from bot.domain.incident import TimelineKind
from bot.inbox import offsets
from bot.pipeline.batch import Batch, Observation
from bot.storage.queries import alerts


async def due(batch: Batch, connection: AsyncConnection) -> None:
    await offsets.position_of(connection, batch.partition)
    for alert in await alerts.flapping(connection, batch.partition):
        if batch.now - alert.changes[-1] >= batch.rules.alerts.flapping.quiet:
            _calm(batch, alert)
    for alert in await alerts.no_longer_silenced(connection, batch.partition, batch.now):
        _announce(batch, alert)


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
