"""Root cause from alerts: which service, by where it stands among the affected ones, broke first and explains them.

A conditional logit model (McFadden 1974, "Conditional logit analysis of qualitative choice behavior"): every candidate
has a utility from what can be seen, and so has "something else". Its weights were fitted on simulated storms (benchmark
``storm``, seeds 1 to 25) and checked on others; they are few, and what each stands for is said beside it.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import exp, log
from typing import NamedTuple

from detectors.rootcause.changes import LATER, is_near
from detectors.rootcause.changes import later as changed_later
from detectors.rootcause.finding import Finding, rounded_score
from detectors.rootcause.seen import Changed, Symptom
from detectors.rootcause.undescribed import NOT_DESCRIBED, Signs, signs
from detectors.topology import Topology

CLEAR = 0.5
"""Below this score the cause is not clear: what would be named is wrong more often than right."""
HELD = 0.3
"""Likewise of a cause that was named before: one more alert that says little is no reason to take it back."""
_ALSO = 0.1
_MOST = 3

_EXPLAINS = 1.9  # for the logarithm of the share of affected services that depend on it
_DEEPER = -2.4  # it depends on an affected service itself
_RESOURCE = 0.9  # its alerts speak of a resource that runs short
_SILENT = -2.4  # it has no alert, and nothing that was changed there says why
_SPREADS = 2.4  # for the share of its direct dependants that are affected
_ELSE = -1.3  # it is something else
_CHANGED = 1.3  # it was changed shortly before; in storms of seeds 1 to 12 one in four services is, within the hour
_JUST = 1.4  # it was changed during the incident, and its own part of it began within five minutes: see below
_FITS = 1.5  # and that was a change of data or of a model, which is what the alerts speak of; not fitted

# _JUST is reasoned, as hardly any simulated incident has such a change (of 718 faults, 5): it is the logarithm of 4.
# Of the half hour in which changes are looked for, five minutes hold one in six of those made by chance, and we take it
# that two in three of those that break something are noticed so soon. Changes before incidents, split in the same way
# (60 seeds of ``storm``), say 1.0 by 190 incidents of the own generator, where 0.3 to 1.8 is nearly as likely, and 1.4
# by 149 of the other one.

_KINDS = {
    "storage": r"(?:disk|file ?system|inode|volume|storage|claim).{0,30}"
    r"(?:full|fill|space|inode|almost|runs? ?out|usage)|out ?of ?(?:disk|inode|space)|no ?space|disk ?pressure",
    "resource": r"cpu|memory|oom|disk|filesystem|inode|swap|throttl|saturat|contention|starv|pressure|load(?!balanc)"
    r"|descriptor|out ?of ?space",
    "data": r"drift|schema|freshness|stale|null|data ?quality|missing ?values|dataset ?not ?written|data ?assertion",
    "model": r"accuracy|mape|auc|precision|recall|model|llm(?:evaluation|refusal)",
    "traffic": r"traffic|throughput|requests? ?surge|rate ?limit|conntrack|too ?many ?connections",
    "dependency": r"down|dead|absent|unreachable|not ?ready|crash|missing|killed|restarted|job ?run ?failed",
}
_OF_MODELS = ("data", "model")
_OF_RESOURCES = ("storage", "resource")
_TELLING = (*_OF_RESOURCES, *_OF_MODELS)
"""What an alert may speak of that is a cause by itself, and not only a sign of one."""
_OF_LANGUAGE_MODELS = re.compile("^llm", re.IGNORECASE)
"""What a prompt or another model changes: how well it answers, how long that takes and what it costs."""
_OF_OUTPUTS = re.compile("prediction|concept", re.IGNORECASE)
_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _KINDS.items()}


class _Candidate(NamedTuple):
    service: str
    own: list[Symptom]
    dependants: list[str]
    direct: int
    deeper: bool
    change: Changed | None
    fits: bool
    just: bool
    signs: Signs | None

    @property
    def supported(self) -> bool:
        """Whether there is more to show for it than that it is affected."""
        shown = self.dependants or self.change or any(_named(self.own, kind) for kind in _TELLING)
        return bool(shown or (self.signs and self.signs.apart))


def rank(
    symptoms: Sequence[Symptom], topology: Topology, changes: Sequence[Changed] = (), held: str = ""
) -> list[Finding]:
    """Rank the services that may be the cause, the likeliest first. Empty where the cause is not clear.

    A change may be the cause of what began after it. One that was made while others already fired explains only what
    came later, and only where its service was well for some minutes of the incident.

    Candidates are the affected services, and those without alerts on which several of them depend. One is named only
    with something to show for it: another affected service depends on it, its alerts speak of a resource that runs
    short or of a model or its data, or it was changed shortly before.

    Parameters
    ----------
    symptoms
        What one incident consists of.
    topology
        What depends on what; cycles are allowed.
    changes
        Deploys and other changes around the time of the incident.
    held
        The service that was named before: it stays named while it is the likeliest and not much less likely, where
        something is described; of those that were held where nothing is, hardly a third was right.

    Returns
    -------
    Findings whose scores are probabilities; all of them together are 1 at most.

    Examples
    --------
    >>> shop = Topology({"web": ["pool"]})
    >>> found = rank([Symptom("web", "Slow", 1, 10.0), Symptom("pool", "HighCPU", 1, 4.0)], shop)
    >>> found[0].service, found[0].kind
    ('pool', 'resource')
    >>> rank([Symptom("web", "Slow", 1, 10.0)], shop)
    []

    References
    ----------
    McFadden: Conditional logit analysis of qualitative choice behavior. Frontiers in Econometrics, 1974.
    """
    affected = {symptom.service: symptom.first_at for symptom in sorted(symptoms, key=lambda s: -s.first_at)}
    affected.pop("", None)
    candidates = _candidates(symptoms, affected, topology, changes)
    weighed = [(exp(_utility(one, len(affected), topology)), one) for one in candidates]
    weighed.sort(key=lambda pair: (-pair[0], pair[1].service))
    whole = exp(_ELSE) + sum(weight for weight, _ in weighed)
    if not weighed or not weighed[0][1].supported:
        return []
    is_held = weighed[0][1].service == held and not weighed[0][1].signs
    if weighed[0][0] < (HELD if is_held else CLEAR) * whole:
        return []
    likely = [(weight / whole, one) for weight, one in weighed[:_MOST] if weight >= _ALSO * whole and one.supported]
    return [
        Finding(one.service, _kind(one), rounded_score(score), _evidence(one, affected, topology))
        for score, one in likely
    ]


def _candidates(
    symptoms: Sequence[Symptom], affected: Mapping[str, float], topology: Topology, changes: Sequence[Changed]
) -> list[_Candidate]:
    began = min(affected.values(), default=0.0)
    at_latest = min((one.first_at + one.tolerance for one in symptoms if one.service), default=0.0)
    of_models = any(_named(symptoms, kind) for kind in _OF_MODELS) or any(
        _OF_LANGUAGE_MODELS.match(one.name) for one in symptoms
    )
    own: dict[str, list[Symptom]] = {}
    for symptom in symptoms:
        own.setdefault(symptom.service, []).append(symptom)
    near = [c for c in sorted(changes, key=lambda c: c.at) if is_near(c, (began, at_latest), of_models)]
    changed = {c.service: c for c in near if _may_cause(c, own.get(c.service, []))}
    above: dict[str, list[str]] = {}
    for service in sorted(affected):
        for below in topology.below(service):
            above.setdefault(below, []).append(service)
    later = changed_later(changes, own, above, (began, at_latest))
    later = {name: c for name, c in later.items() if name not in changed and _may_cause(c, own.get(name, []))}
    changed |= later
    after = {name: {one for one in affected if affected[one] >= c.at} for name, c in later.items()}
    claimed = {one for name in later for one in (name, *above.get(name, ())) if one in after[name]}
    others = affected.keys() - claimed
    silent = {
        name
        for name in above.keys() - affected.keys()
        if name in changed or sum(other in affected for other in topology.dependants(name)) > 1
    }
    seen = signs(own, topology)
    found = [
        _Candidate(
            name,
            own.get(name, []),
            [other for other in above.get(name, []) if other in after.get(name, others)],
            sum(other in after.get(name, others) for other in topology.dependants(name)),
            any(
                other in after.get(name, affected) and name not in topology.below(other)
                for other in topology.below(name)
            ),
            changed.get(name),
            of_models and name in changed and changed[name].kind in _OF_MODELS,
            name in later and any(one.first_at - later[name].at <= LATER for one in own.get(name, ())),
            seen.get(name),
        )
        for name in sorted(affected.keys() | silent)
    ]
    return [one for one in found if one.own or one.dependants]


def _may_cause(change: Changed, own: Sequence[Symptom]) -> bool:
    """Another version of a model changes what it says, and not what it is fed."""
    fed = [bool(_named([one], "data")) and not _OF_OUTPUTS.search(one.name) for one in own]
    return change.kind != "model" or not fed or not all(fed)


def _utility(one: _Candidate, affected: int, topology: Topology) -> float:
    described = _EXPLAINS * log((len(one.dependants) + bool(one.own)) / affected)
    if one.signs:
        all_unknown = len(one.dependants) + bool(one.own) + one.signs.unknown * one.signs.others
        guessed = _EXPLAINS * log(all_unknown / affected) + one.signs.utility(one.change is not None)
        described = max(described, guessed) if one.dependants else guessed
    spreads = (one.direct + 1) / (len(topology.dependants(one.service)) + 2)
    return (
        described
        + _DEEPER * one.deeper
        + _RESOURCE * any(_named(one.own, kind) for kind in _OF_RESOURCES)
        + _SILENT * (not one.own and not one.fits)
        + _SPREADS * spreads
        + _CHANGED * (one.change is not None)
        + _FITS * one.fits
        + _JUST * one.just
    )


def _named(own: Sequence[Symptom], kind: str) -> list[str]:
    return sorted({symptom.name for symptom in own if _speaks_of(symptom.name, kind)})


@lru_cache(maxsize=10_000)
def _speaks_of(name: str, kind: str) -> bool:
    return bool(_PATTERNS[kind].search(name))


def _kind(one: _Candidate) -> str:
    if one.change:
        return one.change.kind if one.change.kind in _OF_MODELS else "change"
    if not one.own:
        return "dependency"
    return next((kind for kind in _PATTERNS if _named(one.own, kind)), "unknown")


def _evidence(one: _Candidate, affected: Mapping[str, float], topology: Topology) -> list[str]:
    evidence = []
    others = len(affected.keys() - {one.service})
    if one.change:
        evidence.append(f"{one.change.what}, {_before(_shown_at(one, affected) - one.change.at)}")
    if others and (names := next(filter(None, (_named(one.own, kind) for kind in _TELLING)), [])):
        evidence.append(f"{_some(names)} {'fires' if len(names) == 1 else 'fire'} on {one.service}")
    if one.dependants:
        verb = "depends" if len(one.dependants) == 1 else "depend"
        evidence.append(f"{_some(one.dependants)} {verb} on it ({len(one.dependants)} of {others} other affected)")
    if (every := len(topology.dependants(one.service))) > 1 and one.direct:
        evidence.append(f"{one.direct} of {every} direct dependants affected")
    rest = [at for service, at in affected.items() if service != one.service]
    lead = min(rest) - affected[one.service] if rest and one.own else 0.0
    if lead > 0:
        evidence.append(f"first to fire, {lead:.0f} s before the rest" if lead >= 1 else "first to fire")
    if not others and not one.change:  # its own alert is what is to be explained, and no evidence
        evidence.append("no other service has an alert")
    if one.signs:
        return [*evidence, *one.signs.evidence]
    unknown = others and not one.dependants and not any(name in topology.described for name in affected)
    return [*evidence, NOT_DESCRIBED] if unknown else evidence


def _shown_at(one: _Candidate, affected: Mapping[str, float]) -> float:
    """When what a change may explain began."""
    after = [affected[name] for name in (*one.dependants, one.service) if name in affected]
    first = min(affected.values())
    return first if one.change is None or one.change.at <= first else min(after, default=first)


def _before(seconds: float) -> str:
    return f"{_span(seconds)} earlier" if seconds >= 1 else "just as it began"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
