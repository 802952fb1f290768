"""Root cause by depth: of the services with symptoms, the ones that none of their own dependencies explains."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_RESOURCE = re.compile(
    r"cpu|memory|oom|disk|filesystem|inode|swap|throttl|saturat|contention|starv|pressure|load(?!balanc)"
    r"|out ?of ?space",
    re.IGNORECASE,
)


class Symptom(NamedTuple):
    """Alerts of one kind on one service. ``first_at`` is in seconds."""

    service: str
    name: str
    alerts: int
    first_at: float


class Finding(NamedTuple):
    """A service that may be the cause. ``score`` is between 0 and 1, ``kind`` is ``resource`` or ``unknown``."""

    service: str
    kind: str
    score: float
    evidence: list[str]


def rank(symptoms: Sequence[Symptom], depends_on: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Rank the services that may be the cause, the likeliest first. Empty where nothing points anywhere.

    A service is a candidate when it has symptoms and nothing it depends on, however indirectly, has. It is
    named only with something to show for it: another affected service depends on it, or its own alerts speak
    of a resource that runs short.

    Parameters
    ----------
    symptoms
        What is active in one incident.
    depends_on
        The topology: service to the services it calls or runs on. Cycles are allowed.

    Examples
    --------
    >>> found = rank([Symptom("web", "Slow", 1, 10.0), Symptom("pool", "HighCPU", 1, 4.0)], {"web": ["pool"]})
    >>> found[0].service, found[0].kind
    ('pool', 'resource')
    """
    affected = {symptom.service for symptom in symptoms if symptom.service}
    below = {service: _reachable(service, depends_on) for service in affected}
    findings = [
        finding
        for service in sorted(affected)
        if not any(service not in below[other] for other in below[service] & affected)
        and (finding := _judge(service, symptoms, affected, below))
    ]
    return sorted(findings, key=lambda finding: (-finding.score, finding.service))


def _reachable(service: str, depends_on: Mapping[str, Sequence[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(depends_on.get(service, ()))
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += depends_on.get(name, ())
    return seen - {service}


def _judge(
    service: str, symptoms: Sequence[Symptom], affected: set[str], below: Mapping[str, set[str]]
) -> Finding | None:
    own = [symptom for symptom in symptoms if symptom.service == service]
    others = affected - {service}
    dependants = sorted(other for other in others if service in below[other])
    resources = sorted({symptom.name for symptom in own if _RESOURCE.search(symptom.name)})
    if not dependants and not resources:
        return None
    evidence = []
    if resources:
        evidence.append(f"{', '.join(resources)} {'fires' if len(resources) == 1 else 'fire'} on {service}")
    if dependants:
        verb = "depends" if len(dependants) == 1 else "depend"
        evidence.append(f"{_some(dependants)} {verb} on it ({len(dependants)} of {len(others)} other affected)")
    lead = min((s.first_at for s in symptoms if s.service in others), default=0.0) - min(s.first_at for s in own)
    if others and lead > 0:
        evidence.append(f"first to fire, {lead:.0f} s before the rest" if lead >= 1 else "first to fire")
    explained = len(dependants) / len(others) if others else 0.0
    score = 0.35 * bool(resources) + 0.4 * explained + 0.15 * (bool(others) and lead > 0)
    return Finding(service, "resource" if resources else "unknown", round(score, 2), evidence)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
