"""Saturation of the hosts that the suspects run on: alerts of a host that stand in another incident."""

from bot.domain.review.investigation import Checked
from bot.pipeline.checks.dependencies import seen_elsewhere
from bot.pipeline.investigation.check import Case, check
from bot.storage.queries import learnt_edges

_MOST = 2


@check("hosts")
async def hosts(case: Case) -> list[Checked]:
    placed = await learnt_edges.hosts_of(case.connection, case.incident.domain, case.suspects, case.now)
    by_host = {host: service for service, some in sorted(placed.items()) for host in sorted(some)}
    seen = await seen_elsewhere(case, set(by_host) - set(case.incident.services) - set(case.below))
    return [
        Checked(
            check="hosts",
            service=by_host[host],
            text=f"{host}, where {by_host[host]} runs, has had alerts since {at:%H:%M:%S} UTC (incident #{number})",
        )
        for host, (at, number) in list(seen.items())[:_MOST]
    ]
