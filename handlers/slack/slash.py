"""A slash command, from what was typed to its answer."""

import re

from bot.incidents.permissions import Who
from bot.notify.slack.text import inline_code
from handlers.slack.answers import or_words
from handlers.slack.calls import Call, OpenForm, SlackEndpoint
from handlers.slack.registry import commands_of
from handlers.slack.reply import Reply

HELP = "help"
_LINK = re.compile(r"<(?:#[A-Z0-9]+\|([^>]*)|(?:mailto:|tel:)?([^@!#<>|][^<>|]*)(?:\|[^>]*)?)>")


def help_text(slash: str) -> str:
    """What each word does, from the registry."""
    lines = [f"*`{typed}`* {does}" for one in commands_of(slash).values() for typed, does in one.examples().items()]
    return "\n".join([*lines, f"*`{slash} {HELP}`* this"])


def unescaped(text: str) -> str:
    """What was typed, where Slack escapes it: channels and links as they were typed, people by their id.

    https://docs.slack.dev/interactivity/implementing-slash-commands#creating_commands

    >>> unescaped("assign 12 <@U012AB3CD|ada> a &lt; b <https://a.example/x> <#C01|ops>")
    'assign 12 <@U012AB3CD|ada> a < b https://a.example/x #ops'
    """
    plain = _LINK.sub(lambda found: f"#{found[1]}" if found[1] is not None else found[2], text)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


async def answer(endpoint: SlackEndpoint, slash: str, text: str, who: Who, channel: str = "") -> str | Reply | OpenForm:
    """Do what was typed; returns the answer in Slack's mrkdwn, or a form to open. Raises NotDone."""
    name, _, rest = unescaped(text).strip().partition(" ")
    if name.lower() in ("", HELP):
        return help_text(slash)
    known = commands_of(slash).get(name.lower())
    if known is None:
        return f"{inline_code(name, 40)} is no command of mine.\n{help_text(slash)}"
    example = next(iter(known.examples()))
    call = Call(endpoint, who, endpoint.clock(), rest.strip(), example, channel)
    return await or_words(known.run(call), example)
