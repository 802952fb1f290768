"""Incidents that people open by hand. Each is one transaction, audited."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from bot.domain.deed import MOST_TITLE
from bot.domain.event import bounded, domain_of, partition_of
from bot.domain.incident import Incident, IncidentStatus, TimelineEntry, TimelineKind
from bot.domain.rules import Rules
from bot.domain.severity import Severity
from bot.errors import NotFound, Refused
from bot.incidents import permissions
from bot.incidents.description import described
from bot.incidents.lifecycle import keys_of
from bot.incidents.permissions import Action, Who, actor_of
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import alerts, audit, incidents
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.deeds import anew
from detectors.topology import Topology

USUAL = Severity.HIGH
"""Of what somebody opens by hand without a severity: others are to look at it."""


_MOST_DOMAINS = 10


@dataclass(frozen=True)
class Declaration:
    """``labels`` are those of ``correlation.partition_by``: only alerts that have them can become part of it."""

    title: str
    service: str = ""
    severity: Severity | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@begun_anew
async def declare(database: Database, wish: Declaration, rules: Rules, who: Who, now: datetime) -> Incident:
    """Open an incident. Alerts of its service become part of it, and a person ends it. Raises Refused.

    Where no label says so, it is of the domain of what its service alerts in.
    """
    domain = domain_of(wish.labels, rules.correlation.partition_by)
    if wish.service and not any(wish.labels.values()):
        domain = await _domain_of(database, wish.service, rules, domain, actor_of(who).domains)
    elif not any(wish.labels.values()):
        domain = _sole(actor_of(who).domains) or domain
    incident = _declared(wish, domain, rules.partitions, actor_of(who).id, now)
    if not permissions.knows(who, incident):
        raise NotFound("This is a domain that is not known here.")
    permissions.require(who, Action.DECLARE, incident.services)
    async with database.write() as connection:
        [number] = await incidents.take_numbers(connection, 1)
        incident = msgspec.structs.replace(incident, number=number)
        await incidents.save(connection, [incident], {incident.id: keys_of(incident, now)})
        await incidents.add_to_timeline(connection, [_line(incident, now)])
        await anew.ask(connection, incident.id, incident.partition)
        details = {"title": incident.title, "services": incident.services, "severity": incident.severity}
        entry = AuditEntry(now, actor_of(who).id, "incident.declared", f"incident {incident.id}", details)
        await audit.append(connection, entry)
    return incident


def _sole(domains: Collection[str] | None) -> str:
    """The only one that somebody knows of, or nothing."""
    return next(iter(domains)) if domains and len(domains) == 1 else ""


async def _domain_of(database: Database, service: str, rules: Rules, usual: str, theirs: Collection[str] | None) -> str:
    """The one in which the service has alerted. Raises Refused where there are several."""
    async with database.read() as connection:
        found = await alerts.domains_of_service(connection, service, _MOST_DOMAINS)
    if theirs is not None:
        found, usual = [domain for domain in found if domain in theirs], _sole(theirs) or usual
    if len(found) > 1 and usual not in found:
        label = rules.correlation.partition_by[0]
        named = ", ".join(found)
        raise Refused(f"{service} has alerted in {named}: say which, as in {label}={found[0]}. Nothing was opened.")
    return found[0] if len(found) == 1 else usual


def _declared(wish: Declaration, domain: str, partitions: int, user: str, now: datetime) -> Incident:
    title = " ".join(wish.title.split())
    if not title:
        raise Refused("Say what is wrong, in a few words.")
    if len(title) > MOST_TITLE:
        raise Refused(f"The title has {len(title)} characters, and may have {MOST_TITLE}: nothing was opened.")
    incident = Incident(
        id=uuid.uuid4().hex,
        number=0,
        domain=domain,
        partition=partition_of(domain, partitions),
        status=IncidentStatus.TRIGGERED,
        severity=wish.severity or USUAL,
        severity_by=user if wish.severity else None,
        services=[bounded(wish.service)] if wish.service else [],
        opened_at=now,
        created_at=now,
        active_at=now,
        changed_at=now,
        kept_open_by=user,
        declared_as=title,
    )
    return described(incident, [], Topology({}))


def _line(incident: Incident, now: datetime) -> TimelineEntry:
    where = f" on {incident.services[0]}" if incident.services else ""
    text = f"Opened by hand{where}: {incident.title}"
    return TimelineEntry(
        incident_id=incident.id, at=now, kind=TimelineKind.OPENED, text=text, actor=incident.kept_open_by
    )
