"""Made series of the kinds that operations see, with anomalies whose beginning is known.

They stand in for data that nobody has yet: cycles of a day and a week, drifts, heavy tails, counts, few distinct
values, irregular sampling. Each is made from a seed; its anomalies are of a size that one would notice on a chart.
"""

import math
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

DAY = 86_400.0
BEGIN = 1_700_438_400.0  # a Monday, midnight UTC
WINDOWS_SHARE = 0.1  # of a series' rows, as in the Numenta benchmark


class Made(NamedTuple):
    """A made series: seconds since the epoch, values, and its anomaly windows as first and last row."""

    kind: str
    times: list[float]
    values: list[float]
    windows: list[tuple[int, int]]


class Faults:
    """Which anomaly is under way at a row: ``n`` of them begin past the first fifth, well apart.

    ``of(row)`` is how far into one a row is, in rows, or None.
    """

    def __init__(self, random: Random, rows: int, n: int, lasts: int) -> None:
        room = 0.78 * rows / max(n, 1)
        self.begins = [int(0.2 * rows + room * (i + random.uniform(0.1, 0.8))) for i in range(n)]
        self._lasts, self._rows, self._n = lasts, rows, n

    def of(self, row: int) -> int | None:
        return next((row - begin for begin in self.begins if 0 <= row - begin < self._lasts), None)

    def number(self, row: int) -> int:
        return sum(begin <= row for begin in self.begins)

    def windows(self) -> list[tuple[int, int]]:
        """A tenth of the rows, shared by the anomalies, each window about the beginning of one."""
        half = int(WINDOWS_SHARE * self._rows / max(self._n, 1) / 2)
        return [(max(0, begin - half), min(self._rows - 1, begin + half)) for begin in self.begins]


Values = Iterator[tuple[float, float]]
Kind = Callable[[Random, Faults, int], Values]


class Shape(NamedTuple):
    """How a kind is made: rows, anomalies in them, how many rows one lasts, and what yields times and values."""

    rows: int
    anomalies: int
    lasts: int
    make: Kind


def _hour(at: float) -> float:
    return at % DAY / 3600


def _weekday(at: float) -> int:
    return int((at - BEGIN) // DAY) % 7


def _bump(hour: float, middle: float, width: float) -> float:
    away = min(abs(hour - middle), 24 - abs(hour - middle))
    return math.exp(-((away / width) ** 2))


def _steps(rows: int, seconds: float) -> Iterator[tuple[int, float]]:
    return ((row, BEGIN + row * seconds) for row in range(rows))


def demand(random: Random, faults: Faults, rows: int) -> Values:
    """Orders or rides each half hour: two peaks a day, other weekends; anomalous are days that are like no weekday."""
    level = 1.0
    for row, at in _steps(rows, 1800):
        level += 0.002 * (1 - level) + random.gauss(0, 0.004)
        busy = 0.15 + 0.6 * _bump(_hour(at), 9, 3) + 0.9 * _bump(_hour(at), 19, 4)
        if _weekday(at) >= 5:
            busy = 0.3 + 0.7 * _bump(_hour(at), 0, 3) + 0.6 * _bump(_hour(at), 16, 5)
        if faults.of(row) is not None:
            busy *= (0.35, 1.5, 0.55)[faults.number(row) % 3]
        yield at, float(round(15_000 * level * busy * random.lognormvariate(0, 0.05)))


def room(random: Random, faults: Faults, rows: int) -> Values:
    """Degrees each hour, with a weak day, weeks that wander and missing hours; anomalous is a failed cooling."""
    wander, at = 0.0, BEGIN
    for row in range(rows):
        at += 3600 * (1 if random.random() < 0.995 else random.randint(2, 30))
        wander += -0.004 * wander + random.gauss(0, 0.25)
        fault = faults.of(row)
        drift = 0.0 if fault is None else (1 if faults.number(row) % 2 else -1) * min(14.0, 0.6 * fault)
        yield at, 70 + wander + 1.5 * math.sin(2 * math.pi * _hour(at) / 24) + random.gauss(0, 0.5) + drift


def machine(random: Random, faults: Faults, rows: int) -> Values:
    """A temperature each five minutes, slow and smooth; anomalous are stops, and a decline before one."""
    heat, target = 0.0, 0.0
    for row, at in _steps(rows, 300):
        target += -0.001 * target + random.gauss(0, 0.25)
        heat += 0.05 * (target - heat) + random.gauss(0, 0.4)
        fault = faults.of(row)
        fall = 0.0 if fault is None else min(55.0, (0.15 if faults.number(row) % 2 else 2.0) * fault)
        yield at, 85 + heat - fall


def utilisation(random: Random, faults: Faults, rows: int) -> Values:
    """CPU in percent each five minutes with a job each hour; anomalous is a level that stays higher, or saturation."""
    level = random.uniform(10, 40)
    for row, at in _steps(rows, 300):
        job = 12 if row % 12 == 0 else 0
        busy = 6 * _bump(_hour(at), 14, 5)
        more = (0, 22, 60)[1 + faults.number(row) % 2] if faults.of(row) is not None else 0
        yield at, min(100.0, max(0.0, level + job + busy + more + random.gauss(0, 2.5)))


def latency(random: Random, faults: Faults, rows: int) -> Values:
    """Milliseconds each five minutes with single outliers that mean nothing; anomalous is what stays slow."""
    for row, at in _steps(rows, 300):
        slow = 1.9 if faults.of(row) is not None else 1.0
        outlier = random.paretovariate(1.8) if random.random() < 0.01 else 1.0
        yield at, 45 * slow * min(outlier, 6) * random.lognormvariate(0, 0.09) * (1 + 0.1 * _bump(_hour(at), 13, 5))


def cost(random: Random, faults: Faults, rows: int) -> Values:
    """Money a click each hour: a ratio, skewed and spiky, with a day; anomalous are several hours far dearer."""
    mood = 0.0
    for row, at in _steps(rows, 3600):
        mood = 0.9 * mood + random.gauss(0, 0.12)
        price = 0.08 * math.exp(mood + 0.25 * math.sin(2 * math.pi * _hour(at) / 24)) * random.lognormvariate(0, 0.25)
        if faults.of(row) is not None and random.random() < 0.6:
            price *= random.uniform(4, 8)
        yield at, round(price, 6)


def keys(random: Random, faults: Faults, rows: int) -> Values:
    """Seconds a key was held, at the times of keys: bursts and pauses; anomalous is somebody else who types."""
    at = BEGIN
    for row in range(rows):
        at += random.expovariate(1 / 60) if random.random() < 0.9 else random.lognormvariate(8.5, 1)
        other = faults.of(row) is not None
        yield at, (0.16 if other else 0.09) * random.lognormvariate(0, 0.5 if other else 0.2)


def speed(random: Random, faults: Faults, rows: int) -> Values:
    """Whole miles an hour, each five minutes or later, seldom at night; anomalous is a jam at the wrong hour."""
    at = BEGIN
    for row in range(rows):
        at += random.choice((300, 300, 300, 600, 900)) * (6 if _hour(at) < 5 and random.random() < 0.5 else 1)
        rush = 18 * (_bump(_hour(at), 8, 1.2) + _bump(_hour(at), 17.5, 1.5)) * (_weekday(at) < 5)
        jam = 38 if faults.of(row) is not None else 0
        yield at, float(max(3, round(67 - rush - jam + random.gauss(0, 3))))


def occupancy(random: Random, faults: Faults, rows: int) -> Values:
    """Percent of a road that is taken, irregular, skewed; anomalous is a day's profile that shifts and doubles."""
    at = BEGIN
    for row in range(rows):
        at += random.choice((300, 300, 600, 1200))
        day = 1 + 8 * _bump(_hour(at), 8, 2) + 9 * _bump(_hour(at), 17, 2.5)
        more = 2.4 if faults.of(row) is not None else 1.0
        yield at, round(day * more * random.gammavariate(6, 1 / 6), 2)


def travel(random: Random, faults: Faults, rows: int) -> Values:
    """Seconds of a trip, irregular, with tails of every day; anomalous is an hour that is slower by far."""
    at, jam = BEGIN, 0.0
    for row in range(rows):
        at += random.choice((300, 600, 600, 1500))
        jam = 0.7 * jam + (random.paretovariate(2.2) * 40 if random.random() < 0.06 else 0)
        rush = 90 * _bump(_hour(at), 8, 1.5) + 120 * _bump(_hour(at), 17, 2)
        more = 1400 if faults.of(row) is not None else 0
        yield at, float(round(240 + rush + min(jam, 500) + more + abs(random.gauss(0, 15))))


def mentions(random: Random, faults: Faults, rows: int) -> Values:
    """Counts each five minutes that excite themselves, with a day; anomalous are bursts beyond all others."""
    excited = 0.0
    for row, at in _steps(rows, 300):
        calm = 6 + 10 * _bump(_hour(at), 15, 5)
        news = random.paretovariate(1.6) * 6 if random.random() < 0.004 else 0.0
        if faults.of(row) == 0:
            news += random.uniform(150, 400)
        excited = 0.8 * excited + min(news, 90 if faults.of(row) is None else 1e9)
        mean = (calm + excited) * random.gammavariate(8, 1 / 8)
        yield at, float(max(0, round(random.gauss(mean, math.sqrt(mean)))))


def batches(random: Random, faults: Faults, rows: int) -> Values:
    """Bytes each five minutes, nearly none but for jobs at their hours; anomalous are jobs that hang or stay away."""
    for row, at in _steps(rows, 300):
        runs = row % 72 < 5 or (row % 288 > 250 and row % 288 < 262)
        fault = faults.of(row) is not None
        if fault:
            runs = faults.number(row) % 2 == 1
        yield at, (4e7 * random.lognormvariate(0, 0.1) if runs else 2000 * random.expovariate(1))


def levels(random: Random, faults: Faults, rows: int) -> Values:
    """One of few numbers, as replicas or a queue's length are, each minute; anomalous are a higher one and unrest."""
    now = 3
    for row, at in _steps(rows, 60):
        if random.random() < (0.4 if faults.of(row) is not None and faults.number(row) % 2 else 0.01):
            now = random.choice((2, 3, 3, 3, 4))
        queue = 6 if faults.of(row) is not None and faults.number(row) % 2 == 0 else 0
        yield at, float(now + queue)


def shifts(random: Random, faults: Faults, rows: int) -> Values:
    """A service whose level a deploy moves for good; anomalous is the move, not what follows."""
    level = 100.0
    for row, at in _steps(rows, 300):
        if row in faults.begins:
            level *= random.choice((0.6, 1.5, 1.8))
        yield at, level * (1 + 0.25 * math.sin(2 * math.pi * _hour(at) / 24)) * random.lognormvariate(0, 0.04)


def unrest(random: Random, faults: Faults, rows: int) -> Values:
    """Noise about a level each minute; anomalous is that it varies three times as much."""
    now = 0.0
    for row, at in _steps(rows, 60):
        now = 0.6 * now + random.gauss(0, 3 if faults.of(row) is not None else 1)
        yield at, 50 + now


def calm(random: Random, faults: Faults, rows: int) -> Values:
    """A day, noise and heavy tails, and nothing anomalous."""
    at, tail = BEGIN, random.choice((0.1, 0.4, 0.8))
    for _ in range(rows):
        at += random.choice((240, 300, 360))
        yield at, (20 + 10 * _bump(_hour(at), 12, 4)) * random.lognormvariate(0, tail)


KINDS = {
    "demand": Shape(6000, 4, 48, demand),
    "room": Shape(6000, 2, 60, room),
    "machine": Shape(9000, 3, 300, machine),
    "utilisation": Shape(6000, 1, 150, utilisation),
    "latency": Shape(4000, 2, 60, latency),
    "cost": Shape(1600, 2, 12, cost),
    "keys": Shape(3000, 2, 120, keys),
    "speed": Shape(2400, 3, 16, speed),
    "occupancy": Shape(2400, 2, 60, occupancy),
    "travel": Shape(2200, 3, 5, travel),
    "mentions": Shape(8000, 3, 20, mentions),
    "batches": Shape(4000, 2, 60, batches),
    "levels": Shape(4000, 2, 60, levels),
    "shifts": Shape(4000, 2, 1, shifts),
    "unrest": Shape(4000, 2, 120, unrest),
    "calm": Shape(4000, 0, 1, calm),
}


def made(kind: str, seed: int) -> Made:
    """The series of a kind that a seed gives."""
    rows, anomalies, lasts, make = KINDS[kind]
    random = Random(f"{kind} {seed}")
    faults = Faults(random, rows, anomalies, lasts)
    points = list(make(random, faults, rows))
    return Made(kind, [at for at, _ in points], [value for _, value in points], faults.windows())
