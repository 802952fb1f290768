"""Correlation and alert-based cause on simulated storms: two faults at once, noise, late and lost information.

Each storm goes through the real pipeline on SQLite. Half of them have faults that reach services of their own, half
may reach the same ones. ``ari_apart`` and ``ari_shared`` tell them apart; every other figure is over all.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from bot.domain.alert import identity_of
from bot.domain.cause import Cause
from bot.domain.event import service_of
from bot.domain.rules import CorrelationRules, Rules
from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.storm_alerts import Catalogue, Sent, Storm, make_storm, read_catalogue
from tests.benchmarks.storm_pipeline import run
from tests.benchmarks.storm_score import Likeness, compare, main_incident
from tests.benchmarks.storm_speed import measure

SERVICES = (10, 30, 100, 250, 500)
SEEDS = (1, 2, 3)


class Outcome(NamedTuple):
    """What became of one storm."""

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


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--seed", type=int, action="append", help="may be given several times; default: several")
    parser.add_argument("--services", type=int, action="append", help="size of the topology, likewise")
    options = parser.parse_args()
    catalogue = read_catalogue(require(require(options.data) / "alert-rules"))
    outcomes = asyncio.run(_run_all(catalogue, options.services or SERVICES, options.seed or SEEDS))
    if options.out:
        _write(outcomes, options.out)
    report(_figures(outcomes) | asyncio.run(_speed(catalogue)))


async def _run_all(catalogue: Catalogue, sizes: Sequence[int], seeds: Sequence[int]) -> list[Outcome]:
    outcomes = []
    for services in sizes:
        for seed in seeds:
            for apart in (True, False):
                outcomes.append(await _outcome(catalogue, services, seed, apart))
                print(f"{outcomes[-1].name}: {outcomes[-1].likeness}")
    return outcomes


async def _outcome(catalogue: Catalogue, services: int, seed: int, apart: bool) -> Outcome:
    storm = make_storm(catalogue, services, seed, apart)
    with tempfile.TemporaryDirectory(prefix="tandem-storm-") as folder:
        result = await run(Path(folder), storm.sent, rules_of(storm))
    truth = {sent.alert: sent.truth for sent in storm.sent}
    found = {sent.alert: result.home.get(identity_of("", sent.event), f"none-{sent.alert}") for sent in storm.sent}
    name = f"{services}/{seed}/{'apart' if apart else 'shared'}"
    return Outcome(name, storm, apart, truth, found, result.causes)


def rules_of(storm: Storm) -> Rules:
    return Rules(correlation=CorrelationRules(service_labels=["service"]), depends_on=dict(storm.world.known))


def _figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
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
    return mean([outcome.likeness.ari for outcome in outcomes])


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


def _write(outcomes: Sequence[Outcome], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "incidents.jsonl").open("w") as file:
        for outcome in outcomes:
            for alert, truth in outcome.truth.items():
                line = {
                    "alert": f"{outcome.name}/{alert}",
                    "truth": f"{outcome.name}/{truth}",
                    "incident": f"{outcome.name}/{outcome.found[alert]}",
                }
                file.write(json.dumps(line) + "\n")


async def _speed(catalogue: Catalogue) -> dict[str, float]:
    """A meltdown: sixty faults within four minutes over 500 services, while 1,000 to 100,000 alerts are active."""
    storm = make_storm(catalogue, 500, 1, apart=False, faults=60)
    return await measure(storm.sent, rules_of(storm))


if __name__ == "__main__":
    main()
