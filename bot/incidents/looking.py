"""Somebody looks at an incident: others see that, and it has no owner all the same."""

from datetime import datetime

from bot.domain.incident import TimelineEntry, TimelineKind
from bot.errors import Refused
from bot.incidents.permissions import Action, Who, actor_of, require
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import incidents
from bot.storage.queries.oncall import schedules


@begun_anew
async def look_at(database: Database, incident_id: str, who: Who, now: datetime) -> str:
    """Note it, once for each person; what they are told. An escalation goes on: only an owner ends it.

    Raises Refused.
    """
    user = actor_of(who).id
    async with database.write() as connection:
        incident = await incidents.by_id(connection, incident_id, lock=True)
        if incident is None:
            raise Refused("This incident is not known here.")
        require(who, Action.LOOK, incident)
        if not incident.open:
            raise Refused(f"Incident #{incident.number} is resolved already.")
        if not await schedules.note_seen(connection, incident.id, user, now):
            return f"It is known that you look at incident #{incident.number}."
        line = TimelineEntry(
            incident_id=incident.id, at=now, kind=TimelineKind.NOTE, text="Is looking at it", actor=user
        )
        await incidents.add_to_timeline(connection, [line])
        await incidents.touch(connection, incident.id, now)
    owner = "" if incident.looked_after_by else " It has no owner yet: acknowledge it to own it."
    return f"Others see that you look at incident #{incident.number}.{owner}"
