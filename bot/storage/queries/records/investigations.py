"""What was found out about incidents, and how far their threads show it."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.review.investigation import Investigation
from bot.storage.database import chunks, row_of, table_of, upsert
from bot.storage.prepared import any_of, fetch_dicts
from bot.storage.tables.investigation import InvestigationRow
from bot.storage.tables.slack import ChannelMessageRow

_FOUND = table_of(InvestigationRow)
_MESSAGE = table_of(ChannelMessageRow)
_OF_INCIDENTS = select(_FOUND).where(_FOUND.c.incident_id.in_(any_of("ids")))
_SHOWING = ["shown", "channel", "reply", "posting_since"]
"""What the thread's loop writes, and the pipeline leaves as it is."""


async def of_incidents(connection: AsyncConnection, ids: Collection[str]) -> dict[str, Investigation]:
    found: dict[str, Investigation] = {}
    for chunk in chunks(ids):
        rows = await fetch_dicts(connection, _OF_INCIDENTS, {"ids": chunk})
        found |= {row["incident_id"]: msgspec.convert(row, Investigation) for row in rows}
    return found


async def save(connection: AsyncConnection, some: Sequence[Investigation]) -> None:
    rows = [row_of(one) | {"findings": [msgspec.to_builtins(found) for found in one.findings]} for one in some]
    await upsert(connection, _FOUND, rows, keep=_SHOWING)


async def join(connection: AsyncConnection, left: str, joined: str, partition: int, most: int) -> None:
    """What was found out about an incident is known of the one that it became part of, too."""
    known = await of_incidents(connection, [left, joined])
    if left not in known:
        return
    mine = known.get(joined) or Investigation(
        incident_id=joined, partition=partition, at=known[left].at, rounds=0, version=0
    )
    new = [one for one in known[left].findings if one not in mine.findings][: max(most - len(mine.findings), 0)]
    if new:
        together = msgspec.structs.replace(mine, findings=[*mine.findings, *new], version=mine.version + 1)
        await save(connection, [together])


class Unshown(msgspec.Struct, frozen=True):
    """Findings that the thread under ``message`` in ``thread_channel`` does not show yet."""

    investigation: Investigation
    thread_channel: str
    message: str


async def next_unshown(connection: AsyncConnection, channel: str, but: Collection[str] = ()) -> Unshown | None:
    """The oldest in a channel that has the incident's thread."""
    same = and_(_MESSAGE.c.incident_id == _FOUND.c.incident_id, _MESSAGE.c.threaded, _MESSAGE.c.channel == channel)
    rows = await connection.execute(
        select(_FOUND, _MESSAGE.c.channel.label("thread_channel"), _MESSAGE.c.ts.label("message"))
        .join(_MESSAGE, same)
        .where(_FOUND.c.version > _FOUND.c.shown, _MESSAGE.c.ts.is_not(None), _FOUND.c.incident_id.not_in(sorted(but)))
        .order_by(_FOUND.c.at, _FOUND.c.incident_id)
        .limit(1)
    )
    row = rows.mappings().first()
    if row is None:
        return None
    known = dict(row)
    thread, message = known.pop("thread_channel"), known.pop("message")
    return Unshown(msgspec.convert(known, Investigation), thread, message)


async def begin_posting(connection: AsyncConnection, incident_id: str, now: datetime) -> None:
    await connection.execute(update(_FOUND).where(_FOUND.c.incident_id == incident_id).values(posting_since=now))


async def shown(connection: AsyncConnection, one: Investigation, channel: str, reply: str | None) -> None:
    """A version stands in the thread; where it cannot, there is no reply."""
    values = {"shown": one.version, "channel": channel, "reply": reply, "posting_since": None}
    await connection.execute(update(_FOUND).where(_FOUND.c.incident_id == one.incident_id).values(**values))
