"""A hold: one guard that forbids a run at the moment, until when, and who may override it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from bot.domain.access.person import in_words

MOST_NAMED = 5


class Guard(StrEnum):
    """What forbids it."""

    FREEZE = "freeze"
    COOLDOWN = "cool-down"
    PER_HOUR = "runs per hour"
    OPEN_INCIDENTS = "open incidents"
    BLAST_RADIUS = "blast radius"


class Hold(msgspec.Struct, frozen=True, omit_defaults=True):
    """``why`` says what forbids it, as the subject of a sentence. ``name`` is a freeze window's."""

    guard: Guard
    why: str
    until: datetime | None = None
    break_glass: list[str] = []
    name: str = ""

    def in_words(self) -> str:
        """``the freeze window “nights” until 2026-11-30 06:00 UTC (@S0LEADS may break the glass)``."""
        until = f" until {self.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.until else ""
        return f"{self.why}{until}{self._override()}"

    def _override(self) -> str:
        if self.guard is not Guard.FREEZE:
            return ""
        people = ", ".join(map(in_words, self.break_glass))
        return f" ({people} may break the glass)" if people else " (nobody may break the glass)"


class Glass(msgspec.Struct, frozen=True):
    """The glass that somebody broke: these freeze windows no longer hold up the run, if another person approves it."""

    user: str
    reason: str
    at: datetime
    windows: list[str]


class BlastRadius(msgspec.Struct, frozen=True, omit_defaults=True):
    """What depends on the targets of a plan; ``critical`` are so many of them, and ``named`` some, these first."""

    count: int
    critical: int = 0
    named: list[str] = []

    def in_words(self) -> str:
        """``12 services depend on this, 3 of them critical: cart, checkout, web, api, ads and 7 more``."""
        if not self.count:
            return "no service is known to depend on this"
        depend = "1 service depends" if self.count == 1 else f"{self.count} services depend"
        marked = f", {self.critical} of them critical" if self.critical else ""
        more = f" and {self.count - MOST_NAMED} more" if self.count > MOST_NAMED else ""
        return f"{depend} on this{marked}: {', '.join(self.named[:MOST_NAMED])}{more}"


def held_up_by(holds: Sequence[Hold]) -> str:
    """All of them in words."""
    return "; ".join(hold.in_words() for hold in holds)


def left_over(holds: Sequence[Hold], windows: Sequence[str]) -> list[Hold]:
    """Those that still hold once the glass of these freeze windows is broken."""
    return [hold for hold in holds if hold.guard is not Guard.FREEZE or hold.name not in windows]
