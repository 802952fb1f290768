"""Whether ``tandem run`` would begin with the inbox that is configured, and whether it takes anything."""

from bot.commands.parts.checks.finding import Finding, Mark
from bot.config import Environment
from bot.errors import ConfigError, TandemError
from bot.inbox.inbox import Inbox, open_inbox
from bot.inbox.switch import see_whether_claimable
from bot.storage.database import Database

_SUBJECT = "inbox"
_NEARLY, _FULL = 0.8, 0.95
"""Shares of its bound; beyond the second one larger deliveries are refused already."""


async def check_inbox(database: Database, environment: Environment) -> list[Finding]:
    """Where it is, if not in the database; and what is wrong with it. Nothing is made or changed."""
    url = environment.inbox_address
    try:
        inbox = open_inbox(database, url)
        try:
            return await _found(database, inbox, environment)
        finally:
            await inbox.close()
    except ConfigError as error:
        advice = "Until then `tandem run` does not start. See “Changing the inbox” in docs/operations.md."
        return [Finding(Mark.FAIL, _SUBJECT, str(error), advice)]
    except TandemError as error:
        advice = "Check TANDEM_INBOX_URL, the NATS server, its JetStream and what this user may do."
        return [Finding(Mark.FAIL, _SUBJECT, str(error), advice)]


async def _found(database: Database, inbox: Inbox, environment: Environment) -> list[Finding]:
    reached = await inbox.reach()
    await see_whether_claimable(database, inbox, environment.inbox_left)
    if environment.inbox_address is None:
        return []
    room = await inbox.room()
    used = f"{reached}; {room.share:.0%} of what it may hold is used"
    advice = "Raise max_bytes (`nats stream edit`) or the account's limit, or shorten `retention.events`."
    if room.full or room.share >= _FULL:
        return [Finding(Mark.FAIL, _SUBJECT, f"{room.full or used}: deliveries are answered with 503", advice)]
    if room.share >= _NEARLY:
        return [Finding(Mark.WARN, _SUBJECT, used, advice)]
    return [Finding(Mark.OK, _SUBJECT, reached)]
