"""What people type after a command, read the same way by every command."""

import re
import shlex

from bot.domain.incident import Incident
from bot.domain.matcher import Matcher, parse_matcher
from bot.errors import Refused
from bot.storage.queries import incidents
from handlers.slack.calls import Call

ANYWAY = "anyway"
"""The word by which people confirm what they were asked about."""


class BadArguments(Refused):
    """What was typed cannot be read; the message says why, and is shown with an example."""


async def incident_of(call: Call, text: str | None = None) -> Incident:
    """The incident whose number was typed, as the whole text or as this part of it. Raises Refused."""
    number = re.fullmatch(r"#?(\d{1,12})", call.text if text is None else text)
    if not number:
        raise Refused(f"Say which incident, by its number: `{call.example}`.")
    async with call.database.read() as connection:
        incident = await incidents.by_number(connection, int(number[1]))
    if incident is None:
        raise Refused(f"There is no incident #{number[1]}.")
    return incident


def words_in(text: str) -> list[str]:
    """Words and quoted phrases; Slack's clients turn straight quotes into curly ones. Raises BadArguments."""
    try:
        return shlex.split(text.translate(str.maketrans("“”‘’", "\"\"''")), posix=True)
    except ValueError as error:
        raise BadArguments(str(error)) from error


def matchers_in(words: list[str]) -> list[Matcher]:
    """One matcher a word. Raises BadArguments."""
    try:
        return [parse_matcher(word) for word in words]
    except ValueError as error:
        raise BadArguments(str(error)) from error
