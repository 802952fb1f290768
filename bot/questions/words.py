"""Pieces of sentences that several answers need."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.duration import format_duration
from bot.domain.incident import Tally
from bot.notify.plain_text import shortened

MOST_NAMED = 5


def listed(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """
    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = ", ".join(shortened(name, 100) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def counted(count: int, thing: str) -> str:
    """
    >>> counted(1, "alert"), counted(2, "alert")
    ('1 alert', '2 alerts')
    """
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def span(length: timedelta) -> str:
    return format_duration(max(length, timedelta(0)))


def ago(moment: datetime, now: datetime) -> str:
    return f"{span(now - moment)} ago"


def alert_words(tally: Tally) -> str:
    """``HighLatency on checkout ×3, critical``"""
    times = f" ×{tally.alerts}" if tally.alerts > 1 else ""
    where = f" on {shortened(tally.service, 100)}" if tally.service else ""
    return f"{shortened(tally.name, 120)}{where}{times}, {tally.severity}"
