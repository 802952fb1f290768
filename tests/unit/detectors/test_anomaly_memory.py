"""What a watched series takes in memory, and that packing it changes no score."""

import gc
import math
import tracemalloc
from collections.abc import Callable
from random import Random

import pytest

from detectors.anomaly.floats import floats
from detectors.anomaly.novelty import HORIZON, PROTOTYPES, Novelty
from detectors.anomaly.sample import Sample
from detectors.groups.member import Member

MOST_BYTES = 8000
SERIES, SAMPLES = 3, 1000

Shape = Callable[[int, Random], float]


class Plain:
    """Novelty as its docstring tells it, with a list for everything."""

    def __init__(self, spans: list[float], reach: float) -> None:
        self.spans, self.reach, self.count = spans, reach, 0
        self.means: list[float] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.prototypes: list[list[float]] = []
        self.fresh = 0

    def update(self, value: float) -> float:
        self.count += 1
        means = self.means or [value] * len(self.spans)
        low, high = self.low or means, self.high or means
        spans = [min(span, self.count) for span in self.spans]
        self.means = [mean + (value - mean) / span for mean, span in zip(means, spans, strict=True)]
        self.low, self.high = list(map(min, low, self.means)), list(map(max, high, self.means))
        tolerance = [self.reach * (most - least) for least, most in zip(self.low, self.high, strict=True)]
        away = [[abs(a - b) for a, b in zip(self.means, one, strict=True)] for one in self.prototypes]
        near = (i for i, one in enumerate(away) if all(far <= most for far, most in zip(one, tolerance, strict=True)))
        index, surprise = next(near, None), 0.0
        if index is None:
            scales = [1 / most if most else 0.0 for most in tolerance]
            reaches = [max(far * scale for far, scale in zip(one, scales, strict=True)) for one in away]
            surprise = min(reaches, default=0.0)
        matched = list(floats(self.means)) if index is None else self.prototypes.pop(index)
        self.prototypes = [matched, *self.prototypes][:PROTOTYPES]
        self.fresh = min(self.fresh + (index is None or index >= self.fresh), PROTOTYPES)
        if self.count % HORIZON == 0:
            self.prototypes, self.fresh = self.prototypes[: self.fresh], 0
            columns = list(zip(*self.prototypes, strict=True))
            self.low, self.high = list(map(min, columns)), list(map(max, columns))
        return surprise


def seasonal(at: int, random: Random) -> float:
    return 50 + 40 * math.sin(at / 46) + random.gauss(0, 1)


def skewed(at: int, random: Random) -> float:
    return random.lognormvariate(0, 1)


def growing(at: int, random: Random) -> float:
    return at / 100 + random.gauss(0, 1)


def steps(at: int, random: Random) -> float:
    return float(random.randrange(70) + at // 900)


@pytest.mark.parametrize("spans", [(1.0,), (1.0, 3.0, 10.0), (30.0,)], ids=str)
@pytest.mark.parametrize("shape", [seasonal, skewed, growing, steps])
def test_surprises_are_those_of_a_plain_search_to_the_last_bit_also_after_a_restart(
    shape: Shape, spans: tuple[float, ...]
) -> None:
    random, plain, packed = Random(1), Plain(list(spans), 0.05), Member.of({}, counter=False)
    packed.ensemble.value = Novelty(spans=spans, reach=0.05)
    for at in range(3000):
        value = shape(at, random)
        assert packed.ensemble.value.update(Sample(60.0 * at, value, 60.0)) == plain.update(value)
        if at % 700 == 699:
            packed = Member.restore(packed.state())


def test_what_matched_nothing_for_long_is_forgotten_as_by_a_plain_search() -> None:
    plain, packed = Plain([1.0], 0.05), Novelty(spans=(1.0,), reach=0.05)
    for at in range(HORIZON * 2 + 10):
        value = 1000.0 * (at == 5) + at % 3
        assert packed.update(Sample(60.0 * at, value, 60.0)) == plain.update(value)
    assert (len(packed.prototypes), packed.high) == (3, (2.0,))


def test_a_series_that_has_learnt_takes_less_than_8_kb_before_and_after_a_restart() -> None:
    random = Random(1)
    values = [random.gauss(0, 1.01**at) for at in range(SAMPLES)]  # nothing is like before: there is most to keep

    def learnt(name: int) -> Member:
        member = Member.of({"__name__": "latency_seconds", "pod": f"checkout-{name}"}, counter=False)
        for at, value in enumerate(values):
            member.update(60.0 * at, value)
        return member

    full = learnt(0).ensemble
    assert [len(part.prototypes) for part in (full.value, full.shape)] == [PROTOTYPES, 3 * PROTOTYPES]
    states = [learnt(name).state() for name in range(SERIES)]
    assert taken(lambda: [learnt(name) for name in range(SERIES)]) / SERIES < MOST_BYTES
    assert taken(lambda: [Member.restore(state) for state in states]) / SERIES < MOST_BYTES


def taken(make: Callable[[], object]) -> int:
    """Bytes that stay in memory with what is made."""
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        made = make()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        del made
        return after - before
    finally:
        tracemalloc.stop()
