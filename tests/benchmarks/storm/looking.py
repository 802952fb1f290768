"""What the checks of young incidents add: the same storms with and without them, each cause that they change, and why
the causes that are not right are not.

Counted is the first cause of the incident that holds most of a fault's alerts, as `cause_first` is; and of all other
incidents whether they name a service that has none of their alerts.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from unittest.mock import patch

from bot.domain.cause import Cause
from bot.pipeline.stages import explain
from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.storm.alerts import Catalogue, read_catalogue
from tests.benchmarks.storm.outcome import Outcome
from tests.benchmarks.storm.runs import GENERATORS, Line, outcomes_of
from tests.benchmarks.storm.score import main_incident

SERVICES, SEEDS = (10, 30, 100), (1, 2)


class Judged(NamedTuple):
    """For each fault ``right``, or why not; and how many other incidents name what has none of their alerts."""

    of_faults: list[str]
    strange: int


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--seed", type=int, action="append", help="may be given several times; default: several")
    parser.add_argument("--services", type=int, action="append", help="size of the estate, likewise")
    parser.add_argument("--generator", choices=GENERATORS, default="own", help="whose storms")
    options = parser.parse_args()
    catalogue = read_catalogue(require(require(options.data) / "alert-rules"))
    line, sizes, seeds = Line("full", "own", options.generator), options.services or SERVICES, options.seed or SEEDS
    with_them, without = asyncio.run(_both(line, catalogue, sizes, seeds))
    report(_compared(with_them, without))


async def _both(
    line: Line, catalogue: Catalogue, sizes: Sequence[int], seeds: Sequence[int]
) -> tuple[list[Judged], list[Judged]]:
    with_them = [_judged(one) for one in await outcomes_of(line, catalogue, sizes, seeds)]

    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    with patch.object(explain, "look", nothing):
        without = [_judged(one) for one in await outcomes_of(line, catalogue, sizes, seeds)]
    return with_them, without


def _judged(outcome: Outcome) -> Judged:
    services: dict[str, set[str]] = {}
    for sent in outcome.storm.sent:
        services.setdefault(outcome.found[sent.alert], set()).add(sent.event.labels.get("service", ""))
    own = [main_incident(outcome.truth, outcome.found, fault.id) or "" for fault in outcome.storm.faults]
    roots = [fault.root for fault in outcome.storm.faults]
    verdicts = [
        "right" if right else _why(root, incident, outcome.causes.get(incident, ()), services, roots)
        for root, incident, (_, right) in zip(roots, own, outcome.named(), strict=True)
    ]
    others = {incident: outcome.causes.get(incident) for incident in services.keys() - set(own)}
    strange = sum(causes[0].service not in services[one] for one, causes in others.items() if causes)
    return Judged(verdicts, strange)


def _why(
    root: str, incident: str, causes: Sequence[Cause], services: Mapping[str, set[str]], roots: Sequence[str]
) -> str:
    """In words, the same for all that are alike."""
    named, affected = [cause.service for cause in causes], services.get(incident, set()) - {""}
    what = "wrong: " if named else "unclear: "
    if named and named[0] in roots:
        later = ", and the right one after it" if root in named else ""
        return f"{what}the incident is of two faults, and the root of the other one is named{later}"
    if affected == {root}:
        return f"{what}no service but the root has an alert there"
    if root not in affected:
        elsewhere = any(root in some for some in services.values())
        return f"{what}{'the root has alerts in another incident alone' if elsewhere else 'no alert names the root'}"
    return f"{what}another service is likelier"


def _compared(with_them: Sequence[Judged], without: Sequence[Judged]) -> dict[str, Any]:
    pairs = [
        (now, before)
        for one, other in zip(with_them, without, strict=True)
        for now, before in zip(one.of_faults, other.of_faults, strict=True)
    ]
    return {
        "faults": len(pairs),
        "with": dict(Counter(now for now, _ in pairs).most_common()),
        "without": dict(Counter(before for _, before in pairs).most_common()),
        "changed": dict(Counter(f"{before} -> {now}" for now, before in pairs if now != before)),
        "strange_elsewhere": {
            "with": sum(one.strange for one in with_them),
            "without": sum(one.strange for one in without),
        },
    }


if __name__ == "__main__":
    main()
