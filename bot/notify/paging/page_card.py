"""What a call of an escalation shows, as data, like :mod:`bot.notify.card`."""

from dataclasses import dataclass

from bot.domain.severity import Severity
from bot.notify.card import Button


@dataclass(frozen=True, slots=True)
class PageCard:
    """Somebody is called to an incident: ``people`` are ids that are mentioned, ``text`` is in our own words.

    ``notes`` are what else has to be said; ``url`` leads to the incident's message, empty where that is beside it.
    """

    number: int
    title: str
    severity: Severity
    people: tuple[str, ...]
    text: str
    notes: tuple[str, ...] = ()
    url: str = ""
    buttons: tuple[Button, ...] = ()
    broadcast: bool = True
