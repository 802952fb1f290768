"""Shifts: who is on call from when to when, who takes over from them for a while, and who comes next."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec


class Shift(msgspec.Struct, frozen=True):
    """``[begins, ends)``. ``people`` are Slack ids; who cannot be found in Slack stands by the name that was read."""

    begins: datetime
    ends: datetime
    people: tuple[str, ...]

    def holds(self, moment: datetime) -> bool:
        return self.begins <= moment < self.ends


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody takes over from whoever is on call. ``id`` grows: of two that overlap, the later one counts."""

    id: int
    schedule: str
    person: str
    begins: datetime
    ends: datetime
    made_by: str

    def holds(self, moment: datetime) -> bool:
        return self.begins <= moment < self.ends


class Turn(msgspec.Struct, frozen=True):
    """Who is on call at a moment, ``until`` when (None where no end is known), and who comes ``then``."""

    people: tuple[str, ...]
    until: datetime | None = None
    then: tuple[str, ...] = ()


def people_at(shifts: Iterable[Shift], overrides: Iterable[Override], moment: datetime) -> tuple[str, ...]:
    """Whoever took over last; else everybody whose shift holds the moment, in the order of their shifts."""
    over = max((one for one in overrides if one.holds(moment)), key=lambda one: one.id, default=None)
    if over is not None:
        return (over.person,)
    return tuple(dict.fromkeys(who for shift in shifts if shift.holds(moment) for who in shift.people))


def turn_at(
    shifts: Sequence[Shift], overrides: Sequence[Override], moment: datetime, known_until: datetime | None = None
) -> Turn:
    """Shifts that hand over to the same people are one turn. From ``known_until`` on, shifts were not looked for."""
    people = people_at(shifts, overrides, moment)
    spans = [*((one.begins, one.ends) for one in shifts), *((one.begins, one.ends) for one in overrides)]
    for edge in sorted({edge for span in spans for edge in span if edge > moment}):
        if known_until is not None and edge >= known_until:
            break
        if (then := people_at(shifts, overrides, edge)) != people:
            return Turn(people, edge, then)
    return Turn(people)
