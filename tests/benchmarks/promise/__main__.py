"""How often a watched group alerts where nothing is wrong, beside the promise of ``one_false_alarm_in``.

Reads nothing. Groups of series without any fault live for simulated months in the watch's own code; each begin of a
``MetricAnomaly`` is a false alarm. A rate of 1 is what is promised. Its interval is drawn from the groups, as alarms of
one group may depend on each other.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import NamedTuple

from tests.benchmarks.command import report
from tests.benchmarks.promise.life import DAY, Life, life
from tests.benchmarks.promise.noise import KINDS

_DRAWN = 2000


class Group(NamedTuple):
    """Which group lives, how it is watched, and for how many days."""

    kind: str
    seed: int
    series: int
    interval: float
    span: float
    days: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=6, help="groups of each kind")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--span", type=float, default=7.0, help="days in which one false alarm is promised")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", default=[*KINDS, "mixed"])
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    groups = list(_groups(options))
    with ProcessPoolExecutor(options.jobs) as pool:
        lives = list(pool.map(_live, groups))
    report(figures(groups, lives))


def _groups(options: argparse.Namespace) -> Iterator[Group]:
    """Of 1, 3 and 10 series in turn, every one or five minutes."""
    for kind in options.kinds:
        for n in range(options.groups):
            series, interval = (1, 3, 10)[n % 3], (60.0, 300.0)[n // 3 % 2]
            yield Group(kind, options.seed * 1000 + n, series, interval, options.span * DAY, options.days)


def _live(group: Group) -> Life:
    return life(group.kind, group.seed, group.series, group.interval, group.span, group.days)


def figures(groups: Sequence[Group], lives: Sequence[Life]) -> dict[str, object]:
    """False alarms for each one promised, with a 95 % interval, in all, in the first span, and after it."""
    pairs = list(zip(groups, lives, strict=True))
    kinds = dict.fromkeys(group.kind for group in groups)
    return {
        "groups": len(groups),
        "alarms": sum(len(one.alarms) for one in lives),
        "promised": round(sum(one.judged / group.span for group, one in pairs), 1),
        "rate": rated(pairs),
        "rate_first_span": rated(pairs, until=1.0),
        "rate_later": rated(pairs, since=1.0),
        "within_promise": round(sum(_ratio([pair]) <= 1.0 for pair in pairs) / len(pairs), 2),
        "kinds": {kind: rated([pair for pair in pairs if pair[0].kind == kind]) for kind in kinds},
    }


Pair = tuple[Group, Life]


def rated(pairs: Sequence[Pair], since: float = 0.0, until: float = float("inf")) -> dict[str, float]:
    """The rate in a part of the groups' lives, in spans since each began to be judged."""
    random = Random(1)
    drawn = sorted(_ratio(random.choices(pairs, k=len(pairs)), since, until) for _ in range(_DRAWN))
    low, high = drawn[int(0.025 * _DRAWN)], drawn[int(0.975 * _DRAWN)]
    return {"rate": round(_ratio(pairs, since, until), 3), "low": round(low, 3), "high": round(high, 3)}


def _ratio(pairs: Iterable[Pair], since: float = 0.0, until: float = float("inf")) -> float:
    alarms = promised = 0.0
    for group, one in pairs:
        lived = one.judged / group.span
        promised += max(0.0, min(lived, until) - since)
        alarms += sum(since <= (at - one.began) / group.span < until for at in one.alarms)
    return alarms / promised if promised else 0.0


if __name__ == "__main__":
    main()
