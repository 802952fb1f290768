"""What the suspects depend on: whether it has alerts in another incident that began no later."""

from datetime import datetime, timedelta

from bot.domain.review.investigation import Checked
from bot.pipeline.investigation.check import Case, check
from bot.storage.queries import incidents

WITHIN = timedelta(minutes=15)
LATE = timedelta(minutes=1)
"""By so much later it may have begun to be shown: what breaks first is not always seen first."""
SUPPORTS = 4.0
_MOST, _MOST_READ = 3, 200


@check("dependencies")
async def dependencies(case: Case) -> list[Checked]:
    elsewhere = await seen_elsewhere(case, set(case.below))
    found = []
    for service, (at, number) in list(elsewhere.items())[:_MOST]:
        above = [one for one in case.suspects if service in case.topology.below(one)]
        text = f"{service}, on which {', '.join(above[:3])} depend, has had alerts since {at:%H:%M:%S} UTC"
        weight = SUPPORTS if at <= case.began + LATE and len(above) > 1 else 1.0
        found.append(Checked(check="dependencies", service=service, text=f"{text} (incident #{number})", weight=weight))
    return found


async def seen_elsewhere(case: Case, names: set[str]) -> dict[str, tuple[datetime, int]]:
    """Since when these have alerts in other open incidents of the domain, and in which, the earliest first."""
    since, until = case.began - WITHIN, case.now
    rows = await incidents.services_between(case.connection, case.incident.domain, since, until, _MOST_READ)
    found = {service: (at, one) for one, service, at in reversed(rows) if service in names and one != case.incident.id}
    known = await incidents.by_ids(case.connection, [one for _, one in found.values()])
    numbered = {service: (at, known[one].number) for service, (at, one) in found.items() if one in known}
    return dict(sorted(numbered.items(), key=lambda pair: (pair[1], pair[0])))
