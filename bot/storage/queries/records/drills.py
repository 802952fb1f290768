"""When each runbook went through its last drill by its schedule, and how that ended."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import table_of, upsert
from bot.storage.tables.runs import RunbookDrillRow

_DRILL = table_of(RunbookDrillRow)


class LastDrill(NamedTuple):
    """``failure`` says what was wrong, empty where nothing was."""

    at: datetime
    failure: str


async def last_drills(connection: AsyncConnection) -> dict[str, LastDrill]:
    rows = await connection.execute(select(_DRILL.c.runbook, _DRILL.c.at, _DRILL.c.failure))
    return {runbook: LastDrill(at, failure) for runbook, at, failure in rows}


async def save(connection: AsyncConnection, runbook: str, last: LastDrill) -> None:
    await upsert(connection, _DRILL, [{"runbook": runbook, "at": last.at, "failure": last.failure}])
