"""Who is on call, and whom escalations did not reach lately."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.commands.parts.checks.finding import Finding, Mark
from bot.config import Config
from bot.domain.oncall.page import Page
from bot.routing.schedules.roster import NowOnCall, Roster, notes_of
from bot.storage.database import Database
from bot.storage.queries.oncall import calls
from bot.storage.tables.oncall import EscalationCallRow
from bot.storage.version import has_table

_LATELY = timedelta(days=7)
_MOST_SHOWN = 5


async def check_on_call(database: Database, config: Config) -> list[Finding]:
    """Nothing where tandem.yaml describes neither schedules nor escalations, or `tandem run` has made no tables yet."""
    if not (config.schedules or config.escalations):
        return []
    now = datetime.now(UTC)
    async with database.read() as connection:
        if not await _is_begun(connection):
            return []
        roster = Roster(database, config.schedules, config.people, lambda: now)
        found = await roster.at(connection, now)
        refused = await calls.last_refused(connection, now - _LATELY, _MOST_SHOWN)
    return [*map(_schedule, found.values()), *([_refused(refused)] if config.escalations else [])]


async def _is_begun(connection: AsyncConnection) -> bool:
    return await has_table(connection, EscalationCallRow)


def _schedule(one: NowOnCall) -> Finding:
    subject = f"on call in {one.schedule}"
    if notes := notes_of(one):
        advice = "Until that is mended, its fallback is called as well; without one, the next step comes at once."
        return Finding(Mark.WARN, subject, "; ".join(notes), advice)
    until = f" until {one.turn.until:%Y-%m-%d %H:%M} UTC" if one.turn.until else ""
    return Finding(Mark.OK, subject, f"{', '.join(one.people)}{until}")


def _refused(pages: list[Page]) -> Finding:
    if not pages:
        return Finding(Mark.OK, "escalations", f"every call of the last {_LATELY.days} days reached its place")
    shown = "; ".join(f"{page.escalation}, step {page.step + 1}, {page.way}: {page.reason[:150]}" for page in pages)
    advice = "Mend the key, the channel or the person that it names; `/incident oncall` shows who would be called now."
    return Finding(Mark.WARN, "escalations", f"some calls reached nobody, the newest first: {shown}", advice)
