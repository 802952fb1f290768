"""What became of storms, and the figures of it."""

from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

from bot.domain.cause import Cause
from bot.domain.event import service_of
from tests.benchmarks.storm.alerts import Sent, Storm
from tests.benchmarks.storm.score import Likeness, compare, main_incident


class Outcome(NamedTuple):
    """What became of one storm. ``truth`` and ``found`` give each of its alerts its fault and its incident."""

    name: str
    storm: Storm
    apart: bool
    truth: Mapping[str, str]
    found: Mapping[str, str]
    causes: Mapping[str, Sequence[Cause]]

    @property
    def likeness(self) -> Likeness:
        alerts = list(self.truth)
        return compare([self.truth[alert] for alert in alerts], [self.found[alert] for alert in alerts])

    def named(self) -> list[tuple[Cause | None, bool]]:
        """For each fault the first cause that its incident names, and whether it is the right one."""
        verdicts: list[tuple[Cause | None, bool]] = []
        for fault in self.storm.faults:
            incident = main_incident(self.truth, self.found, fault.id)
            named = next(iter(self.causes.get(incident or "", ())), None)
            verdicts.append((named, named is not None and named.service == fault.root))
        return verdicts


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    scores = [outcome.likeness for outcome in outcomes]
    named = [verdict for outcome in outcomes for verdict in outcome.named()]
    alerts = sum(len(outcome.truth) for outcome in outcomes)
    return {
        "ari": mean(score.ari for score in scores),
        "homogeneity": mean(score.homogeneity for score in scores),
        "completeness": mean(score.completeness for score in scores),
        "ari_apart": _mean_ari([outcome for outcome in outcomes if outcome.apart]),
        "ari_shared": _mean_ari([outcome for outcome in outcomes if not outcome.apart]),
        "cause_first": mean(right for _, right in named),
        "cause_right_of_named": mean([right for cause, right in named if cause] or [0]),
        "cause_unclear": mean(cause is None for cause, _ in named),
        "calibration_error": _calibration_error([(cause.score, right) for cause, right in named if cause]),
        "alerts_per_incident": alerts / sum(len(set(outcome.found.values())) for outcome in outcomes),
        "scenarios": _by_scenario(outcomes),
        "baselines": {
            "alertname": _baseline(outcomes, _alertname),
            "service": _baseline(outcomes, _service),
        },
    }


def in_short(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The figures that tell one line from another."""
    whole = figures(outcomes)
    kept = ("ari", "homogeneity", "completeness", "cause_first", "cause_right_of_named", "calibration_error")
    return {name: whole[name] for name in kept} | {"ari_by_service": whole["baselines"]["service"]["ari"]}


def _by_scenario(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """For each size of the topology, faults apart and shared, the figures beside the two baselines."""
    alike: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        services, _, kind = outcome.name.split("/")
        alike.setdefault(f"{services} {kind}", []).append(outcome)
    return {
        name: {
            "ari": _mean_ari(some),
            "cause_first": mean(right for outcome in some for _, right in outcome.named()),
            "ari_by_alertname": _baseline(some, _alertname)["ari"],
            "ari_by_service": _baseline(some, _service)["ari"],
        }
        for name, some in alike.items()
    }


def _alertname(sent: Sent) -> str:
    return sent.event.labels["alertname"]


def _service(sent: Sent) -> str:
    return service_of(sent.event.labels, ["service", "job"])


def _mean_ari(outcomes: Sequence[Outcome]) -> float:
    return mean([outcome.likeness.ari for outcome in outcomes] or [0.0])


def _calibration_error(judged: Sequence[tuple[float, bool]]) -> float:
    """How far scores are from the share that is right, on average over fifths of the scale."""
    fifths: dict[int, list[tuple[float, bool]]] = {}
    for score, right in judged:
        fifths.setdefault(min(int(score * 5), 4), []).append((score, right))
    gaps = [abs(sum(score - right for score, right in fifth)) for fifth in fifths.values()]
    return sum(gaps) / max(len(judged), 1)


def _baseline(outcomes: Sequence[Outcome], key: Callable[[Sent], str]) -> dict[str, float]:
    """Grouping by an equal label, as Alertmanager does; a group that was quiet for five minutes is over."""
    scores = [_baseline_of(outcome, key) for outcome in outcomes]
    return {name: mean(getattr(score, name) for score in scores) for name in Likeness._fields}


def _baseline_of(outcome: Outcome, key: Callable[[Sent], str]) -> Likeness:
    groups: dict[str, tuple[str, float]] = {}
    found: dict[str, str] = {}
    for sent in outcome.storm.sent:
        if sent.alert not in found:
            value = key(sent)
            name, last = groups.get(value, ("", float("-inf")))
            groups[value] = (name if sent.arrives - last <= 300 else f"{value}@{sent.arrives}", sent.arrives)
            found[sent.alert] = groups[value][0]
    alerts = list(found)
    return compare([outcome.truth[alert] for alert in alerts], [found[alert] for alert in alerts])
