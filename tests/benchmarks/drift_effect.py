"""Drift with a least effect that counts: false alarms over a monitor's life, and how long a real drift takes.

(a) Monitors of ten columns over many batches, all of which moved by a little less than ``least_effect``: with and
without it, the share of monitors that ever alarm. (b) After a shift of one column, the batches until the alarm, with
and without it; one that is not found counts as long as its stream.

DIR need only exist: the data is drawn. ``--monitors`` and ``--batches`` set the size of (a).
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from detectors.drift.effect import Least
from detectors.drift.life import Life
from detectors.drift.packing import Array
from detectors.drift.profile import build
from tests.benchmarks.command import parser_for, report, require

LEAST, ANY = Least(psi=0.02), Least()
COLUMNS, BINS, REFERENCE = 10, 32, 2000
SHIFTS, ROWS, QUIET, HORIZON, SEEDS = (0.2, 0.3, 0.4, 1.0), (200, 2000), 10, 60, range(5)


def main() -> None:
    parser = parser_for(__doc__ or "")
    parser.add_argument("--monitors", type=int, default=40)
    parser.add_argument("--batches", type=int, default=500)
    options = parser.parse_args()
    require(options.data)
    report(_lives(options.monitors, options.batches) | _delays())


def edge() -> float:
    """The shift, in standard deviations, whose population stability index is a little less than what counts.

    >>> round(edge(), 2)
    0.14
    """
    cuts = norm.ppf(np.arange(1, BINS) / BINS)

    def index(shift: float) -> float:
        shares = np.diff(np.concatenate([[0.0], norm.cdf(cuts - shift), [1.0]]))
        return float(((shares - 1 / BINS) * np.log(shares * BINS)).sum())

    return float(brentq(lambda shift: index(shift) - 0.999 * LEAST.psi, 0.001, 1.0))


def _lives(monitors: int, batches: int) -> dict[str, Any]:
    """The reference is the population itself, or its own draw would be part of what is measured."""
    exact = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    profile, shift, begin = build({f"x{n}": exact for n in range(COLUMNS)}), edge(), time.process_time()
    alarms = {"least_effect": 0, "any_drift": 0}
    for seed in range(monitors):
        lives = {"least_effect": (Life.against(profile, seed=seed), LEAST), "any_drift": (Life.against(profile), ANY)}
        random = np.random.default_rng(seed)
        for _ in range(batches):
            now = profile.read(_table(random.normal(shift, 1, (200, COLUMNS))))
            for name, (life, least) in list(lives.items()):
                if life.update(profile, now, least).drifted:
                    alarms[name] += 1
                    del lives[name]
    found = {f"lifetime_alarms_at_the_edge_{name}": count / monitors for name, count in alarms.items()}
    seconds = (time.process_time() - begin) / monitors / batches
    return found | {"edge_in_deviations": shift, "monitors": monitors, "batches": batches, "seconds_a_batch": seconds}


def _delays() -> dict[str, Any]:
    found = dict[str, Any]()
    for rows in ROWS:
        for shift in SHIFTS:
            for name, least in (("least_effect", LEAST), ("any_drift", ANY)):
                delays = [_delay(seed, rows, shift, least) for seed in SEEDS]
                found[f"delay_{rows}_rows_{shift}_{name}"] = float(np.mean(delays))
    return found


def _delay(seed: int, rows: int, shift: float, least: Least) -> int:
    """Batches from the drift to the alarm that names a column which moved."""
    random = np.random.default_rng(seed)
    profile = build(_table(random.normal(size=(REFERENCE, COLUMNS))))
    life = Life.against(profile, seed=seed)
    for at, batch in enumerate(_batches(random, rows, shift), 1 - QUIET):
        if life.update(profile, profile.read(_table(batch)), least).drifted and at > 0:
            return at
    return HORIZON


def _batches(random: np.random.Generator, rows: int, shift: float) -> Iterator[Array]:
    for at in range(QUIET + HORIZON):
        batch = random.normal(size=(rows, COLUMNS))
        batch[:, 0] += shift * (at >= QUIET)
        yield batch


def _table(values: Array) -> dict[str, Array]:
    return {f"x{n}": column for n, column in enumerate(values.T)}


if __name__ == "__main__":
    main()
