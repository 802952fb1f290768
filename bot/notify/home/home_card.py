"""What a person's page shows, as data, like :mod:`bot.notify.card`."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from bot.notify.card import IncidentCard, RunCard


class OnCallLine(NamedTuple):
    """Who is on call in a schedule now: ``people`` are ids, or names that are not known here. ``notes`` are doubts."""

    schedule: str
    people: tuple[str, ...]
    until: datetime | None = None
    then: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HomeIncident:
    """``url`` is where its message is, empty where it has none."""

    card: IncidentCard
    url: str


@dataclass(frozen=True, slots=True)
class HomeOffer:
    """A run that waits for this person's approval, in full."""

    run: RunCard
    number: int
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Of all pages."""

    offers: int
    own: int
    others: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeCard:
    """One page of it. ``teams`` are the person's; where they are in none, ``others`` is all that is open.

    ``notes`` say what could not be found out. ``stranger``: no member of the workspace as far as is
    known, who is shown nothing.
    """

    page: int = 1
    pages: int = 1
    counts: Counts = Counts(0, 0, 0)
    teams: tuple[str, ...] = ()
    offers: tuple[HomeOffer, ...] = ()
    own: tuple[HomeIncident, ...] = ()
    others: tuple[HomeIncident, ...] = ()
    on_call: tuple[OnCallLine, ...] = ()
    notes: tuple[str, ...] = ()
    stranger: bool = False
