"""Open incidents that a person searches for."""

from sqlalchemy import ColumnElement, String, cast, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.incident import Incident
from bot.storage.database import table_of
from bot.storage.queries import incidents
from bot.storage.tables.core import IncidentRow

_INCIDENT = table_of(IncidentRow)


async def find(connection: AsyncConnection, typed: str, limit: int, domain: str | None = None) -> list[Incident]:
    """The worst first: those whose number begins as was typed, or whose title has it somewhere; all for nothing.

    ``domain``: only those of one correlation domain.
    """
    conditions: list[ColumnElement[bool]] = [] if domain is None else [_INCIDENT.c.domain == domain]
    typed = typed.strip()
    if number := typed.removeprefix("#"):
        in_number = cast(_INCIDENT.c.number, String).startswith(number, autoescape=True)
        conditions.append(or_(in_number, _INCIDENT.c.title.icontains(typed, autoescape=True)))
    return await incidents.open_worst_first(connection, limit, *conditions)
