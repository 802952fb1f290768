"""Incidents in words, for the commands that show them."""

from bot.domain.incident import Incident
from bot.notify.incident_card import behind_in_words
from bot.notify.slack.render import headline
from bot.notify.slack.text import literal
from handlers.slack.calls import Call


def title_of(incident: Incident) -> str:
    return literal(headline(incident), 240)


def with_lag(call: Call, text: str) -> str:
    """What is shown, and how far it is behind what has come in."""
    behind = call.endpoint.behind()
    return f"{text}\n⏳ {behind_in_words(behind)}" if behind else text
