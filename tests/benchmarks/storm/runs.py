"""Storms through the pipeline: each alone, or many of one estate one after the other."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from bot.domain.alert import identity_of
from bot.domain.event import AlertEvent, domain_of
from bot.domain.rules import CorrelationRules, Rules
from tests.benchmarks.storm.alerts import Catalogue, Sent, SentChange, Storm, make_storm
from tests.benchmarks.storm.estate import storms_of_estate
from tests.benchmarks.storm.groups import described, grouped
from tests.benchmarks.storm.hardships import HARDSHIPS
from tests.benchmarks.storm.other import make_other_storm, other_storms_of_estate
from tests.benchmarks.storm.outcome import Outcome
from tests.benchmarks.storm.pipeline import Result, run

GENERATORS = ("own", "other")
LEARNT = 10
"""Storms of an estate before the last ones: twenty incidents."""
LAST = 4
MONTH = 60
"""Storms of an estate in thirty days."""


class Line(NamedTuple):
    """What a line of figures is of."""

    topology: str = "full"
    grouping: str = "own"
    generator: str = "own"
    hardship: str = "none"

    def in_words(self) -> str:
        beside = "" if self.hardship == "none" else f", hardship {self.hardship}"
        return f"topology {self.topology}, group_by {self.grouping}, {self.generator} generator{beside}"


async def outcomes_of(line: Line, catalogue: Catalogue, sizes: Sequence[int], seeds: Sequence[int]) -> list[Outcome]:
    outcomes = []
    for services in sizes:
        for seed in seeds:
            for apart in (True, False):
                outcomes.append(await _outcome(line, catalogue, services, seed, apart))
                print(f"{line.in_words()}: {outcomes[-1].name}: {outcomes[-1].likeness}", flush=True)
    return outcomes


async def outcomes_of_estate(
    line: Line, catalogue: Catalogue, services: int, seed: int, count: int = LEARNT + LAST
) -> list[Outcome]:
    """One outcome a storm, in the order in which they came."""
    make = storms_of_estate if line.generator == "own" else other_storms_of_estate
    storms = make(catalogue, services, seed, count)
    sent = [grouped(storm.sent, line.grouping) for storm in storms]
    rules = rules_of(storms[0], line, f"{seed}/{services}")
    result = await _through(storms, sent, rules, line)
    return [
        _judged(f"{services}/{seed}/{n}", storm, some, result, n % 2 == 0)
        for n, (storm, some) in enumerate(zip(storms, sent, strict=True))
    ]


async def _outcome(line: Line, catalogue: Catalogue, services: int, seed: int, apart: bool) -> Outcome:
    make = make_storm if line.generator == "own" else make_other_storm
    storm = make(catalogue, services, seed, apart)
    storm = HARDSHIPS[line.hardship](storm, Random(f"{seed}/{services}/{line.hardship}"))
    sent = grouped(storm.sent, line.grouping)
    result = await _through([storm], [sent], rules_of(storm, line, f"{seed}/{services}"), line)
    return _judged(f"{services}/{seed}/{'apart' if apart else 'shared'}", storm, sent, result, apart)


async def _through(storms: Sequence[Storm], sent: Sequence[Sequence[Sent]], rules: Rules, line: Line) -> Result:
    arriving: list[Sent | SentChange] = [one for some in sent for one in some]
    arriving += [change for storm in storms for change in storm.changes]
    with tempfile.TemporaryDirectory(prefix="tandem-storm-") as folder:
        in_order = sorted(arriving, key=lambda one: one.arrives)
        return await run(Path(folder), in_order, rules, alone=line.grouping == "single")


def _judged(name: str, storm: Storm, sent: Sequence[Sent], result: Result, apart: bool) -> Outcome:
    truth = {one.alert: one.truth for one in sent}
    found = {one.alert: result.home.get(_identity(one.event), f"none-{one.alert}") for one in sent}
    return Outcome(name, storm._replace(sent=sent), apart, truth, found, result.causes)


def _identity(event: AlertEvent) -> str:
    return identity_of(domain_of(event.labels, CorrelationRules().partition_by), event)


WHOLE = Line()


def rules_of(storm: Storm, line: Line = WHOLE, seed: str = "") -> Rules:
    known: Mapping[str, list[str]] = described(storm.world.known, line.topology, seed)
    return Rules(correlation=CorrelationRules(service_labels=["service"]), depends_on=dict(known))
