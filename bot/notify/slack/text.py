"""Text from outside made safe for Slack, and cut to Slack's limits.

https://docs.slack.dev/messaging/formatting-message-text
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.domain.access.person import is_group, is_user, schedule_of
from bot.notify.plain_text import ELLIPSIS, INVISIBLE, visible_line

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKUP = re.compile(r"[&<>]")
_QUOTE = "'"
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{2,}")
"""Names have no capital letters."""


def length(text: str) -> int:
    """How long Slack counts a text: in UTF-16 units, to be on the safe side."""
    return len(text) + sum(character > "\uffff" for character in text)


def escaped(text: str, limit: int) -> str:
    """Text as Slack shows it literally: no mention, no link, no control or direction marks; at most ``limit`` long."""
    clean = INVISIBLE.sub("", text)
    escaped_whole = _MARKUP.sub(lambda found: _ENTITIES[found[0]], clean)
    if length(escaped_whole) <= limit:
        return escaped_whole
    parts: list[str] = []
    room = limit - len(ELLIPSIS)
    for character in clean:
        part = _ENTITIES.get(character, character)
        room -= length(part)
        if room < 0:
            break
        parts.append(part)
    return "".join(parts) + ELLIPSIS


def one_line(text: str, limit: int) -> str:
    """Like :func:`escaped`, with every run of white space as one space."""
    return escaped(visible_line(text), limit)


def literal(text: str, limit: int) -> str:
    """A line in which Slack's own formatting marks are shown and format nothing."""
    whole = _unformatted(one_line(text, limit))
    return whole if length(whole) <= limit else _unformatted(one_line(text, limit // 2))


def _unformatted(text: str) -> str:
    return re.sub(r"([*_~`])", "\u200b\\1", text)


def code_block(text: str, limit: int) -> str:
    """Text in a code block that it cannot end."""
    inside = escaped(text, limit - 8 - text.count("`"))
    harmless = re.sub("`(?=`)", "`\u200b", inside)
    return f"```\n{harmless}\n```"


def inline_code(text: str, limit: int) -> str:
    """One line in code style that it cannot end."""
    return f"`{one_line(text, limit).replace('`', _QUOTE) or ' '}`"


def when(moment: datetime) -> str:
    """A moment, shown in each reader's own time zone."""
    utc = moment.astimezone(UTC)
    return f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time_secs}}|{utc:%Y-%m-%d %H:%M:%S} UTC>"


def clock(moment: datetime) -> str:
    """Like :func:`when`, the time only."""
    utc = moment.astimezone(UTC)
    return f"<!date^{int(moment.timestamp())}^{{time_secs}}|{utc:%H:%M:%S} UTC>"


def who(actor: str) -> str:
    """A person or a user group as a mention, which does not notify inside an edited message; anything else as text."""
    if (schedule := schedule_of(actor)) is not None:
        return f"whoever is on call in {one_line(schedule, 60)}"
    if is_group(actor):
        return f"<!subteam^{actor}>"
    return f"<@{actor}>" if is_user(actor) else one_line(actor, 32)


def mentions(ids: Sequence[str]) -> str:
    """People and user groups, each of whom a new message with this reaches; empty for nobody."""
    return " ".join(who(one) for one in ids)


def channel_link(channel: str) -> str:
    """A channel that is known by its id as a link; one that is known by its name as text."""
    return f"<#{channel}>" if _CHANNEL_ID.fullmatch(channel) else one_line(f"#{channel.removeprefix('#')}", 90)


def with_mentions(text: str) -> str:
    """Our own words with each id of a person or a user group after an ``@`` as a mention.

    >>> with_mentions("acknowledged by @U012AB3CD")
    'acknowledged by <@U012AB3CD>'
    """
    return re.sub(
        r"(?<!<)@([UW](?:[A-Z0-9]{2,30}|[0-9])|S(?=[A-Z]*[0-9])[A-Z0-9]{4,30})\b", lambda found: who(found[1]), text
    )


_MAX_URL = 2700
_ENDS_A_LINK = {"|": "%7C", "<": "%3C", ">": "%3E"}


def link(url: str, label: str) -> str:
    """A link, or nothing where the address is none of the web's. What would end the link is encoded."""
    encoded = "".join(_ENDS_A_LINK.get(character, character) for character in url)
    if len(encoded) > _MAX_URL or not re.fullmatch(r"https?://[^\s\x00-\x1f]+", encoded) or not encoded.isprintable():
        return ""
    return f"<{encoded.replace('&', '&amp;')}|{escaped(label, 60).replace('|', '')}>"


def file_title(text: str) -> str:
    """The title of a file, in which Slack escapes nothing and so nothing may look like markup."""
    return text.replace("<", "‹").replace(">", "›")
