"""Saturation of the hosts that the suspects run on: alerts of a host that stand in another incident."""

from collections.abc import Mapping

from bot.domain.review.investigation import Checked
from bot.pipeline.checks.dependencies import Elsewhere, seen_elsewhere
from bot.pipeline.investigation.check import Case, check
from bot.storage.queries import learnt_edges

_MOST = 2


@check("hosts")
async def hosts(case: Case) -> list[Checked]:
    placed = await learnt_edges.hosts_of(case.connection, case.incident.domain, case.suspects, case.now)
    by_host = {host: service for service, some in sorted(placed.items()) for host in sorted(some)}
    seen = await seen_elsewhere(case, set(by_host) - set(case.incident.services) - set(case.below))
    named = [(by_host[host], _text(host, by_host[host], one)) for host, one in _first(seen)]
    return [Checked(check="hosts", service=service, text=text) for service, text in named]


def _first(seen: Mapping[str, Elsewhere]) -> list[tuple[str, Elsewhere]]:
    return list(seen.items())[:_MOST]


def _text(host: str, service: str, one: Elsewhere) -> str:
    return f"{host}, where {service} runs, has had alerts since {one.at:%H:%M:%S} UTC (incident #{one.number})"
