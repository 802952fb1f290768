"""What people do to the grouping: merge two incidents, split one. Each is one transaction, audited, and teaches.

A merge teaches that the services of the two belong together; a split forgets what was taught of that.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import product

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.alert import Alert
from bot.domain.incident import Incident, IncidentStatus, TimelineEntry, TimelineKind, judged, with_all_of
from bot.domain.matcher import Matcher, matches_all
from bot.errors import Refused
from bot.inbox import offsets
from bot.incidents import permissions
from bot.incidents.description import described, ended_in
from bot.incidents.offers import under_way, withdraw_offers
from bot.incidents.permissions import Action, Who, actor_of
from bot.incidents.rehome import Lines, Part, lines_of_merge, lines_of_split, rehome
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import alerts, audit, co_occurrence, incidents, learnt_edges
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.deeds import anew
from bot.storage.queries.learnt_edges import EdgeKind, LearntEdge
from detectors.correlation import TAUGHT
from detectors.topology import Topology

TAUGHT_FOR = timedelta(days=90)
_MOST_TAUGHT = 10


@begun_anew
async def merge_by_hand(database: Database, gone_number: int, kept_number: int, who: Who, now: datetime) -> Incident:
    """Make one incident part of another; returns the one that goes on. Raises Refused."""
    user = actor_of(who).id
    async with database.write() as connection:
        gone, kept = await _both(connection, gone_number, kept_number)
        for one in (gone, kept):
            permissions.require(who, Action.MERGE, one)
        permissions.require_seen(who, gone)
        await _refuse_while_running(connection, gone)
        await rehome(connection, gone, kept)
        await withdraw_offers(connection, gone.id, now)
        kept = await _recounted(connection, with_all_of(kept, gone), now)
        gone = ended_in(gone, kept, now)
        await incidents.save(connection, [gone, kept], {})
        await _note(connection, lines_of_merge(gone, kept), user, now)
        edges = [LearntEdge(kept.domain, a, b) for a, b in _pairs(gone.services, kept.services)]
        await learnt_edges.learn(connection, kept.partition, edges, now, TAUGHT_FOR, EdgeKind.BELONGS)
        taught = dict.fromkeys(_pairs(gone.services, kept.services), TAUGHT)
        await co_occurrence.learn(connection, kept.partition, kept.domain, taught, now)
        entry = AuditEntry(now, user, "incident.merge", f"incident {kept.id}", {"took_in": gone.id})
        await audit.append(connection, entry)
    return kept


@begun_anew
async def split_by_hand(
    database: Database, number: int, matchers: list[Matcher], who: Who, now: datetime
) -> tuple[Incident, Incident]:
    """Give the alerts that match an incident of their own; returns the old and the new one. Raises Refused."""
    user = actor_of(who).id
    async with database.write() as connection:
        [old] = await _open(connection, number)
        permissions.require(who, Action.SPLIT, old)
        permissions.require_seen(who, old)
        await _refuse_while_running(connection, old)
        known = (await alerts.of_incidents(connection, [old.id]))[old.id]
        leaving = [alert for alert in known if matches_all(matchers, alert.labels)]
        if not leaving or len(leaving) == len(known):
            raise Refused(f"{len(leaving)} of {len(known)} alerts match: some must leave, and some must stay.")
        [new_number] = await incidents.take_numbers(connection, 1)
        new = _incident_of(leaving, old, new_number, now)
        staying = list(dict.fromkeys(a.service for a in known if a not in leaving and a.service))
        await rehome(connection, old, new, Part(set(new.services) - set(staying), leaving))
        old = await _recounted(connection, msgspec.structs.replace(old, services=staying), now)
        new = await _recounted(connection, new, now)
        await incidents.save(connection, [old, new], {})
        await _note(connection, lines_of_split(old, new), user, now)
        pairs = _pairs(new.services, staying)
        await learnt_edges.unlearn(connection, old.domain, pairs)
        await co_occurrence.set_apart(connection, old.partition, old.domain, pairs, now)
        entry = AuditEntry(now, user, "incident.split", f"incident {old.id}", {"split_off": new.id})
        await audit.append(connection, entry)
    return old, new


async def _open(connection: AsyncConnection, *numbers: int) -> list[Incident]:
    """The open incidents of these numbers, which stay as they are until the transaction ends. Raises Refused.

    Locks are taken in the order of the pipeline: first the partitions, then the incidents by id. So two who merge the
    same incidents both ways wait for each other, and the pipeline for them, and nobody in a circle.
    """
    found = {number: await incidents.by_number(connection, number) for number in numbers}
    for number, incident in found.items():
        if incident is None:
            raise Refused(f"There is no incident #{number}.")
    known = {number: incident for number, incident in found.items() if incident}
    for partition in sorted({incident.partition for incident in known.values()}):
        await offsets.lock(connection, partition)
    locked = await incidents.by_ids(connection, [incident.id for incident in known.values()], lock=True)
    opened = [locked.get(known[number].id) for number in numbers]
    for number, incident in zip(numbers, opened, strict=True):
        if incident is None or not incident.open:
            raise Refused(f"Incident #{number} is resolved: its grouping stays as it is.")
    return [incident for incident in opened if incident]


async def _both(connection: AsyncConnection, gone_number: int, kept_number: int) -> tuple[Incident, Incident]:
    if gone_number == kept_number:
        raise Refused("Name two incidents: `/incident merge 12 into 9`.")
    gone, kept = await _open(connection, gone_number, kept_number)
    if gone.domain != kept.domain:
        raise Refused(f"#{gone_number} and #{kept_number} are of different partitions, whose alerts never meet.")
    return gone, kept


async def _refuse_while_running(connection: AsyncConnection, incident: Incident) -> None:
    for run in await under_way(connection, [incident.id]):
        raise Refused(f"“{run.plan.title}” is {run.status} in #{incident.number}: wait until it has ended.")


def _incident_of(leaving: Sequence[Alert], old: Incident, number: int, now: datetime) -> Incident:
    groups = {alert.group for alert in leaving if alert.group}
    return Incident(
        id=uuid.uuid4().hex,
        number=number,
        domain=old.domain,
        partition=old.partition,
        status=IncidentStatus.TRIGGERED,
        severity=old.severity,
        services=list(dict.fromkeys(alert.service for alert in leaving if alert.service)),
        groups=dict.fromkeys(groups, 0),
        opened_at=min(alert.starts_at for alert in leaving),
        active_at=old.active_at,
        changed_at=now,
    )


async def _recounted(connection: AsyncConnection, incident: Incident, now: datetime) -> Incident:
    """Severity, title and summary from the alerts that it holds now, with the causes that are still among them.

    The pipeline looks for the cause anew, with all it knows, within a tick.
    """
    await anew.ask(connection, incident.id, incident.partition)
    tallies = (await alerts.tallies_of(connection, [incident.id]))[incident.id]
    changed = msgspec.structs.replace(
        judged(incident, tallies),
        causes=[cause for cause in incident.causes if cause.service in incident.services],
        inhibited=[],
        changed_at=now,
        version=incident.version + 1,
    )
    return described(changed, tallies, Topology({}))


async def _note(connection: AsyncConnection, lines: Lines, user: str, now: datetime) -> None:
    entries = [
        TimelineEntry(incident_id=incident_id, at=now, kind=TimelineKind.STATUS, text=text, actor=user)
        for incident_id, text in lines.items()
    ]
    await incidents.add_to_timeline(connection, entries)


def _pairs(some: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
    """Each of some with each of others, in both directions; of the first few of each."""
    ahead = list(product(list(some)[:_MOST_TAUGHT], list(others)[:_MOST_TAUGHT]))
    return [pair for a, b in ahead if a != b for pair in ((a, b), (b, a))]
