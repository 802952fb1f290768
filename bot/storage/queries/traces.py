"""The trace that the last change of an incident belongs to, so that what is done about it joins that trace."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of, upsert
from bot.storage.tables.slack import IncidentTraceRow

_TRACE = table_of(IncidentTraceRow)


async def save(connection: AsyncConnection, traces: Mapping[str, str]) -> None:
    """Traceparents by incident."""
    rows = [{"incident_id": incident_id, "traceparent": traceparent} for incident_id, traceparent in traces.items()]
    await upsert(connection, _TRACE, rows)


async def of_incident(connection: AsyncConnection, incident_id: str) -> str:
    """Its traceparent, or "" where nothing was traced."""
    found = select(_TRACE.c.traceparent).where(_TRACE.c.incident_id == incident_id)
    return str(await connection.scalar(found) or "")
