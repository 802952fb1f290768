"""Late evidence gives a service's alerts to another incident than the one they were shown in; both timelines say so."""

from collections.abc import Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, TimelineKind
from bot.pipeline.batch import Batch
from bot.pipeline.correlation.merge import busy
from bot.storage.queries import alerts, incidents
from detectors.correlation import Move


async def move(batch: Batch, wanted: Sequence[Move], connection: AsyncConnection) -> None:
    """Move services between incidents, in order; none leaves one in which a run is under way, which watches them."""
    staying = await busy({left for _, left, _ in wanted}, connection)
    moved: dict[tuple[str, str], list[str]] = {}
    for service, left, joined in wanted:
        if left not in staying and joined in batch.incidents:
            await _move(batch, service, batch.incidents[left], batch.incidents[joined], connection)
            moved.setdefault((left, joined), []).append(service)
    for (left, joined), services in moved.items():
        _say(batch, batch.incidents[left], batch.incidents[joined], services)


async def _move(batch: Batch, service: str, left: Incident, joined: Incident, connection: AsyncConnection) -> None:
    await alerts.move(connection, left.id, joined.id, service)
    for identity, alert in batch.alerts.items():
        if (alert.incident_id, alert.service) == (left.id, service):
            batch.alerts[identity] = msgspec.structs.replace(alert, incident_id=joined.id)
    key = (left.domain, "service", service)
    await incidents.forget_key(connection, left.id, key)
    batch.keys.get(left.id, {}).pop(key, None)
    if heard := batch.heard.get(left.id, {}).pop(key, None):
        batch.hear(joined.id, key, *heard)
    batch.incidents[left.id] = msgspec.structs.replace(left, services=[one for one in left.services if one != service])
    batch.incidents[joined.id] = msgspec.structs.replace(joined, services=[*dict.fromkeys([*joined.services, service])])
    batch.touched |= {left.id, joined.id}


def _say(batch: Batch, left: Incident, joined: Incident, services: Sequence[str]) -> None:
    named = ", ".join(dict.fromkeys(services))
    batch.note(left.id, TimelineKind.STATUS, f"Alerts of {named} are part of incident #{joined.number} now: see there")
    batch.note(joined.id, TimelineKind.STATUS, f"Took over the alerts of {named} from incident #{left.number}")
