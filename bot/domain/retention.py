"""Retention: how long data is kept."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from bot.domain.duration import Duration

_LEAST = timedelta(days=1)


def _at_least_a_day(span: timedelta) -> timedelta:
    if span < _LEAST:
        raise ValueError("write 1d or more: whole days are kept and archived")
    return span


_Kept = Annotated[Duration, AfterValidator(_at_least_a_day)]


class RetentionRules(BaseModel):
    """``events`` is for what came in and was worked through: entries of the inbox, changes, alerts in no incident.

    ``incidents`` counts from the resolution, and is for what belongs to the incident, too: alerts, timeline, runs,
    and that it is remembered when another is like it. With ``archive`` what is deleted is written down before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: _Kept = timedelta(days=30)
    """How long what came in and was processed is kept; 1d or more."""
    incidents: _Kept = timedelta(days=400)
    """How long incidents are kept after they were resolved; 1d or more."""
    audit: _Kept = timedelta(days=1100)
    """How long the audit log is kept; 1d or more."""
    archive: bool = True
    """Whether what is deleted is written to the archive first."""


def days_before(now: datetime, kept: timedelta) -> datetime:
    """The midnight (UTC) before which days are over that need not be kept: a day goes as a whole, or stays.

    >>> days_before(datetime(2026, 3, 31, 15, tzinfo=UTC), timedelta(days=30))
    datetime.datetime(2026, 3, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    return (now - kept).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
