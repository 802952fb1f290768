"""Made logs: statements that write lines at rates of their own, with a daily season and a job once an hour."""

import math
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from bot.domain.event import LogLine

MINUTE = 60_000
START = 1_772_323_200_000  # 2026-03-01, at a whole minute


class Statement(NamedTuple):
    """Writes ``text`` with a number in it, ``rate`` times a minute."""

    text: str
    rate: float
    season: float = 0.0  # how much the rate rises and falls within a day, as a share
    spread: float = 0.0  # how much it varies besides chance


NORMAL = [
    Statement("GET /api/items/{} served from cache", 6.0, season=0.8),
    Statement("payment {} accepted by the gateway", 2.0, season=0.5, spread=0.3),
    Statement("session {} expired after idle time", 0.7),
    Statement("compaction of segment {} began", 0.1, spread=0.3),
    Statement("error while reading block {}: connection refused", 0.2, spread=0.3),
]


def minute_of(random: Random, statements: list[Statement], minute: int) -> list[LogLine]:
    """The lines of a minute, in no order."""
    day = math.sin(2 * math.pi * minute / 1440)
    lines = []
    for statement in statements:
        rate = statement.rate * (1 + statement.season * day)
        if statement.spread:
            rate *= random.gammavariate(1 / statement.spread, statement.spread)
        for _ in range(poisson(random, rate)):
            time = START + minute * MINUTE + random.randrange(MINUTE)
            lines.append(LogLine(time, statement.text.format(random.randrange(10**6))))
    return lines


def hourly(minute: int) -> list[LogLine]:
    """A job that says much once an hour."""
    times = range(START + minute * MINUTE, START + minute * MINUTE + 3000, 100)
    return [LogLine(time, f"nightly job did step {n}") for n, time in enumerate(times)] if minute % 60 == 0 else []


def poisson(random: Random, mean: float) -> int:
    if mean > 30:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, random.random()
    while product > limit:
        count, product = count + 1, product * random.random()
    return count


Write = Callable[[int], list[LogLine]]


def normal(seed: int) -> Write:
    """Writes the lines of the minute that it is asked for."""
    random = Random(seed)
    return lambda minute: minute_of(random, NORMAL, minute) + hourly(minute)
