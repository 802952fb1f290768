"""Root cause, sharpened by what checks found beside the alerts: each weighs a service, and says why.

A check's weight multiplies the odds of its service, as one more witness would (Good 1950, "Probability and the Weighing
of Evidence"). Where alerts name nothing, a service that checks support strongly is named.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from detectors.rootcause.alerts import CLEAR, HELD
from detectors.rootcause.finding import Finding, rounded_score

ALONE = 0.25
"""The weight, beside 1 of "something else", of a service that only checks name, before they weigh it."""
_ALSO = 0.1
_MOST, _MOST_EVIDENCE = 3, 3


class Said(NamedTuple):
    """What a check says of a service, in words; ``weight`` is 1 where it is evidence for people alone.

    Parameters
    ----------
    service
        Which one.
    text
        For people.
    weight
        More than 1 makes it likelier as the cause, less than 1 less likely.

    Examples
    --------
    >>> Said("db", "db has had alerts since 12:01", 4.0).weight
    4.0
    """

    service: str
    text: str
    weight: float = 1.0


def sharpen(findings: Sequence[Finding], said: Sequence[Said]) -> list[Finding]:
    """The findings as checks leave them, the likeliest first; empty where the cause is not clear any more.

    A service that nothing but checks name comes in only where that makes it clear: a hint that is not strong enough
    takes nothing from what alerts say.

    Parameters
    ----------
    findings
        As alerts and metrics rank them; all scores together are 1 at most.
    said
        By checks.

    Returns
    -------
    Without a check that says anything of a service, the same findings.

    Examples
    --------
    >>> [(one.service, one.score) for one in sharpen([], [Said("db", "db fires elsewhere", 4.0)])]
    [('db', 0.5)]
    >>> sharpen([Finding("api", "unknown", 0.6, ["a"])], [Said("api", "was deployed", 1.0)])[0].evidence
    ['a', 'was deployed']

    References
    ----------
    Good: Probability and the Weighing of Evidence. Griffin, 1950.
    """
    if not any(one.service for one in said):
        return list(findings)
    rest = max(1.0 - sum(one.score for one in findings), 0.0)
    ranked = {one.service: one.score * _weight(one.service, said) for one in findings}
    hinted = {name: ALONE * rest * _weight(name, said) for name in sorted({one.service for one in said} - {""})}
    hinted = {name: weight for name, weight in hinted.items() if name not in ranked and weight > ALONE * rest}
    whole = rest + sum(ranked.values()) + sum(hinted.values())
    weights = ranked
    if hinted and max(hinted.values()) >= CLEAR * whole:
        weights = ranked | hinted
    return _likely(weights, rest, findings, said)


def _likely(
    weights: Mapping[str, float], rest: float, findings: Sequence[Finding], said: Sequence[Said]
) -> list[Finding]:
    whole = rest + sum(weights.values())
    order = sorted(weights, key=lambda name: (-weights[name], name))
    held = findings[0].service if findings else ""
    if not order or weights[order[0]] < (HELD if order[0] == held else CLEAR) * whole:
        return []
    known = {one.service: one for one in findings}
    likely = [name for name in order[:_MOST] if weights[name] >= _ALSO * whole]
    return [_joined(name, weights[name] / whole, known.get(name), said) for name in likely]


def _weight(service: str, said: Sequence[Said]) -> float:
    return prod(one.weight for one in said if one.service == service)


def _joined(service: str, score: float, known: Finding | None, said: Sequence[Said]) -> Finding:
    mine = [one for one in said if one.service == service]
    texts = [one.text if one.weight >= 1 else f"speaks against it: {one.text}" for one in mine][:_MOST_EVIDENCE]
    evidence = known.evidence if known else []
    new = [text for text in texts if text not in evidence]
    kind = known.kind if known else "dependency"
    return Finding(service, kind, rounded_score(score), [*evidence, *new])
