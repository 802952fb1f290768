"""Figures about the incidents of some time: how fast people were, what helped, what was noise. docs/on-call/reports.md
defines each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from statistics import fmean
from typing import NamedTuple

import msgspec

NIGHT_FROM, NIGHT_TO = 22, 7
"""A night lasts from the first hour to the second one of the next day."""
NOBODY = "(none)"


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """What counts of one incident. ``called_at`` is when we learnt of it, ``lasted`` is known once it is over.

    ``verified``: a runbook was verified in it; ``acted_upon``: somebody acknowledged it, or approved a run.
    """

    number: int
    services: list[str]
    team: str | None = None
    called_at: datetime
    acknowledged_at: datetime | None
    lasted: timedelta | None
    reopened: bool
    verified: bool
    acted_upon: bool


class Figures(NamedTuple):
    """``mtta`` and ``mttr`` are means, None where nothing was acknowledged, or is over.

    ``noise`` counts incidents that ended without anybody acting upon them; ``nights`` those nights that had a call.
    """

    incidents: int
    mtta: timedelta | None
    mttr: timedelta | None
    reopened: int
    verified: int
    noise: int
    nights: int


def figures_of(lives: Sequence[Life], zone: tzinfo) -> Figures:
    """The figures of some incidents; nights are those of a time zone."""
    waits = [max(one.acknowledged_at - one.called_at, timedelta(0)) for one in lives if one.acknowledged_at]
    lengths = [one.lasted for one in lives if one.lasted is not None]
    nights = {night for one in lives if (night := night_of(one.called_at.astimezone(zone)))}
    return Figures(
        incidents=len(lives),
        mtta=_mean(waits),
        mttr=_mean(lengths),
        reopened=sum(one.reopened for one in lives),
        verified=sum(one.verified for one in lives),
        noise=sum(one.lasted is not None and not one.acted_upon for one in lives),
        nights=len(nights),
    )


def by_name(lives: Iterable[Life], names: Callable[[Life], Iterable[str]], zone: tzinfo) -> Mapping[str, Figures]:
    """The figures for each name, the one with the most incidents first; an incident counts for each of its names."""
    grouped: dict[str, list[Life]] = {}
    for life in lives:
        for name in dict.fromkeys(names(life)) or [NOBODY]:
            grouped.setdefault(name, []).append(life)
    ordered = sorted(grouped.items(), key=lambda item: (-len(item[1]), item[0]))
    return {name: figures_of(some, zone) for name, some in ordered}


def night_of(moment: datetime) -> date | None:
    """The day on whose evening the night of a moment began; None by day.

    >>> night_of(datetime(2026, 3, 2, 3, 0)), night_of(datetime(2026, 3, 1, 22, 0)), night_of(datetime(2026, 3, 1, 12))
    (datetime.date(2026, 3, 1), datetime.date(2026, 3, 1), None)
    """
    if moment.hour >= NIGHT_FROM:
        return moment.date()
    return moment.date() - timedelta(days=1) if moment.hour < NIGHT_TO else None


def _mean(spans: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=fmean(span.total_seconds() for span in spans)) if spans else None
