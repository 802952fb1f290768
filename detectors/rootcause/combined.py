"""Root cause from alerts and metrics together: two opinions, each as sure as it was measured to be, multiplied.

A logarithmic opinion pool with equal weights (Genest and Zidek 1986, "Combining probability distributions"): alerts and
metrics come of different senders and by different ways, so that they err apart. "Something else" has a share in both.
An opinion that names nothing is none: the other then stands alone.
"""

from collections.abc import Mapping, Sequence

from detectors.rootcause.alerts import CLEAR
from detectors.rootcause.finding import Finding, rounded_score
from detectors.rootcause.metrics import Graph

RELIABLE = 0.95
"""How often the first that metrics name is it: 16 of 16 issues of the PetShop data, by Laplace's rule of succession."""
_OTHER = 0.5
"""How much of "something else" a service may be that an opinion does not name."""
_ALSO = 0.1
_MOST = 3


def combine(
    by_alerts: Sequence[Finding], by_metrics: Sequence[Finding], measured: Mapping[str, bool], graph: Graph
) -> list[Finding]:
    """The likeliest first; empty where alerts and metrics together leave it unclear.

    Parameters
    ----------
    by_alerts, by_metrics
        What either ranks, the likeliest first. A metrics' score is a share of the loss.
    measured
        The services that metrics were compared of, and whether each has an alert.
    graph
        Who calls whom. What metrics say of a service they say of all below it that nobody measures.

    Returns
    -------
    Findings with the evidence of both.

    Examples
    --------
    >>> alerts, metrics = [Finding("api", "unknown", 0.6, ["a"])], [Finding("db", "unknown", 1.0, ["m"])]
    >>> [(one.service, one.score) for one in combine(alerts, metrics, {"api": True, "db": False}, {"api": ["db"]})]
    [('db', 0.84)]
    >>> combine(alerts, [], {}, {}) == alerts
    True
    """
    if not by_metrics:
        return list(by_alerts)
    names = list(dict.fromkeys(one.service for one in (*by_alerts, *by_metrics)))
    lost = _shares(by_metrics)
    blamed = {name: _blamed(name, lost, measured, graph) for name in names}
    weights = {name: (_of(name, _scores(by_alerts)) if by_alerts else 1.0) * blamed[name] for name in names}
    else_alerts = 1 - sum(_scores(by_alerts).values()) if by_alerts else 1.0
    whole = max(else_alerts, 0.0) * (1 - sum(lost.values())) + sum(weights.values())
    order = sorted(names, key=lambda name: -weights[name])
    if weights[order[0]] < CLEAR * whole:
        return []
    likely = [name for name in order[:_MOST] if weights[name] >= _ALSO * whole]
    return [_joined(name, weights[name] / whole, by_alerts, by_metrics, measured) for name in likely]


def _scores(findings: Sequence[Finding]) -> dict[str, float]:
    return {one.service: one.score for one in findings}


def _shares(findings: Sequence[Finding]) -> dict[str, float]:
    """How likely each is by metrics: its part of all that is explained, and never surer than they were seen to be."""
    whole = max(1.0, sum(one.score for one in findings))
    return {one.service: RELIABLE * one.score / whole for one in findings if one.score > 0}


def _of(name: str, shares: Mapping[str, float]) -> float:
    return shares.get(name, _OTHER * max(1 - sum(shares.values()), 0.0))


def _blamed(name: str, lost: Mapping[str, float], measured: Mapping[str, bool], graph: Graph) -> float:
    """What metrics say of a service; of one that nobody measures, what they say of who calls it."""
    if name in measured or name in lost:
        return _of(name, lost)
    return max(
        [_of(name, lost), *(share for caller, share in lost.items() if name in _unmeasured(caller, measured, graph))]
    )


def _unmeasured(caller: str, measured: Mapping[str, bool], graph: Graph) -> set[str]:
    """What a service calls that nobody measures, also through others like it."""
    found: set[str] = set()
    waiting = list(graph.get(caller, ()))
    while waiting:
        called = waiting.pop()
        if called not in measured and called not in found:
            found.add(called)
            waiting += graph.get(called, ())
    return found


def _joined(
    name: str, score: float, by_alerts: Sequence[Finding], by_metrics: Sequence[Finding], measured: Mapping[str, bool]
) -> Finding:
    """With the evidence of both, of the metrics first; alerts know the kind."""
    alerts = next((one for one in by_alerts if one.service == name), None)
    metrics = next((one for one in by_metrics if one.service == name), None)
    alone = alerts is None and not measured.get(name, False)
    kind = alerts.kind if alerts else "dependency" if alone else metrics.kind if metrics else "unknown"
    evidence = [*(metrics.evidence if metrics else []), *(alerts.evidence if alerts else [])]
    return Finding(name, kind, rounded_score(score), [*evidence, "it has no alert of its own"] if alone else evidence)
