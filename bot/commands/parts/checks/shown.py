"""Whether Slack shows incidents as they are."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.parts.checks.finding import Finding, Mark
from bot.config import Environment
from bot.domain.duration import format_duration
from bot.storage.database import Database
from bot.storage.queries.shown.lagging import lagging
from bot.storage.tables.slack import ChannelMessageRow
from bot.storage.version import has_table

LATE = timedelta(minutes=2)
_SUBJECT = "messages in Slack"


async def check_shown(database: Database, environment: Environment) -> list[Finding]:
    """Nothing where no Slack is configured, or nothing has begun."""
    now = datetime.now(UTC)
    async with database.read() as connection:
        if environment.slack_bot_token is None or not await _is_begun(connection):
            return []
        found = await lagging(connection, now - LATE)
    if found.since is None:
        return [Finding(Mark.OK, _SUBJECT, "are as their incidents are")]
    wrong = [
        *([f"open incidents that are shown nowhere: {found.unshown}"] if found.unshown else []),
        *([f"messages that are not as their incidents are: {found.outdated}"] if found.outdated else []),
    ]
    advice = (
        "Is Tandem running, and does a channel refuse? Else there is more to show than Slack takes: 50 edits a minute "
        "and app (tandem_slack_lag_seconds says how late it is)."
    )
    return [Finding(Mark.WARN, _SUBJECT, f"{', '.join(wrong)}; for {format_duration(now - found.since)}", advice)]


async def _is_begun(connection: AsyncConnection) -> bool:
    return await has_table(connection, ChannelMessageRow)
