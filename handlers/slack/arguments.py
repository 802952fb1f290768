"""What people type after a command, read the same way by every command."""

import re

from bot.domain.incident import Incident
from bot.domain.matcher import Matcher, parse_matchers
from bot.domain.severity import Severity, known_severity
from bot.errors import Refused
from bot.storage.queries import incidents
from handlers.slack.calls import Call

_SINGLE = re.compile(r"""(=~|!~|!=|=)'([^'"]*)'""")
_WHOLE = re.compile(r"""(?<!\S)(['"])([^\s'"=!~]+)(=~|!~|!=|=)([^'"]*)\1(?!\S)""")
_PERSON = re.compile(r"<@([UW][A-Z0-9]{2,30})(?:\|[^>]*)?>|@?([UW][A-Z0-9]{2,30})")
_QUOTES = re.compile(r'(?<!\\)"')
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


def person_in(call: Call, named: str) -> str:
    """The id of whoever was mentioned, or of whoever typed ``me``. Raises Refused."""
    if named.lower() in ("me", "@me"):
        return call.user
    found = _PERSON.fullmatch(named)
    if found is None:
        raise Refused(f"Say to whom, by a mention or the id of a member: `{call.example}`.")
    return found[1] or found[2]


def severity_in(call: Call, word: str) -> Severity:
    """The severity that a word means, in any of the usual ways and those of tandem.yaml. Raises BadArguments."""
    level = known_severity(word, call.endpoint.rules.severities)
    if level is None:
        raise BadArguments(f"{word.strip()[:40]!r} is no severity: write one of {', '.join(Severity)}")
    return level


def straight(text: str) -> str:
    """With straight double quotes around values: Slack's clients make curly ones, and people quote as for a shell.

    >>> straight("service=“cart” app='shop' 'team=a b'")
    'service="cart" app="shop" team="a b"'
    """
    plain = text.translate(str.maketrans("“”„‘’", '"""\'\''))
    return _SINGLE.sub(r'\1"\2"', _WHOLE.sub(r'\2\3"\4"', plain))


def matchers_in(text: str) -> list[Matcher]:
    """Matchers in a row, in braces or not, with commas or not. Raises BadArguments."""
    plain = straight(text)
    if len(_QUOTES.findall(plain)) % 2:
        raise BadArguments("No closing quotation mark")
    try:
        return parse_matchers(plain)
    except ValueError as error:
        raise BadArguments(str(error)) from error
