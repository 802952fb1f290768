"""How often autonomy is given to a runbook that does not deserve it, and how many clicks it saves one that does.

``python -m tests.benchmarks.autonomy [--histories 10000] [--runs 200]``: synthetic histories, each of a runbook whose
true rate of success is drawn, or stands right at the limit. After every run the rule is asked, as Tandem asks it; while
autonomy holds, runs need no click; a failure takes it away until people have approved as many anew.
"""

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

from detectors.earned import ALPHA, evidence, recent
from tests.benchmarks.command import report

AFTER = 10
LIMITS = (0.5, 0.7, 0.8, 0.9, 0.95)


@dataclass
class Result:
    histories: int = 0
    given: int = 0
    runs: int = 0
    alone: int = 0


@lru_cache(maxsize=1_000_000)
def _enough(successes: int, weight: float, at_least: float) -> bool:
    return evidence(successes, weight, at_least) >= 1 / ALPHA


def live(rate: float, at_least: float, runs: int, draw: random.Random, result: Result) -> None:
    """The life of one runbook, by the rule of :mod:`bot.domain.runs.autonomy`."""
    successes = failures = since = 0
    extra, ever = 0.0, False
    result.histories += 1
    for _ in range(runs):
        alone = since >= AFTER and _enough(successes, round(failures + extra, 3), at_least)
        ever |= alone
        result.runs, result.alone = result.runs + 1, result.alone + alone
        good = draw.random() < rate
        extra = recent(extra, not good)
        successes, failures = successes + good, failures + (not good)
        since = 0 if not good else since + (not alone)
    result.given += ever


def _measured(histories: int, runs: int, drawn: Callable[[random.Random, float], float]) -> Result:
    result = Result()
    for number, at_least in zip(range(histories), (limit for _ in count() for limit in LIMITS), strict=False):
        draw = random.Random(number)
        live(drawn(draw, at_least), at_least, runs, draw, result)
    return result


SETTINGS: dict[str, Callable[[random.Random, float], float]] = {
    "true rate exactly at_least": lambda _draw, limit: limit,
    "true rate below it, uniform": lambda draw, limit: draw.uniform(0, limit),
    "true rate above it, uniform": lambda draw, limit: draw.uniform(limit, 1),
    "true rate 0.99": lambda _draw, _limit: 0.99,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=200)
    given = parser.parse_args(arguments)
    print(
        f"{given.histories} histories of {given.runs} runs each; at_least {', '.join(map(str, LIMITS))}; after {AFTER}"
    )
    figures: dict[str, dict[str, float]] = {}
    for name, drawn in SETTINGS.items():
        result = _measured(given.histories, given.runs, drawn)
        share, saved = result.given / result.histories, result.alone / result.runs
        figures[name] = {"given": share, "saved": saved}
        print(f"{name:30} given at any time to {share:7.2%} of the runbooks   clicks saved {saved:7.2%}")

    report(figures)
