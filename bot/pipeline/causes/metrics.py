"""What watched metrics say of an incident's cause, and its weight beside what the alerts say. Bounded, and no I/O."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from bot.domain.incident import Incident, Tally
from bot.pipeline.batch import Batch
from bot.pipeline.causes.histories import Histories
from detectors.rootcause import Finding
from detectors.rootcause.combined import combine
from detectors.rootcause.history import History
from detectors.rootcause.measured import rank_measured
from detectors.rootcause.metrics import Graph
from detectors.topology import Topology

MOST_COMPARED = 100
"""The target and what is nearest below it."""
APART = timedelta(minutes=15)
"""What began so long after an incident is compared with the time before itself, too."""
REACH = timedelta(minutes=60)
"""After so long too little is left of the times before an incident: what was found in them stands."""


Ranking = Callable[[Sequence[Tally]], list[Finding]]
"""What these alerts of an incident say, without metrics."""


class Opinion(NamedTuple):
    """What metrics say; which services they compare, and whether each has an alert; and who of them calls whom."""

    findings: list[Finding]
    measured: dict[str, bool]
    graph: Graph


def weigh_metrics(batch: Batch, histories: Histories, incident: Incident, ranked: Ranking) -> list[Finding]:
    """What alerts say, and metrics where there are any of the incident's services. Without, exactly what alerts say."""
    tallies = batch.tallies[incident.id]
    by_alerts = ranked(tallies)
    opinion = opinion_on(histories, incident, tallies, batch.topology, batch.now)
    if opinion is None:
        return by_alerts
    if batch.now - incident.troubled_since > REACH and incident.causes:
        stands = [Finding(one.service, one.kind, one.score, one.evidence) for one in incident.causes]
        later = _with_later(batch, incident, histories, ranked)
        return _surer(stands, later or _of_later(batch, incident, by_alerts))
    histories.look_again_at(incident.id, incident.troubled_since, batch.now)
    found = combine(by_alerts, opinion.findings, opinion.measured, opinion.graph)
    return _surer(found, _with_later(batch, incident, histories, ranked))


def _with_later(batch: Batch, incident: Incident, histories: Histories, ranked: Ranking) -> list[Finding]:
    """What metrics say of the alerts that began well after the incident, with what all alerts say or these alone, which
    is surer; empty where none did, or no metric is off there. An incident that took in another one has the evidence of
    both: what that one would name by itself, older alerts do not hide."""
    later = _later(batch, incident)
    part = msgspec.structs.replace(incident, created_at=min((one.first_at for one in later), default=batch.now))
    opinion = opinion_on(histories, part, later, batch.topology, batch.now) if later else None
    if opinion is None or not opinion.findings:
        return []
    of_all, of_later = (
        combine(ranked(some), opinion.findings, opinion.measured, opinion.graph)
        for some in (batch.tallies[incident.id], later)
    )
    return _surer(of_all, of_later)


def _of_later(batch: Batch, incident: Incident, by_alerts: list[Finding]) -> list[Finding]:
    """What alerts say, where the first that they name is a service whose alerts began well after the incident."""
    named = by_alerts[0].service if by_alerts else ""
    return by_alerts if any(one.service == named for one in _later(batch, incident)) else []


def _later(batch: Batch, incident: Incident) -> list[Tally]:
    return [one for one in batch.tallies[incident.id] if one.first_at - incident.troubled_since >= APART]


def _surer(stands: list[Finding], other: list[Finding]) -> list[Finding]:
    """What is known stands until something says more for another cause than was said for it."""
    return other if other and (not stands or other[0].score > stands[0].score) else stands


def opinion_on(
    histories: Histories, incident: Incident, tallies: Sequence[Tally], topology: Topology, now: datetime
) -> Opinion | None:
    """None where nothing of the incident is measured. What was ranked in this minute is not ranked again."""
    began = _first_alerts(tallies)
    target = _target(histories, incident.domain, began, topology)
    if target is None:
        return None
    compared = _compared(histories, incident.domain, target, topology)
    graph = {name: topology.dependencies(name) for name in (target, *topology.below(target))}
    at = _beginning(incident, began)
    key = (incident.domain, target, int(at // 60), tuple(compared))
    found = histories.ranked(
        key, int(now.timestamp() // 60), lambda: rank_measured(graph, compared, target, at, now.timestamp())
    )
    return Opinion(found, {name: name in began for name in compared}, graph)


def _first_alerts(tallies: Sequence[Tally]) -> dict[str, float]:
    """When each service's first alert was, in seconds."""
    first: dict[str, float] = {}
    for tally in tallies:
        if tally.service:
            at = tally.first_at.timestamp()
            first[tally.service] = min(at, first.get(tally.service, at))
    return first


def _beginning(incident: Incident, began: Mapping[str, float]) -> float:
    """The first alert, but for those that had fired for long when the incident was opened."""
    opened = incident.troubled_since.timestamp()
    return min((at for at in began.values() if at >= opened - REACH.total_seconds()), default=opened)


def _target(histories: Histories, domain: str, began: Mapping[str, float], topology: Topology) -> str | None:
    """Where it shows: of the affected and measured services the nearest to users, and of these the first to fire."""
    measured = {service for service in began if histories.of(domain, service)}
    nearest = {service for service in measured if not measured & (topology.above(service).keys() - {service})}
    return min(nearest or measured, key=lambda service: (began[service], service), default=None)


def _compared(histories: Histories, domain: str, target: str, topology: Topology) -> dict[str, History]:
    found: dict[str, History] = {}
    for service in (target, *topology.below(target)):
        history = histories.of(domain, service)
        if history is not None:
            found[service] = history
        if len(found) >= MOST_COMPARED:
            break
    return found
