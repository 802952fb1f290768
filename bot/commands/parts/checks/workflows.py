"""Whether approved runs can begin: their workflows are kept in a database of DBOS's own."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.parts.checks.finding import Finding, Mark
from bot.config import Environment
from bot.errors import StorageUnavailable
from bot.remediation.workflow_database import ADVICE, NO_RUN_BEGINS, look_at, path_of, workflow_database
from bot.storage.database import Database

_SUBJECT = "workflows"
_MAY_MAKE = "SELECT to_regnamespace('dbos') IS NOT NULL, has_database_privilege(current_database(), 'CREATE')"
_MAY_WRITE = "SELECT coalesce(has_table_privilege(to_regclass('dbos.workflow_status'), 'INSERT,UPDATE,DELETE'), false)"


async def check_workflows(database: Database, environment: Environment) -> list[Finding]:
    """What is wrong with it, if anything is. Nothing is made or changed."""
    path = path_of(workflow_database(environment.database_url))
    try:
        if path is None:
            async with database.read() as connection:
                return await check_postgresql(connection)
        await asyncio.to_thread(look_at, path)
    except StorageUnavailable as error:
        return [Finding(Mark.FAIL, _SUBJECT, f"{error}: {NO_RUN_BEGINS}", ADVICE)]
    return []


async def check_postgresql(connection: AsyncConnection) -> list[Finding]:
    """Whether the schema of DBOS may be written, or made."""
    there, may_make = (await connection.execute(text(_MAY_MAKE))).one()
    may_write = there and await connection.scalar(text(_MAY_WRITE))
    if may_write or (may_make and not there):
        return []
    wrong = "the schema dbos may not be written" if there else "the schema dbos may not be made"
    advice = "Let Tandem's user own the schema dbos, or create it: `GRANT CREATE ON DATABASE`."
    return [Finding(Mark.FAIL, _SUBJECT, f"{wrong}: {NO_RUN_BEGINS}", advice)]
