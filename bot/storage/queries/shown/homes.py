"""Whose page is open: who looked at theirs when, at which part of it, and what it shows."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of
from bot.storage.tables.slack import HomeRow

_HOME = table_of(HomeRow)
_KEPT = timedelta(days=30)


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """See ``HomeRow``."""

    person: str
    opened_at: datetime
    page: int = 1
    asked: int = 1
    answered: int = 0
    digest: str = ""

    @property
    def is_asked_for(self) -> bool:
        """Whether the person waits for it: it is shown whatever it shows already."""
        return self.asked > self.answered


async def ask(connection: AsyncConnection, person: str, now: datetime, page: int | None = None) -> None:
    """Somebody opened their page, turned it to another part, or did something there; None keeps the part."""
    insert = postgresql.insert(_HOME) if connection.dialect.name == "postgresql" else sqlite.insert(_HOME)
    row = {"person": person, "opened_at": now, "page": page or 1, "asked": 1, "answered": 0, "digest": ""}
    changed = {"opened_at": now, "asked": _HOME.c.asked + 1} | ({} if page is None else {"page": page})
    statement = insert.values(row).on_conflict_do_update(index_elements=["person"], set_=changed)
    await connection.execute(delete(_HOME).where(_HOME.c.opened_at < now - _KEPT))
    await connection.execute(statement)


async def opened_since(connection: AsyncConnection, since: datetime, most: int) -> list[Home]:
    """Those that were opened since a moment: first who waits, then who looked last."""
    waits = case((_HOME.c.asked > _HOME.c.answered, 0), else_=1)
    query = select(_HOME).where(_HOME.c.opened_at >= since).order_by(waits, _HOME.c.opened_at.desc(), _HOME.c.person)
    rows = await connection.execute(query.limit(most))
    return [msgspec.convert(dict(row), Home) for row in rows.mappings()]


async def shown(connection: AsyncConnection, home: Home, digest: str) -> None:
    """What a page shows now, as it was asked for then."""
    of_person = update(_HOME).where(_HOME.c.person == home.person)
    await connection.execute(of_person.values(answered=home.asked, digest=digest))


async def was_ever_opened(connection: AsyncConnection) -> bool:
    return (await connection.execute(select(_HOME.c.person).limit(1))).first() is not None
