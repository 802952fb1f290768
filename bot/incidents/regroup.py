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
from bot.domain.incident import (
    Incident,
    IncidentStatus,
    Tally,
    TimelineEntry,
    TimelineKind,
    ended_in,
    severity_from,
    taken_in,
    title_from,
)
from bot.domain.matcher import Matcher, matches_all
from bot.domain.run import RunStatus
from bot.errors import Refused
from bot.incidents import permissions
from bot.incidents.permissions import Action
from bot.storage.database import Database
from bot.storage.queries import alerts, audit, incidents, learnt_edges, runs
from bot.storage.queries import co_occurrence as companions
from bot.storage.queries import incident_tokens as incident_terms
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.learnt_edges import EdgeKind, LearntEdge
from detectors.correlation import TAUGHT, terms_of

TAUGHT_FOR = timedelta(days=90)
_MOST_TAUGHT = 10


async def merge_by_hand(database: Database, gone_number: int, kept_number: int, user: str, now: datetime) -> Incident:
    """Make one incident part of another; returns the one that goes on. Raises Refused."""
    async with database.write() as connection:
        gone, kept = await _both(connection, gone_number, kept_number)
        for one in (gone, kept):
            permissions.require(user, Action.MERGE, one)
        await _refuse_while_running(connection, gone)
        await alerts.move(connection, gone.id, kept.id)
        await incidents.move_keys(connection, gone.id, kept.id)
        terms = (await incident_terms.of_incidents(connection, [gone.id])).get(gone.id, ())
        await incident_terms.add(connection, {kept.id: terms})
        kept = await _settled(connection, taken_in(kept, gone), now)
        gone = ended_in(gone, kept, now)
        await incidents.save(connection, [gone, kept], {})
        said = {gone.id: f"Became part of incident #{kept.number}", kept.id: f"Took in incident #{gone.number}"}
        await _say(connection, said, user, now)
        edges = [LearntEdge(kept.domain, a, b) for a, b in _pairs(gone.services, kept.services)]
        await learnt_edges.learn(connection, kept.partition, edges, now, TAUGHT_FOR, EdgeKind.BELONGS)
        taught = dict.fromkeys(_pairs(gone.services, kept.services), TAUGHT)
        await companions.learn(connection, kept.partition, kept.domain, taught, now)
        entry = AuditEntry(now, user, "incident.merge", f"incident {kept.id}", {"took_in": gone.id})
        await audit.append(connection, entry)
    return kept


async def split_by_hand(
    database: Database, number: int, matchers: list[Matcher], user: str, now: datetime
) -> tuple[Incident, Incident]:
    """Give the alerts that match an incident of their own; returns the old and the new one. Raises Refused."""
    async with database.write() as connection:
        old = await _open(connection, number)
        permissions.require(user, Action.SPLIT, old)
        await _refuse_while_running(connection, old)
        known = (await alerts.of_incidents(connection, [old.id]))[old.id]
        leaving = [alert for alert in known if matches_all(matchers, alert.labels)]
        if not leaving or len(leaving) == len(known):
            raise Refused(f"{len(leaving)} of {len(known)} alerts match: some must leave, and some must stay.")
        [new_number] = await incidents.take_numbers(connection, 1)
        new = _incident_of(leaving, old, new_number, now)
        await alerts.save(connection, [msgspec.structs.replace(alert, incident_id=new.id) for alert in leaving])
        staying = list(dict.fromkeys(a.service for a in known if a not in leaving and a.service))
        await incidents.split_keys(connection, old.id, new.id, set(new.services) - set(staying))
        old = await _settled(connection, msgspec.structs.replace(old, services=staying), now)
        new = await _settled(connection, new, now)
        await incidents.save(connection, [old, new], {})
        said = {old.id: f"Incident #{new.number} was split off", new.id: f"Split off incident #{old.number}"}
        await _say(connection, said, user, now)
        pairs = _pairs(new.services, staying)
        await learnt_edges.unlearn(connection, old.domain, pairs)
        await companions.set_apart(connection, old.partition, old.domain, pairs, now)
        await incident_terms.add(connection, {new.id: _terms_in(leaving)})
        entry = AuditEntry(now, user, "incident.split", f"incident {old.id}", {"split_off": new.id})
        await audit.append(connection, entry)
    return old, new


async def _open(connection: AsyncConnection, number: int) -> Incident:
    found = await incidents.by_number(connection, number)
    if found is None:
        raise Refused(f"There is no incident #{number}.")
    locked = await incidents.by_id(connection, found.id, lock=True)
    if locked is None or not locked.open:
        raise Refused(f"Incident #{number} is resolved: its grouping stays as it is.")
    return locked


async def _both(connection: AsyncConnection, gone_number: int, kept_number: int) -> tuple[Incident, Incident]:
    if gone_number == kept_number:
        raise Refused("Name two incidents: `/incident merge 12 into 9`.")
    gone, kept = await _open(connection, gone_number), await _open(connection, kept_number)
    if gone.domain != kept.domain:
        raise Refused(f"#{gone_number} and #{kept_number} are of different partitions, whose alerts never meet.")
    return gone, kept


async def _refuse_while_running(connection: AsyncConnection, incident: Incident) -> None:
    for run in (await runs.of_incidents(connection, [incident.id]))[incident.id]:
        if run.status is not RunStatus.PROPOSED and not run.status.ended:
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


async def _settled(connection: AsyncConnection, incident: Incident, now: datetime) -> Incident:
    """Title and severity from the alerts that it holds now; what else is said of it is found with its next alert."""
    tallies: list[Tally] = (await alerts.tallies_of(connection, [incident.id]))[incident.id]
    return msgspec.structs.replace(
        incident,
        title=title_from(tallies),
        severity=severity_from(tallies),
        inhibited=[],
        changed_at=now,
        version=incident.version + 1,
    )


async def _say(connection: AsyncConnection, said: dict[str, str], user: str, now: datetime) -> None:
    entries = [
        TimelineEntry(incident_id=incident_id, at=now, kind=TimelineKind.STATUS, text=text, actor=user)
        for incident_id, text in said.items()
    ]
    await incidents.add_to_timeline(connection, entries)


def _terms_in(leaving: Iterable[Alert]) -> set[int]:
    return {term for alert in leaving for term in terms_of(alert.service, alert.labels, alert.annotations.values())}


def _pairs(some: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
    """Each of some with each of others, in both directions; of the first few of each."""
    ahead = list(product(list(some)[:_MOST_TAUGHT], list(others)[:_MOST_TAUGHT]))
    return [pair for a, b in ahead if a != b for pair in ((a, b), (b, a))]
