"""The calls that escalations make: each is written with the step that wants it, and made afterwards."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.oncall.page import PAGERS, Act, CallState, Page, Way
from bot.storage.database import chunks, row_of, table_of
from bot.storage.tables.oncall import EscalationCallRow

_CALL = table_of(EscalationCallRow)
_URGENT = (Act.TRIGGER.value, Act.REMIND.value)


def _page(row: Any) -> Page:
    return msgspec.convert(dict(row), Page)


async def add(connection: AsyncConnection, pages: Sequence[Page]) -> None:
    """Write them down; one that is there already stays as it is. Their ids are given by the database."""
    rows = [{name: value for name, value in row_of(page).items() if name != "id"} for page in pages]
    if not rows:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    await connection.execute(make(_CALL).on_conflict_do_nothing(), rows)


async def next_wanted(connection: AsyncConnection, way: Way, now: datetime, limit: int) -> list[Page]:
    query = select(_CALL).where(_CALL.c.state == CallState.WANTED.value, _CALL.c.way == way.value)
    rows = await connection.execute(
        query.where(_CALL.c.next_at <= now).order_by(_CALL.c.next_at, _CALL.c.id).limit(limit)
    )
    return [_page(row) for row in rows.mappings()]


async def begin(connection: AsyncConnection, page: Page, now: datetime) -> bool:
    """Note that a call is being made; False where it is not wanted any more."""
    values = {"sending_since": page.sending_since or now, "attempts": page.attempts + 1}
    wanted = update(_CALL).where(_CALL.c.id == page.id, _CALL.c.state == CallState.WANTED.value).values(values)
    return (await connection.execute(wanted)).rowcount == 1


async def end(connection: AsyncConnection, page: Page, state: CallState, reason: str = "") -> bool:
    """What became of a call; False where it was superseded meanwhile."""
    wanted = update(_CALL).where(_CALL.c.id == page.id, _CALL.c.state == CallState.WANTED.value)
    return (await connection.execute(wanted.values(state=state.value, reason=reason))).rowcount == 1


async def again(connection: AsyncConnection, page: Page, at: datetime, reason: str, *, in_doubt: bool) -> None:
    """Try it again later. Unless ``in_doubt``, it is known that the attempt had no effect."""
    values: dict[str, Any] = {"next_at": at, "reason": reason}
    if not in_doubt:
        values["sending_since"] = None
    await connection.execute(update(_CALL).where(_CALL.c.id == page.id).values(values))


async def supersede(connection: AsyncConnection, incident_ids: Collection[str], ways: Collection[Way]) -> None:
    """By these ways nobody is to be called any more by what was wanted until now."""
    for chunk in chunks(incident_ids):
        stale = (_CALL.c.incident_id.in_(chunk), _CALL.c.state == CallState.WANTED.value, _CALL.c.act.in_(_URGENT))
        of_ways = _CALL.c.way.in_([way.value for way in ways])
        await connection.execute(update(_CALL).where(*stale, of_ways).values(state=CallState.SUPERSEDED.value))


async def called(connection: AsyncConnection, incident_ids: Collection[str]) -> list[Page]:
    """The calls to other systems that were made, or may have been, for these incidents; the oldest first."""
    ways = [way.value for way in PAGERS]
    found: list[Page] = []
    for chunk in chunks(incident_ids):
        made = (_CALL.c.way.in_(ways), _CALL.c.act == Act.TRIGGER.value, _CALL.c.attempts > 0)
        query = select(_CALL).where(_CALL.c.incident_id.in_(chunk), *made).order_by(_CALL.c.id)
        found += [_page(row) for row in (await connection.execute(query)).mappings()]
    return found


async def of_step(connection: AsyncConnection, page: Page) -> list[Page]:
    """All calls of the same step, whatever became of them."""
    same = [_CALL.c[name] == getattr(page, name) for name in ("incident_id", "cycle", "round", "step")]
    rows = await connection.execute(select(_CALL).where(*same, _CALL.c.act == Act.TRIGGER.value))
    return [_page(row) for row in rows.mappings()]


async def of_incident(connection: AsyncConnection, incident_id: str) -> list[Page]:
    rows = await connection.execute(select(_CALL).where(_CALL.c.incident_id == incident_id).order_by(_CALL.c.id))
    return [_page(row) for row in rows.mappings()]


async def last_refused(connection: AsyncConnection, since: datetime, limit: int) -> list[Page]:
    """What reached nobody lately, the newest first."""
    refused = (_CALL.c.state == CallState.REFUSED.value, _CALL.c.made_at >= since)
    rows = await connection.execute(select(_CALL).where(*refused).order_by(_CALL.c.id.desc()).limit(limit))
    return [_page(row) for row in rows.mappings()]


async def forget(connection: AsyncConnection, before: datetime) -> None:
    await connection.execute(delete(_CALL).where(_CALL.c.made_at < before, _CALL.c.state != CallState.WANTED.value))
