"""How many predictions have labels, and how late these come, in words."""

from datetime import timedelta

from bot.domain.duration import format_duration


def labelling(coverage: float, delay: timedelta | None) -> str:
    """As in "30 % labelled, median delay 4d"."""
    share = f"{coverage:.0%} labelled".replace("%", " %")
    return share if delay is None else f"{share}, median delay {format_duration(delay)}"
