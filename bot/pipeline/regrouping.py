"""Late evidence regroups: it moves a service's alerts to another incident, or makes two incidents one."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, TimelineKind, with_all_of, with_services_of
from bot.incidents.description import ended_in
from bot.incidents.offers import under_way
from bot.incidents.rehome import Lines, Part, lines_of_merge, lines_of_move, rehome
from bot.pipeline.batch import Batch
from bot.storage.queries.incidents import Key
from detectors.correlation import Move


async def regroup(batch: Batch, moved: Sequence[Move], merged: Mapping[str, str], connection: AsyncConnection) -> None:
    """Move services between incidents, then merge incidents, given as the one that ends to the one that goes on.

    Nothing leaves an incident in which a run is under way: its verification watches its alerts.
    """
    leaving = merged.keys() | {move.left for move in moved}
    staying = {run.incident_id for run in await under_way(connection, leaving)}
    services: dict[tuple[str, str], list[str]] = {}
    for service, left, joined in moved:
        if left not in staying and joined in batch.incidents:
            services.setdefault((left, joined), []).append(service)
    for (left, joined), some in services.items():
        await _move(batch, batch.incidents[left], batch.incidents[joined], some, connection)
    for gone, kept in merged.items():
        if gone not in staying:
            await _merge(batch, batch.incidents[gone], batch.incidents[kept], connection)


async def _move(
    batch: Batch, left: Incident, joined: Incident, services: Sequence[str], connection: AsyncConnection
) -> None:
    await _rehome(batch, left, joined, connection, Part(services))
    batch.incidents[joined.id], batch.incidents[left.id] = with_services_of(joined, left, services)
    _note(batch, lines_of_move(left, joined, services))


async def _merge(batch: Batch, gone: Incident, kept: Incident, connection: AsyncConnection) -> None:
    await _rehome(batch, gone, kept, connection)
    batch.incidents[kept.id] = with_all_of(kept, gone)
    batch.incidents[gone.id] = ended_in(gone, kept, batch.now)
    batch.merged[gone.id] = kept.id
    _note(batch, lines_of_merge(gone, kept, ": they have one cause"))


async def _rehome(
    batch: Batch, left: Incident, joined: Incident, connection: AsyncConnection, part: Part | None = None
) -> None:
    """In storage and in the batch, which holds alerts and keys that are not written yet."""
    await rehome(connection, left, joined, part)
    for identity, alert in batch.alerts.items():
        if alert.incident_id == left.id and (part is None or alert.service in part.services):
            batch.alerts[identity] = msgspec.structs.replace(alert, incident_id=joined.id)
    seen = batch.last_seen.get(left.id, {})
    for key in [key for key in seen if part is None or _is_of(key, part)]:
        batch.changed_keys.get(left.id, {}).pop(key, None)
        batch.note_seen(joined.id, key, *seen.pop(key))
    batch.touched |= {left.id, joined.id}


def _is_of(key: Key, part: Part) -> bool:
    _, kind, value = key
    return (kind == "service" and value in part.services) or (
        kind == "namespace" and value.partition("/")[2] in part.services
    )


def _note(batch: Batch, lines: Lines) -> None:
    for incident_id, text in lines.items():
        batch.note(incident_id, TimelineKind.STATUS, text)
