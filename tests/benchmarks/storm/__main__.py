"""Correlation and cause on simulated storms: two faults at once, noise, changes, late and lost information.

Each storm goes through the real pipeline on SQLite. Half of them have faults that reach services of their own, half
may reach the same ones. ``ari_apart`` and ``ari_shared`` tell them apart; every other figure is over all.

The figures are those of the whole topology and the senders' own groups, or of what ``--topology``, ``--group-by`` and
``--generator`` name. Without these, ``lines`` has the figures of the others, and ``estate`` those of storms of one
estate one after the other, without a topology: how much better the last ones are than the first is what was learnt.
"""

import asyncio
import json
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.storm.alerts import Catalogue, make_storm, read_catalogue
from tests.benchmarks.storm.groups import GROUPINGS, TOPOLOGIES
from tests.benchmarks.storm.hardships import HARDSHIPS
from tests.benchmarks.storm.outcome import Outcome, figures, in_short
from tests.benchmarks.storm.runs import GENERATORS, LAST, MONTH, Line, outcomes_of, outcomes_of_estate, rules_of
from tests.benchmarks.storm.speed import measure

SERVICES = (10, 30, 100, 250, 500)
SEEDS = (1, 2, 3)
OF_LINES = SEEDS[:1]
ESTATES = (30, 100)
LINES = (
    Line("half"),
    *(Line("none", grouping) for grouping in GROUPINGS),
    Line(generator="other"),
    Line("none", "cluster", "other"),
    *(Line(hardship=hardship) for hardship in HARDSHIPS if hardship != "none"),
)


def main() -> None:
    options = _options()
    catalogue = read_catalogue(require(require(options.data) / "alert-rules"))
    sizes, seeds = options.services or SERVICES, options.seed or SEEDS
    if options.month:
        report({"month": _month(catalogue, options.services or ESTATES[:1], options.seed or OF_LINES)})
        return
    chosen = [
        Line(topology, grouping, generator, hardship)
        for topology in options.topology or ["full"]
        for grouping in options.group_by or ["own"]
        for generator in options.generator or ["own"]
        for hardship in options.hardship or ["none"]
    ]
    by_line = {line: asyncio.run(outcomes_of(line, catalogue, sizes, seeds)) for line in chosen}
    outcomes = [outcome for some in by_line.values() for outcome in some]
    if options.out:
        _write(by_line, options.out)
    lines = {line.in_words(): in_short(some) for line, some in by_line.items()}
    whole = figures(outcomes)
    if _asks_for_everything(options):
        lines |= _other_lines(catalogue, sizes, options.seed or OF_LINES)
        whole |= {"estate": _estates(catalogue, options.seed or OF_LINES)}
    speed = {} if options.no_speed else asyncio.run(_speed(catalogue))
    report(whole | {"lines": lines} | speed)


def _options() -> Namespace:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--seed", type=int, action="append", help="may be given several times; default: several")
    parser.add_argument("--services", type=int, action="append", help="size of the estate, likewise")
    parser.add_argument("--topology", choices=TOPOLOGIES, action="append", help="how much of it is described, likewise")
    parser.add_argument("--group-by", choices=GROUPINGS, action="append", help="how the senders group, likewise")
    parser.add_argument("--generator", choices=GENERATORS, action="append", help="whose storms, likewise")
    parser.add_argument("--hardship", choices=HARDSHIPS, action="append", help="what is wrong besides, likewise")
    parser.add_argument("--month", action="store_true", help="sixty storms of one estate in thirty days instead")
    parser.add_argument("--no-speed", action="store_true", help="leave out what an alert costs")
    return parser.parse_args()


def _asks_for_everything(options: Namespace) -> bool:
    return not (options.topology or options.group_by or options.generator or options.services or options.hardship)


def _other_lines(catalogue: Catalogue, sizes: Sequence[int], seeds: Sequence[int]) -> dict[str, Any]:
    return {line.in_words(): in_short(asyncio.run(outcomes_of(line, catalogue, sizes, seeds))) for line in LINES}


def _estates(catalogue: Catalogue, seeds: Sequence[int]) -> dict[str, Any]:
    """For each generator the mean ARI of the first storms, of each in turn, and of the last ones."""
    found = {}
    for generator in GENERATORS:
        line = Line("none", "cluster", generator)
        runs = [asyncio.run(outcomes_of_estate(line, catalogue, size, seed)) for size in ESTATES for seed in seeds]
        curve = [mean(one.likeness.ari for one in storm) for storm in zip(*runs, strict=True)]
        found[line.in_words()] = {"first": mean(curve[:LAST]), "last": mean(curve[-LAST:]), "curve": curve}
        print(f"{line.in_words()}, one estate: {found[line.in_words()]}", flush=True)
    return found


def _month(catalogue: Catalogue, sizes: Sequence[int], seeds: Sequence[int]) -> dict[str, Any]:
    """What is made of the last storms of a month, with all that was learnt, beside the first ones."""
    runs = [asyncio.run(outcomes_of_estate(Line(), catalogue, n, seed, MONTH)) for n in sizes for seed in seeds]
    first, last = ([one for run in runs for one in run[part]] for part in (slice(LAST * 2), slice(-LAST * 2, None)))
    return {"first": in_short(first), "last": in_short(last)}


def _write(by_line: Mapping[Line, Sequence[Outcome]], folder: Path) -> None:
    """All in one file; where there are several lines, the names say whose each is."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "incidents.jsonl").open("w") as file:
        for line, outcomes in by_line.items():
            before = f"{line.in_words()}/" if len(by_line) > 1 else ""
            for outcome in outcomes:
                file.writelines(_rows(outcome, f"{before}{outcome.name}"))


def _rows(outcome: Outcome, name: str) -> Iterator[str]:
    for alert, truth in outcome.truth.items():
        incident = outcome.found[alert]
        row = {"alert": f"{name}/{alert}", "truth": f"{name}/{truth}", "incident": f"{name}/{incident}"}
        yield json.dumps(row) + "\n"


async def _speed(catalogue: Catalogue) -> dict[str, float]:
    """A meltdown: sixty faults within four minutes over 500 services, while 1,000 to 100,000 alerts are active."""
    storm = make_storm(catalogue, 500, 1, apart=False, faults=60)
    return await measure(storm.sent, rules_of(storm))


if __name__ == "__main__":
    main()
