"""What the suspects depend on: whether it has alerts in another incident that began no later, and is its cause."""

from datetime import datetime, timedelta
from typing import NamedTuple

from bot.domain.review.investigation import Checked
from bot.pipeline.investigation.check import Case, check
from bot.storage.queries import incidents

LATE = timedelta(minutes=1)
"""By so much later it may have begun to be shown: what breaks first is not always seen first."""
SUPPORTS = 4.0
_MOST = 3


class Elsewhere(NamedTuple):
    """Since when a service has alerts in another open incident, and whether it is named as the cause there."""

    at: datetime
    number: int
    is_cause: bool


@check("dependencies")
async def dependencies(case: Case) -> list[Checked]:
    elsewhere = await seen_elsewhere(case, set(case.below))
    found = []
    for service, seen in list(elsewhere.items())[:_MOST]:
        above = [one for one in case.suspects if service in case.topology.below(one)]
        depend = "depends" if len(above) == 1 else "depend"
        text = f"{service}, on which {', '.join(above[:3])} {depend}, has had alerts since {seen.at:%H:%M:%S} UTC"
        text += (
            f" and is the likely cause of incident #{seen.number}" if seen.is_cause else f" (incident #{seen.number})"
        )
        weight = SUPPORTS if seen.is_cause and seen.at <= case.began + LATE and len(above) > 1 else 1.0
        found.append(Checked(check="dependencies", service=service, text=text, weight=weight))
    return found


async def seen_elsewhere(case: Case, names: set[str]) -> dict[str, Elsewhere]:
    """Which of these have alerts in other open incidents of the domain, the earliest first."""
    found = {
        service: (at, one) for one, service, at in reversed(case.beside) if service in names and one != case.incident.id
    }
    known = await incidents.by_ids(case.connection, [one for _, one in found.values()])
    seen = {
        service: Elsewhere(at, known[one].number, [cause.service for cause in known[one].causes[:1]] == [service])
        for service, (at, one) in found.items()
        if one in known
    }
    return dict(sorted(seen.items(), key=lambda pair: (pair[1].at, pair[1].number, pair[0])))
