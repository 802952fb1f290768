"""“Not useful”, people's feedback on alerts that watches raised. Each is one transaction, audited."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, TimelineEntry, TimelineKind
from bot.domain.watched.sensitivity import MOST, Sensitivity, WatchGroup, lowered, rate_in_words, watch_group_of
from bot.domain.watched.telemetry import Watched
from bot.errors import Refused
from bot.incidents import permissions
from bot.incidents.permissions import Action, Who, actor_of
from bot.storage.collisions import begun_anew
from bot.storage.database import Database
from bot.storage.queries import alerts, audit, incidents, sensitivity
from bot.storage.queries.audit import AuditEntry


@begun_anew
async def not_useful(
    database: Database, watched: Mapping[str, Watched], incident_id: str, identity: str, who: Who, now: datetime
) -> Sensitivity:
    """Make the group of a watch whose alert this was alert half as often. Raises Refused.

    An incident counts once for a group: a second click on its button, which it may still show, changes nothing.
    """
    user = actor_of(who).id
    async with database.write() as connection:
        incident, group = await _incident_and_group(connection, incident_id, identity)
        permissions.require(who, Action.RATE, incident)
        if group.watch not in watched:
            raise Refused(f"The watch {group.watch} is not in tandem.yaml any more.")
        known = (await sensitivity.of_groups(connection, [group])).get(group)
        known = known or Sensitivity(**group._asdict(), changed_at=now, changed_by=user)
        if known.incident_id == incident_id:
            raise Refused(f"That was said of incident #{incident.number} already: {_undo(group)}.")
        if known.factor >= MOST:
            raise Refused(f"This group is {MOST:g} times as quiet as configured already: better change its watch.")
        changed = lowered(known, incident_id, user, now)
        await sensitivity.save(connection, changed)
        await _note(connection, incident, _in_words(known, changed, watched[group.watch]), user, now)
        entry = AuditEntry(now, user, "alert.not_useful", f"watch {group.watch}", _details(changed))
        await audit.append(connection, entry)
    return changed


@begun_anew
async def undo(database: Database, name: str, who: Who, now: datetime) -> list[WatchGroup]:
    """Let the group of that name, or all groups of the watch of that name, be as sensitive as configured."""
    permissions.require(who, Action.RATE)
    user = actor_of(who).id
    async with database.write() as connection:
        found = [one for one in await sensitivity.changed(connection) if name in (one.of.name, one.watch)]
        for one in found:
            await sensitivity.undo(connection, one.of)
            entry = AuditEntry(now, user, "alert.not_useful.undo", f"watch {one.watch}", _details(one))
            await audit.append(connection, entry)
    if not found:
        raise Refused("Nobody made a group or watch of that name less sensitive: `/incident noise` lists them.")
    return [one.of for one in found]


async def _incident_and_group(
    connection: AsyncConnection, incident_id: str, identity: str
) -> tuple[Incident, WatchGroup]:
    incident = await incidents.by_id(connection, incident_id, lock=True)
    alert = (await alerts.current_by_identity(connection, [identity])).get(identity)
    group = watch_group_of(alert) if alert else None
    if incident is None or group is None:
        raise Refused("This alert is not known here.")
    return incident, group


def _in_words(before: Sensitivity, after: Sensitivity, watched: Watched) -> str:
    rate = rate_in_words(watched.one_false_alarm_in, after.factor)
    instead = rate_in_words(watched.one_false_alarm_in, before.factor).removeprefix("one false alarm in ")
    return f"Not useful: {after.group} will alert half as often, {rate} instead of {instead}; {_undo(after.of)}"


def _undo(group: WatchGroup) -> str:
    return f"undo with /incident noise undo {group.name}"


async def _note(connection: AsyncConnection, incident: Incident, text: str, user: str, now: datetime) -> None:
    line = TimelineEntry(incident_id=incident.id, at=now, kind=TimelineKind.NOTE, text=text, actor=user)
    await incidents.add_to_timeline(connection, [line])
    await incidents.touch(connection, incident.id, now)


def _details(one: Sensitivity) -> dict[str, object]:
    return {"domain": one.domain, "group": one.group, "factor": one.factor, "incident": one.incident_id}
