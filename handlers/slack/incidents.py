"""Incidents in words, for the commands that show them."""

from dataclasses import replace

from bot.domain.incident import Incident
from bot.notify.incident_card import behind_in_words
from bot.notify.slack.blocks import context
from bot.notify.slack.render import headline
from bot.notify.slack.text import literal
from handlers.slack.calls import Call
from handlers.slack.reply import Reply


def title_of(incident: Incident) -> str:
    return literal(headline(incident), 240)


def with_lag(call: Call, reply: Reply) -> Reply:
    """What is shown, and how far it is behind what has come in."""
    behind = call.endpoint.behind()
    if not behind:
        return reply
    note = f"⏳ {behind_in_words(behind)}"
    blocks = [*reply.blocks, context(note).to_dict()] if reply.blocks else []
    return replace(reply, text=f"{reply.text}\n{note}", blocks=blocks)
