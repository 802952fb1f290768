"""Months of metrics in which nothing is wrong, as services have them: not white, not normal, and with holes.

All series of a group move together by what users do (days, weeks, slow growth) and by a wander of their own that is
correlated over hours. Samples get lost, scrapes fail for up to an hour, and counters begin anew.
"""

import math
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

DAY = 86_400.0
BEGIN = 1_700_438_400.0  # a Monday, midnight UTC
_LOST = 0.002
_OUTAGES_A_DAY = 0.1
_LONGEST_OUTAGE = 3600.0
_RESETS_A_DAY = 0.15


class Flow(NamedTuple):
    """A series of a group: its labels, and the values of its samples by their times."""

    labels: dict[str, str]
    samples: Iterator[tuple[float, float]]


Values = Callable[[Random, "Load", float], Iterator[float]]
"""Yields a value each interval: what the series of a group share, and its interval in seconds."""


class Load:
    """What users do: days and weeks, and a wander that all series of a group share. Moments in ascending order."""

    def __init__(self, random: Random, interval: float) -> None:
        self._random, self._interval = random, interval
        self._day, self._weekend = random.uniform(0.1, 0.6), random.uniform(0.3, 1.0)
        self._peak, self._growth = random.uniform(9, 20), random.uniform(-0.1, 0.2)
        self._remembered = math.exp(-interval / random.uniform(1800, 4 * 3600))
        self._size, self._wander = random.uniform(0.02, 0.1), 0.0
        self._known: list[float] = []

    def at(self, row: int) -> float:
        """About 1."""
        while len(self._known) <= row:
            self._known.append(self._next(BEGIN + len(self._known) * self._interval))
        return self._known[row]

    def _next(self, at: float) -> float:
        fresh = self._size * math.sqrt(1 - self._remembered**2)
        self._wander = self._remembered * self._wander + self._random.gauss(0, fresh)
        hour, weekday = at % DAY / 3600, int((at - BEGIN) // DAY) % 7
        daily = 1 + self._day * math.cos(2 * math.pi * (hour - self._peak) / 24)
        weekly = self._weekend if weekday >= 5 else 1.0
        return daily * weekly * math.exp(self._wander) * (1 + self._growth * (at - BEGIN) / (30 * DAY))


def _correlated(random: Random, interval: float, seconds: float) -> Iterator[float]:
    """Of variance 1, and forgotten over so many seconds."""
    kept, state = math.exp(-interval / seconds), 0.0
    while True:
        state = kept * state + math.sqrt(1 - kept * kept) * random.gauss(0, 1)
        yield state


def _heavy(random: Random, degrees: int = 4) -> float:
    """Student's t."""
    return random.gauss(0, 1) / math.sqrt(random.gammavariate(degrees / 2, 2 / degrees))


def _drawn(random: Random, mean: float) -> int:
    """A count of Poisson's distribution."""
    if mean > 50:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count


def latency(random: Random, load: Load, interval: float) -> Iterator[float]:
    """A quantile in seconds: log-normal with tails, spreading more at times, slower under load."""
    base, tail = random.uniform(0.02, 1.0), random.uniform(0.05, 0.25)
    calm, spread = _correlated(random, interval, 1200), _correlated(random, interval, 7200)
    for row, (middle, wide) in enumerate(zip(calm, spread, strict=True)):
        size = tail * math.exp(0.5 * wide)
        yield base * load.at(row) ** 0.4 * math.exp(0.1 * middle + size * _heavy(random) / 2)


def requests(random: Random, load: Load, interval: float) -> Iterator[float]:
    """A counter of requests, of more spread than Poisson's, which begins anew at a restart."""
    rate, total = random.choice([0.5, 5.0, 50.0, 500.0]), 0.0
    busy = _correlated(random, interval, 600)
    for row, more in enumerate(busy):
        if random.random() < _RESETS_A_DAY * interval / DAY:
            total = 0.0
        total += _drawn(random, rate * interval * load.at(row) * math.exp(0.08 * more))
        yield total


def errors(random: Random, load: Load, interval: float) -> Iterator[float]:
    """A counter of failures: few, in clusters."""
    rate, total = random.choice([0.001, 0.01, 0.1]), 0.0
    clustered = _correlated(random, interval, 900)
    for row, more in enumerate(clustered):
        if random.random() < _RESETS_A_DAY * interval / DAY:
            total = 0.0
        total += _drawn(random, rate * interval * load.at(row) * math.exp(0.9 * more - 0.4))
        yield total


def utilisation(random: Random, load: Load, interval: float) -> Iterator[float]:
    """CPU as a share of 1, with a job each hour and now and then a spike."""
    base, job = random.uniform(0.05, 0.4), random.uniform(0.0, 0.2)
    wander = _correlated(random, interval, 1800)
    for row, more in enumerate(wander):
        hourly = job if (row * interval) % 3600 < max(interval, 300) else 0.0
        spike = random.uniform(0, 0.4) if random.random() < 0.002 else 0.0
        yield min(1.0, max(0.0, base * load.at(row) + hourly + spike + 0.02 * more + random.gauss(0, 0.01)))


def memory(random: Random, load: Load, interval: float) -> Iterator[float]:
    """Bytes of a heap: it grows and is collected, and begins low after a restart."""
    least, grows = random.uniform(2e8, 2e9), random.uniform(0.5, 6)
    used, most = 0.0, 1.0
    row = 0
    while True:
        if random.random() < _RESETS_A_DAY * interval / DAY:
            used = 0.0
        used += least * grows * interval / DAY * load.at(row) * random.uniform(0.5, 1.5)
        if used > most * least:
            used, most = used * random.uniform(0.05, 0.25), random.uniform(0.7, 1.2)
        yield least + used
        row += 1


def backup(random: Random, load: Load, interval: float) -> Iterator[float]:
    """Bytes written a second, little but for a job each night, a longer one on Sundays and one each fourth week."""
    begins, lasts, rate = random.uniform(0, 5) * 3600, random.uniform(600, 3600), random.uniform(5, 50)
    row = 0
    while True:
        day, second = divmod(row * interval, DAY)
        if second < interval:
            late, slower = random.expovariate(1 / 300), random.lognormvariate(0, 0.25)
        longer = 6.0 if day % 28 == 6 else 2.0 if day % 7 == 6 else 1.0
        runs = begins + late <= second < begins + late + lasts * slower * longer
        yield (rate if runs else 1.0) * load.at(row) ** 0.2 * random.lognormvariate(0, 0.2)
        row += 1


def queue(random: Random, load: Load, interval: float) -> Iterator[float]:
    """The length of a queue: nearly always empty, and full in bursts that end by themselves."""
    length, bursts = 0.0, random.uniform(1, 12)
    row = 0
    while True:
        if random.random() < bursts * interval / DAY:
            length += random.paretovariate(1.8) * 20 * load.at(row)
        length *= math.exp(-interval / 400)
        yield float(_drawn(random, length + 0.2))
        row += 1


KINDS: dict[str, tuple[str, Values]] = {
    "latency": ("latency_seconds", latency),
    "requests": ("requests_total", requests),
    "errors": ("errors_total", errors),
    "utilisation": ("cpu_utilisation", utilisation),
    "memory": ("heap_bytes", memory),
    "backup": ("disk_written_bytes", backup),
    "queue": ("queue_length", queue),
}


def group(kind: str, seed: int, series: int, interval: float) -> list[Flow]:
    """The series of a group, without end. Of ``mixed``, each is of another kind."""
    random = Random(f"{kind}/{seed}")
    load, kinds = Load(random, interval), list(KINDS)
    flows = []
    for n in range(series):
        name, values = KINDS[kinds[n % len(kinds)] if kind == "mixed" else kind]
        labels = {"__name__": name, "service": f"{kind}-{seed}", "shard": str(n)}
        own = Random(random.random())
        flows.append(Flow(labels, _with_holes(own, values(own, load, interval), interval)))
    return flows


def _with_holes(random: Random, values: Iterator[float], interval: float) -> Iterator[tuple[float, float]]:
    until, late = 0.0, random.uniform(0, interval)
    for row, value in enumerate(values):
        at = BEGIN + row * interval + late
        if random.random() < _OUTAGES_A_DAY * interval / DAY:
            until = at + random.expovariate(8 / _LONGEST_OUTAGE)
        if at >= until and random.random() >= _LOST:
            yield at + random.uniform(0, 0.01), value
