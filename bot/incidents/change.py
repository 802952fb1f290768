"""The one way in which a person's deed changes an incident: one transaction, with permission, timeline and audit."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.deed import Done, NotPossible, Rule
from bot.domain.incident import Incident, TimelineEntry
from bot.errors import NotFound, Refused
from bot.incidents import permissions
from bot.incidents.permissions import Action, Who, actor_of
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import audit, incidents
from bot.storage.queries.audit import AuditEntry

UNKNOWN = "This incident is not known here."
Given = Callable[[AsyncConnection, Incident], Awaitable[Rule]]
Then = Callable[[AsyncConnection, Incident, datetime], Awaitable[None]]


async def _nothing_more(connection: AsyncConnection, incident: Incident, now: datetime) -> None:
    """What most deeds bring with them."""


@dataclass(frozen=True)
class Deed:
    """What is done: ``name`` is the action in the audit log, ``action`` the right that it needs.

    ``rule`` is made from what the transaction sees, and ``then`` is what else follows in the same transaction.
    """

    name: str
    action: Action
    rule: Given
    then: Then = _nothing_more
    details: tuple[tuple[str, Any], ...] = ()


def always(rule: Rule) -> Given:
    """A rule that needs to know no more than the incident."""

    async def given(connection: AsyncConnection, incident: Incident) -> Rule:
        return rule

    return given


@begun_anew
async def carry_out(database: Database, incident_id: str, deed: Deed, who: Who, now: datetime) -> Incident:
    """Change the incident; returns it as it is then. Raises Refused, audited, where that cannot be."""
    async with database.write() as connection:
        incident = await incidents.by_id(connection, incident_id, lock=True)
        refused = await _refusal_of(connection, incident, deed, who, now)
        if incident is not None and isinstance(refused, Done):
            return await apply(connection, refused, deed, actor_of(who).id, now)
        assert not isinstance(refused, Done)
        details = {"reason": str(refused)}
        entry = AuditEntry(now, actor_of(who).id, f"{deed.name}.refused", f"incident {incident_id}", details)
        await audit.append(connection, entry)
    raise refused


async def _refusal_of(
    connection: AsyncConnection, incident: Incident | None, deed: Deed, who: Who, now: datetime
) -> Refused | Done:
    """Why it cannot be, or what is to be done."""
    if incident is None or not permissions.knows(who, incident):
        return NotFound(UNKNOWN)
    try:
        permissions.require(who, deed.action, incident)
        permissions.require_seen(who, incident)
    except Refused as refused:
        return refused
    outcome = (await deed.rule(connection, incident))(incident, actor_of(who).id, now)
    return Refused(outcome.why) if isinstance(outcome, NotPossible) else outcome


async def apply(connection: AsyncConnection, done: Done, deed: Deed, user: str, now: datetime) -> Incident:
    """Write it down: the incident, a line of its timeline, and one of the audit log."""
    changed = msgspec.structs.replace(done.incident, changed_at=now, version=done.incident.version + 1)
    await incidents.save(connection, [changed], {})
    await deed.then(connection, changed, now)
    line = TimelineEntry(
        incident_id=changed.id,
        at=now,
        kind=done.kind,
        text=done.text,
        actor=user,
        worse=done.worse,
        broadcast=done.broadcast,
        person=done.person,
        posted=done.posted,
    )
    await incidents.add_to_timeline(connection, [line])
    await audit.append(connection, AuditEntry(now, user, deed.name, f"incident {changed.id}", dict(deed.details)))
    return changed
