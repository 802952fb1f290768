"""Whether the setting and the database agree about how many partitions there are."""

from bot.commands.parts.checks.finding import Finding, Mark
from bot.config import Environment
from bot.errors import TandemError
from bot.inbox.partitions import advice_on, count
from bot.storage.database import Database, open_existing
from bot.storage.tables.core import OffsetRow
from bot.storage.version import has_table

_SUBJECT = "partitions"


async def check_partitions(database: Database, environment: Environment) -> list[Finding]:
    """Nothing where nothing has run on the database yet."""
    known = await _known(database)
    if not known:
        return []
    if environment.partitions not in (None, known):
        text = f"the database has {known}, and TANDEM_PARTITIONS is {environment.partitions}"
        return [Finding(Mark.WARN, _SUBJECT, text, advice_on(known, environment.partitions))]
    return [Finding(Mark.OK, _SUBJECT, str(known))]


async def warning_about_partitions(environment: Environment) -> str | None:
    """The same for who checks the settings alone: None also where the database cannot be reached."""
    if environment.partitions is None:
        return None
    try:
        database = open_existing(environment.database_url)
        try:
            known = await _known(database)
        finally:
            await database.close()
    except TandemError:
        return None
    if known in (0, environment.partitions):
        return None
    return f"TANDEM_PARTITIONS is {environment.partitions}. {advice_on(known, environment.partitions)}"


async def _known(database: Database) -> int:
    async with database.read() as connection:
        if not await has_table(connection, OffsetRow):
            return 0
        return await count(connection)
