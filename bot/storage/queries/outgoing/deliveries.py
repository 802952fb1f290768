"""Outgoing events: how far each receiver is in the feed, what it has not taken yet, and what was given up."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import case, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.outgoing.event import EventState, OutgoingEvent
from bot.storage.database import insert_missing, row_of, table_of
from bot.storage.tables.outgoing import OutgoingCursorRow, OutgoingEventRow

_CURSOR = table_of(OutgoingCursorRow)
_EVENT = table_of(OutgoingEventRow)


class Standing(NamedTuple):
    """Where a receiver stands."""

    receiver: str
    shown: str
    position: int
    waiting: int
    dead: int


async def position_of(connection: AsyncConnection, receiver: str) -> int | None:
    position: int | None = await connection.scalar(select(_CURSOR.c.position).where(_CURSOR.c.receiver == receiver))
    return position


async def begin(connection: AsyncConnection, receiver: str, shown: str, position: int) -> None:
    row = {"receiver": receiver, "shown": shown, "position": position}
    await insert_missing(connection, _CURSOR, [row])


async def add(connection: AsyncConnection, receiver: str, events: Sequence[OutgoingEvent], position: int) -> None:
    """Write down what the feed holds up to a position."""
    rows = [{name: value for name, value in row_of(event).items() if name != "id"} for event in events]
    if rows:
        await connection.execute(_EVENT.insert(), rows)
    await connection.execute(update(_CURSOR).where(_CURSOR.c.receiver == receiver).values(position=position))


async def waiting(connection: AsyncConnection, receiver: str) -> int:
    query = select(func.count()).where(_EVENT.c.receiver == receiver, _EVENT.c.state == EventState.WAITING.value)
    return await connection.scalar(query) or 0


async def due(connection: AsyncConnection, receiver: str, now: datetime, limit: int) -> list[OutgoingEvent]:
    """The first event of each incident that waits, where it is time for it."""
    before = _EVENT.alias()
    is_first = ~exists().where(
        before.c.receiver == _EVENT.c.receiver,
        before.c.incident_id == _EVENT.c.incident_id,
        before.c.state == EventState.WAITING.value,
        before.c.position < _EVENT.c.position,
    )
    query = (
        select(_EVENT)
        .where(_EVENT.c.receiver == receiver, _EVENT.c.state == EventState.WAITING.value)
        .where(_EVENT.c.next_at <= now, is_first)
        .order_by(_EVENT.c.next_at, _EVENT.c.position)
        .limit(limit)
    )
    return [_event(row) for row in (await connection.execute(query)).mappings()]


async def taken(connection: AsyncConnection, event: OutgoingEvent) -> None:
    await connection.execute(delete(_EVENT).where(_EVENT.c.id == event.id))


async def save(connection: AsyncConnection, event: OutgoingEvent) -> None:
    """What became of an attempt that failed."""
    row = row_of(event)
    values = {name: row[name] for name in ("state", "attempts", "next_at", "reason")}
    await connection.execute(update(_EVENT).where(_EVENT.c.id == event.id).values(values))


async def forget(connection: AsyncConnection, receiver: str, before: datetime) -> None:
    """Those that were given up so long ago are gone."""
    given_up = (_EVENT.c.receiver == receiver, _EVENT.c.state == EventState.DEAD.value)
    await connection.execute(delete(_EVENT).where(*given_up, _EVENT.c.next_at < before))


async def standings(connection: AsyncConnection) -> list[Standing]:
    counted = {
        (receiver, state): count
        for receiver, state, count in await connection.execute(
            select(_EVENT.c.receiver, _EVENT.c.state, func.count()).group_by(_EVENT.c.receiver, _EVENT.c.state)
        )
    }
    cursors = await connection.execute(select(_CURSOR).order_by(_CURSOR.c.shown, _CURSOR.c.receiver))
    return [
        Standing(
            row["receiver"],
            row["shown"],
            row["position"],
            counted.get((row["receiver"], EventState.WAITING.value), 0),
            counted.get((row["receiver"], EventState.DEAD.value), 0),
        )
        for row in cursors.mappings()
    ]


async def failing(connection: AsyncConnection, limit: int) -> list[OutgoingEvent]:
    """What was given up, and what was tried in vain and is tried again; the oldest first."""
    tried = (_EVENT.c.state == EventState.DEAD.value) | (_EVENT.c.attempts > 0)
    query = select(_EVENT).where(tried).order_by(_EVENT.c.state, _EVENT.c.id).limit(limit)
    return [_event(row) for row in (await connection.execute(query)).mappings()]


async def worst(connection: AsyncConnection, receiver: str) -> OutgoingEvent | None:
    """What was given up last, else what was tried in vain most often."""
    tried = (_EVENT.c.receiver == receiver, (_EVENT.c.state == EventState.DEAD.value) | (_EVENT.c.attempts > 0))
    given_up_first = case((_EVENT.c.state == EventState.DEAD.value, 0), else_=1)
    query = select(_EVENT).where(*tried).order_by(given_up_first, _EVENT.c.attempts.desc(), _EVENT.c.id.desc()).limit(1)
    row = (await connection.execute(query)).mappings().first()
    return _event(row) if row else None


async def replay(connection: AsyncConnection, now: datetime, ids: Collection[int] | None = None) -> int:
    """Try anew what was given up: all of it, or those of these ids. How many they are."""
    values = {"state": EventState.WAITING.value, "attempts": 0, "began_at": now, "next_at": now}
    query = update(_EVENT).where(_EVENT.c.state == EventState.DEAD.value).values(values)
    if ids is not None:
        query = query.where(_EVENT.c.id.in_(ids))
    return (await connection.execute(query)).rowcount


def _event(row: object) -> OutgoingEvent:
    return msgspec.convert(dict(row), OutgoingEvent)  # type: ignore[call-overload]
