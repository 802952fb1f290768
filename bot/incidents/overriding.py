"""Somebody takes over from whoever is on call, for a while."""

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.domain.duration import format_duration
from bot.domain.oncall.shift import Override
from bot.errors import Refused
from bot.incidents.permissions import Action, Who, actor_of, require
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import audit
from bot.storage.queries.audit import AuditEntry
from bot.storage.queries.oncall import schedules

LONGEST = timedelta(days=31)


@begun_anew
async def override(
    database: Database, known: Collection[str], schedule: str, person: str, span: timedelta, who: Who, now: datetime
) -> Override:
    """From now on, for so long. ``known`` are the schedules that there are. Raises Refused."""
    require(who, Action.OVERRIDE)
    if schedule not in known:
        raise Refused(f"There is no schedule {schedule}; there are {', '.join(sorted(known)) or 'none'}.")
    if not timedelta(minutes=1) <= span <= LONGEST:
        raise Refused(f"Say for how long, from 1m to {format_duration(LONGEST)}.")
    made = Override(id=0, schedule=schedule, person=person, begins=now, ends=now + span, made_by=actor_of(who).id)
    async with database.write() as connection:
        await schedules.add_override(connection, made)
        details = {"person": person, "until": made.ends.isoformat()}
        entry = AuditEntry(now, actor_of(who).id, "on_call.override", f"schedule {schedule}", details)
        await audit.append(connection, entry)
    return made
