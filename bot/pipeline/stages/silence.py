"""Stage: alerts that a silence or a maintenance window covers are recorded, but look for no incident."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.silence import Silence
from bot.pipeline.batch import Batch
from bot.pipeline.stage import stage
from bot.storage.queries import silences


@stage(reads={"observed", "alerts"}, writes={"observed", "alerts"}, after={"learn_topology"})
async def silence(batch: Batch, connection: AsyncConnection) -> None:
    began = {observation.identity for observation in batch.began_to_fire()}
    if not began:
        return
    in_force = [s for s in await silences.not_ended(connection, batch.now) if s.starts_at <= batch.now]
    in_force += await _open_windows(batch, {s.id for s in in_force}, connection)
    held: set[str] = set()
    for identity in began if in_force else ():
        alert = batch.alerts[identity]
        covering = next((s for s in in_force if s.covers(alert.labels, batch.now)), None)
        if covering:
            # In an episode of its own: the one before keeps its place in its incident, as it ended.
            episode = alert.episode + 1 if alert.incident_id else alert.episode
            batch.alerts[identity] = msgspec.structs.replace(
                alert, episode=episode, incident_id=None, silence_id=covering.id
            )
            held.add(identity)
    if held:
        batch.observed = [observation for observation in batch.observed if observation.identity not in held]


async def _open_windows(batch: Batch, known: set[str], connection: AsyncConnection) -> list[Silence]:
    """The maintenance windows that are open now and not yet written down; as silences they end by themselves."""
    found = [window.silence_at(name, batch.now) for name, window in batch.rules.maintenance.items()]
    opened = [silence for silence in found if silence is not None and silence.id not in known]
    await silences.add_missing(connection, opened)
    return opened
