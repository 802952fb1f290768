"""Stage: what fires on a host that is down is folded in its incident, until the host is up again."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, TimelineKind
from bot.domain.inhibition import Folded, hosts_in, in_words, inhibited, is_down, says_down
from bot.pipeline.batch import Batch
from bot.pipeline.stage import stage
from bot.storage.queries import alerts, learnt_edges


@stage(
    reads={"touched", "merged", "incidents", "tallies"},
    writes={"incidents", "timeline"},
    after={"learn_around_incidents"},
)
async def inhibit(batch: Batch, connection: AsyncConnection) -> None:
    touched = batch.touched_incidents()
    named = {t.name for one in touched for t in batch.tallies[one.id] if t.active and says_down(t.name)}
    down = await _hosts_down([one.id for one in touched], named, connection)
    for before in touched:
        found = await _folded(batch, before, down.get(before.id, {}), connection)
        if found or before.inhibited:
            _note_hosts(batch, before, found, down.get(before.id, {}).keys())
            batch.incidents[before.id] = msgspec.structs.replace(before, inhibited=found)


async def _hosts_down(
    incident_ids: list[str], names: set[str], connection: AsyncConnection
) -> dict[str, dict[str, datetime]]:
    """By incident the hosts that are down, each with the moment since when."""
    found: dict[str, dict[str, datetime]] = {}
    for incident_id, placed in await alerts.placed_with_names(connection, incident_ids, names) if names else ():
        if is_down(placed):
            hosts = found.setdefault(incident_id, {})
            hosts[placed.host] = min(placed.first_at, hosts.get(placed.host, placed.first_at))
    return found


async def _folded(
    batch: Batch, incident: Incident, down: Mapping[str, datetime], connection: AsyncConnection
) -> list[Folded]:
    if not down:
        return []
    placed = await alerts.placed_on(connection, incident.id, [*down, ""])
    nowhere = {kind.service for kind in placed if not kind.host}
    runs_on = await _runs_on(batch, incident, nowhere, down.keys(), connection)
    return inhibited(placed, down, runs_on)


async def _runs_on(
    batch: Batch, incident: Incident, services: set[str], down: Iterable[str], connection: AsyncConnection
) -> dict[str, set[str]]:
    """The hosts of services: where alerts have placed them, and those of the hosts that tandem.yaml names."""
    learnt = await learnt_edges.hosts_of(connection, incident.domain, services, batch.now)
    described = batch.rules.depends_on
    return {one: learnt.get(one, set()) | set(down).intersection(described.get(one, ())) for one in services}


def _note_hosts(batch: Batch, incident: Incident, found: list[Folded], down: Iterable[str]) -> None:
    """Note in the timeline when a host begins to explain what fires on it, and when it ends to."""
    before = hosts_in(incident.inhibited)
    if begun := set(hosts_in(found)).difference(before):
        consequence = in_words([kind for kind in found if kind.host in begun])
        batch.note(incident.id, TimelineKind.NOTE, f"{consequence}: the message shows them in one line")
    ended = [host for host in before if host not in set(down)]
    if ended and incident.open:
        are = "is no longer down" if len(ended) == 1 else "are no longer down"
        batch.note(incident.id, TimelineKind.NOTE, f"{', '.join(ended)} {are}: what still fires there is shown again")
