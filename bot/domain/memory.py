"""Memory: which incidents of the past were like this one, and what helped then."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from bot.domain.cause import Cause
from bot.domain.duration import format_duration

ALIKE = 0.5
"""From this likeness on an incident of the past is worth telling of."""
MOST = 3
_MAX_TRAITS = 100


class PastIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident of the past and how like it is (0 to 1); ``helped`` names the runbooks that were verified then."""

    number: int
    likeness: float
    opened_at: datetime
    resolved_at: datetime
    helped: list[str] = []
    helped_titles: list[str] = []

    def in_words(self, now: datetime) -> str:
        """``#12, 3d 2h ago, lasted 14m; “Scale out the pool” helped``."""
        helped = " and ".join(f"“{title}”" for title in self.helped_titles)
        ago, lasted = format_duration(now - self.opened_at), format_duration(self.resolved_at - self.opened_at)
        return f"#{self.number}, {ago} ago, lasted {lasted}" + (f"; {helped} helped" if helped else "")


def traits_of(fired: Iterable[tuple[str, str]], causes: Sequence[Cause]) -> frozenset[str]:
    """What an incident is remembered by: on which services which alerts fired, and where it began.

    The cause counts three times: incidents that began at the same place in the same way are alike,
    however far each has spread.
    """
    traits = [f"alert\t{service}\t{name}" for service, name in sorted(set(fired))][:_MAX_TRAITS]
    if causes:
        traits += [f"cause{i}\t{causes[0].service}\t{causes[0].kind}" for i in range(3)]
    return frozenset(traits)


def likeness(shared: int, one: int, other: int) -> float:
    """How like two incidents are whose traits are so many: the Jaccard index.

    >>> likeness(2, 3, 3)
    0.5
    """
    return shared / (one + other - shared) if shared else 0.0


def successes(past: Iterable[PastIncident]) -> dict[str, float]:
    """For each runbook how often it helped, weighted by how like the incidents were."""
    found: dict[str, float] = {}
    for incident in past:
        for runbook in incident.helped:
            found[runbook] = found.get(runbook, 0.0) + incident.likeness
    return found
