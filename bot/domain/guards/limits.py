"""``limits`` of a runbook: how often it may run, and while how much is wrong or depends on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.domain.duration import Duration, format_duration
from bot.domain.guards.hold import Guard, Hold

HOUR = timedelta(hours=1)


def _check_cooldown(span: timedelta | None) -> timedelta | None:
    if span is not None and not timedelta(0) < span <= timedelta(days=30):
        raise ValueError("write a time from 1s to 30d")
    return span


class Limits(BaseModel):
    """Bounds on one runbook; all that is given holds. They are checked when it is approved, and again at its start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cooldown: Annotated[Duration | None, AfterValidator(_check_cooldown)] = None
    """For how long after a run of it has ended none may start on the same service."""
    per_hour: Annotated[int | None, Field(ge=1, le=1000)] = None
    """So many runs of it may start within an hour, on whatever service."""
    most_open_incidents: Annotated[int | None, Field(ge=1)] = None
    """It runs only while no more incidents than this are open in the correlation domain, its own among them."""
    most_dependants: Annotated[int | None, Field(ge=0)] = None
    """It runs only where no more services than this depend on those that it acts on."""

    def in_words(self) -> list[str]:
        """Those that are given: ``cool-down 15m``, ``3 runs an hour``."""
        said = [f"cool-down {format_duration(self.cooldown)}"] if self.cooldown else []
        said += [f"{self.per_hour} run{'' if self.per_hour == 1 else 's'} an hour"] if self.per_hour else []
        said += [f"at most {self.most_open_incidents} open incidents"] if self.most_open_incidents else []
        said += [f"at most {self.most_dependants} dependants"] if self.most_dependants is not None else []
        return said


@dataclass(frozen=True)
class Usage:
    """What the limits are compared with.

    ``last_end`` is when a run of the runbook last ended on one of the targets, ``starts`` are those of the last hour,
    the oldest first.
    """

    last_end: datetime | None = None
    starts: Sequence[datetime] = ()
    open_incidents: int = 0
    dependants: int = 0


def held_by_limits(limits: Limits, usage: Usage, now: datetime) -> list[Hold]:
    """The limits that forbid a run at a moment."""
    holds = []
    if limits.cooldown and usage.last_end and now < usage.last_end + limits.cooldown:
        why = f"the cool-down of {format_duration(limits.cooldown)} after its last run"
        holds.append(Hold(Guard.COOLDOWN, why, usage.last_end + limits.cooldown))
    recent = [start for start in usage.starts if start > now - HOUR]
    if limits.per_hour and len(recent) >= limits.per_hour:
        why = f"the limit of {limits.per_hour} run{'' if limits.per_hour == 1 else 's'} an hour"
        holds.append(Hold(Guard.PER_HOUR, why, recent[-limits.per_hour] + HOUR))
    if limits.most_open_incidents and usage.open_incidents > limits.most_open_incidents:
        why = f"that {usage.open_incidents} incidents are open, and {limits.most_open_incidents} are the most"
        holds.append(Hold(Guard.OPEN_INCIDENTS, why))
    if limits.most_dependants is not None and usage.dependants > limits.most_dependants:
        why = f"that {usage.dependants} services depend on what it acts on, and {limits.most_dependants} are the most"
        holds.append(Hold(Guard.BLAST_RADIUS, why))
    return holds
