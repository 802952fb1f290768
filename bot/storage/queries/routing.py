"""Whom incidents concern: their channels, and what decides which those are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Select, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident, IncidentStatus
from bot.domain.routing.decision import Decision
from bot.domain.routing.mention import Mention, OnCall
from bot.domain.routing.quiet import QuietHours
from bot.storage.database import chunks, table_of, upsert
from bot.storage.prepared import any_of, fetch_dicts
from bot.storage.queries.label_values import ACTIVE, label_column
from bot.storage.tables.core import AlertRow, IncidentRow
from bot.storage.tables.routing import IncidentChannelRow, IncidentRouteRow
from bot.storage.tables.slack import ChannelMessageRow

_INCIDENT = table_of(IncidentRow)
_ALERT = table_of(AlertRow)
_ROUTE = table_of(IncidentRouteRow)
_CHANNEL = table_of(IncidentChannelRow)
_MESSAGE = table_of(ChannelMessageRow)
_OPEN = _INCIDENT.c.status.in_([status.value for status in IncidentStatus if status is not IncidentStatus.RESOLVED])
_PLACES = (
    select(_CHANNEL)
    .where(_CHANNEL.c.incident_id.in_(any_of("ids")))
    .order_by(_CHANNEL.c.position.is_(None), _CHANNEL.c.position, _CHANNEL.c.channel)
)


class Place(NamedTuple):
    """A channel of an incident by its name, and who is mentioned there, but for quiet hours; the incident has left
    one that is not ``current``."""

    channel: str
    mention: tuple[Mention, ...] = ()
    current: bool = True
    quiet: tuple[QuietHours, ...] = ()


class Shared(NamedTuple):
    """What alerts of an incident have in common, and from where they came; ``firing``: they do, or there are none."""

    labels: dict[str, str]
    sources: list[str]
    firing: bool = True


class Wanted(NamedTuple):
    """Which incidents are to be routed: ``new`` ones, or those that have changed since, or that other ``routes`` have
    routed. ``since``: only what has changed from then on; ``after``: those with higher numbers."""

    routes: str
    new: bool
    since: datetime | None
    after: int = 0


async def to_route(connection: AsyncConnection, wanted: Wanted, limit: int) -> list[Incident]:
    """In the order of their numbers. Of those that are over only what no channel shows is new."""
    values = {"after": wanted.after, "routes": wanted.routes, "since": wanted.since, "limit": limit}
    rows = await fetch_dicts(connection, _to_route(wanted.new, lately=wanted.since is not None), values)
    return [msgspec.convert(row, Incident) for row in rows]


@cache
def _to_route(new: bool, lately: bool) -> Select[Any]:
    if new:
        shown = exists().where(_MESSAGE.c.incident_id == _INCIDENT.c.id, _MESSAGE.c.ts.is_not(None))
        chosen = and_(_ROUTE.c.incident_id.is_(None), or_(_OPEN, ~shown))
    else:
        other = and_(_OPEN, _ROUTE.c.routes != bindparam("routes"))
        chosen = or_(_ROUTE.c.version < _INCIDENT.c.version, other)
    query = select(_INCIDENT).outerjoin(_ROUTE, _ROUTE.c.incident_id == _INCIDENT.c.id)
    query = query.where(chosen, _INCIDENT.c.number > bindparam("after"))
    if lately:
        query = query.where(_INCIDENT.c.changed_at >= bindparam("since"))
    return query.order_by(_INCIDENT.c.number).limit(bindparam("limit"))


async def routed(connection: AsyncConnection, incident_ids: Collection[str]) -> dict[str, str]:
    """Which of the incidents were routed before, and by which routes."""
    query = select(_ROUTE.c.incident_id, _ROUTE.c.routes).where(_ROUTE.c.incident_id.in_(list(incident_ids)))
    return {incident_id: routes for incident_id, routes in await connection.execute(query)}


async def shared_of(
    connection: AsyncConnection, incident_ids: Collection[str], labels: Sequence[str], *, active: bool
) -> dict[str, Shared]:
    """For each incident what its alerts share of these labels; with ``active`` those that fire, if any do."""
    columns = [label_column(name, connection.dialect.name) for name in labels]
    counted = [part for one in columns for part in (func.count(one), func.min(one), func.max(one))]
    found: dict[str, list[Any]] = defaultdict(list)
    for chunk in chunks(incident_ids):
        query = select(_ALERT.c.incident_id, _ALERT.c.source, func.count(), *counted)
        query = query.where(_ALERT.c.incident_id.in_(chunk)).group_by(_ALERT.c.incident_id, _ALERT.c.source)
        for incident_id, *row in await connection.execute(query.where(ACTIVE) if active else query):
            found[incident_id].append(row)
    return {incident_id: _shared(rows, labels)._replace(firing=active) for incident_id, rows in found.items()}


def _shared(rows: Iterable[Sequence[Any]], labels: Sequence[str]) -> Shared:
    """What is the same in all rows, each of which is a source's alerts, counted."""
    rows = sorted(rows, key=lambda row: str(row[0]))
    shared: dict[str, str] = {}
    for place, name in enumerate(labels):
        at = 2 + 3 * place
        values = {value for row in rows for value in row[at + 1 : at + 3]}
        if len(values) == 1 and all(row[at] == row[1] for row in rows):
            shared[name] = str(values.pop())
    return Shared(shared, [str(row[0]) for row in rows])


async def save(connection: AsyncConnection, decided: Sequence[tuple[Incident, Decision]]) -> None:
    """The channels that incidents have now; those they had are kept as left. Team and escalation go with them."""
    for chunk in chunks(incident.id for incident, _ in decided):
        await connection.execute(update(_CHANNEL).where(_CHANNEL.c.incident_id.in_(chunk)).values(position=None))
    rows = [
        {
            "incident_id": incident.id,
            "channel": target.channel,
            "position": position,
            "mention": [_written(mention) for mention in target.mention],
            "quiet": [one.model_dump(mode="json", by_alias=True) for one in target.quiet] or None,
        }
        for incident, decision in decided
        for position, target in enumerate(decision.targets)
    ]
    await upsert(connection, _CHANNEL, rows)
    for incident, decision in decided:
        if (incident.team, incident.escalation) != (decision.team, decision.escalation):
            this = update(_INCIDENT).where(_INCIDENT.c.id == incident.id)
            await connection.execute(this.values(team=decision.team, escalation=decision.escalation))


async def note_routed(connection: AsyncConnection, versions: dict[str, int], routes: str) -> None:
    rows = [{"incident_id": id_, "version": version, "routes": routes} for id_, version in versions.items()]
    await upsert(connection, _ROUTE, rows)


async def show_anew(connection: AsyncConnection, incident_id: str) -> int:
    """Every channel shows the incident anew, as what is beside its own row has changed; returns its new version."""
    newer = update(_INCIDENT).where(_INCIDENT.c.id == incident_id).values(version=_INCIDENT.c.version + 1)
    return await connection.scalar(newer.returning(_INCIDENT.c.version)) or 0


async def places_of(connection: AsyncConnection, incident_ids: Collection[str]) -> dict[str, list[Place]]:
    """The channels of incidents, the first with the thread, and after them those that they have left."""
    found: dict[str, list[Place]] = {incident_id: [] for incident_id in incident_ids}
    for chunk in chunks(incident_ids):
        for row in await fetch_dicts(connection, _PLACES, {"ids": chunk}):
            mention = tuple(map(_read, row["mention"]))
            quiet = tuple(map(QuietHours.model_validate, row["quiet"] or ()))
            found[row["incident_id"]].append(Place(row["channel"], mention, row["position"] is not None, quiet))
    return found


async def channels_in_use(connection: AsyncConnection) -> list[str]:
    """The channels that open incidents are shown in, were shown in, or are to be."""
    query = select(_CHANNEL.c.channel).join(_INCIDENT, _INCIDENT.c.id == _CHANNEL.c.incident_id).where(_OPEN)
    return sorted(await connection.scalars(query.distinct()))


def _written(mention: Mention) -> str | dict[str, str]:
    return mention if isinstance(mention, str) else mention.model_dump()


def _read(written: str | dict[str, str]) -> Mention:
    return written if isinstance(written, str) else OnCall.model_validate(written)
