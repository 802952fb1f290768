"""A canary beside the version that serves: false answers over a whole life of looking, and rows until an answer.

(a) Type I errors: a canary that is worse by exactly what is tolerated, looked at after every batch for its whole life:
how often "worse" and how often "not worse" is ever said. The same for the usual tests of two shares: at a fixed size,
looked at once; and looked at after every batch. (b) Rows of the canary until the answer, for canaries that are as good
and that are worse, beside the fixed size that has the power which was reached by then. (c) The same without labels.

The data is drawn: ``--data`` is not needed. ``--lives`` and ``--batches`` set the size of (a).
"""

import argparse
import math
import time
from typing import Any

import numpy as np
from scipy.stats import norm

from detectors.drift.packing import Array
from detectors.performance.challenge import ALPHA, Alike, Pairing, Versus
from tests.benchmarks.command import report

WRONG, MARGIN = 0.1, 0.05
SHARE, ROWS = 0.1, 500
"""Of the traffic the canary's part, and rows a batch."""
TRUE = {"as_good": 0.0, "better_by_0.02": -0.02, "worse_by_0.1": 0.1, "worse_by_0.2": 0.2}
HORIZON, SEEDS, POWER = 400, 60, 0.9
DISTANCE, MOST_APART = 0.1, 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="is not read")
    parser.add_argument("--out", help="is not written")
    parser.add_argument("--lives", type=int, default=200)
    parser.add_argument("--batches", type=int, default=200)
    options = parser.parse_args()
    report(_errors(options.lives, options.batches) | _delays() | _unlabelled(options.lives, options.batches))


def _batch(random: np.random.Generator, more: float) -> tuple[Array, Array]:
    """How bad the rows of both are."""
    ours = int(random.binomial(ROWS, SHARE))
    wrong = [random.random(count) < share for count, share in ((ours, WRONG + more), (ROWS - ours, WRONG))]
    return wrong[0].astype(np.float64), wrong[1].astype(np.float64)


def _errors(lives: int, batches: int) -> dict[str, Any]:
    found = dict.fromkeys(("worse", "not_worse", "fixed_worse", "fixed_not_worse", "peeking_worse", "peeking_not"), 0)
    begin = time.process_time()
    for seed in range(lives):
        random = np.random.default_rng(seed)
        versus, pairing, both = Versus(MARGIN), Pairing(), (list[Array](), list[Array]())
        peeked = {"peeking_worse": False, "peeking_not": False}
        for _ in range(batches):
            batch = _batch(random, MARGIN)
            versus.update(pairing.add(*batch))
            for rows, came in zip(both, batch, strict=True):
                rows.append(came)
            score = _score(both)
            peeked["peeking_worse"] |= score > norm.ppf(1 - ALPHA)
            peeked["peeking_not"] |= score < norm.ppf(ALPHA)
        score = _score(both)
        said = {"worse": versus.worse, "not_worse": versus.most_better >= -math.log(ALPHA)} | peeked
        said |= {"fixed_worse": score > norm.ppf(1 - ALPHA), "fixed_not_worse": score < norm.ppf(ALPHA)}
        found = {name: found[name] + bool(said[name]) for name in found}
    rates = {f"type_1_{name}": count / lives for name, count in found.items()}
    return rates | {"lives": lives, "looks": batches, "seconds_a_life": (time.process_time() - begin) / lives}


def _score(both: tuple[list[Array], list[Array]]) -> float:
    """The usual test's statistic of "worse by what is tolerated"."""
    ours, theirs = (np.concatenate(rows) for rows in both)
    if not len(ours) or not len(theirs):
        return 0.0
    spread = math.sqrt(ours.var() / len(ours) + theirs.var() / len(theirs))
    return float((ours.mean() - theirs.mean() - MARGIN) / spread) if spread else 0.0


def _delays() -> dict[str, Any]:
    found = dict[str, Any]()
    for name, more in TRUE.items():
        rows = sorted(_rows_until(seed, more) for seed in range(SEEDS))
        fixed = _fixed(more)
        found |= {
            f"rows_{name}_median": rows[len(rows) // 2],
            f"rows_{name}_p90": rows[int(0.9 * len(rows))],
            f"rows_{name}_fixed_size": fixed,
            f"rows_{name}_ratio": round(rows[len(rows) // 2] / fixed, 2),
        }
    return found


def _rows_until(seed: int, more: float) -> int:
    """Rows of the canary until the right answer; as many as its stream has where none comes."""
    random = np.random.default_rng([seed, 1])
    versus, pairing, rows = Versus(MARGIN), Pairing(), 0
    for _ in range(HORIZON):
        ours, theirs = _batch(random, more)
        rows += len(ours)
        versus.update(pairing.add(ours, theirs))
        if versus.worse if more > MARGIN else versus.not_worse:
            return rows
    return rows


def _fixed(more: float) -> int:
    """Rows of the canary that the usual test needs, known before and looked at once, for a power of 0.9."""
    ours = WRONG + more
    spread = ours * (1 - ours) + WRONG * (1 - WRONG) * SHARE / (1 - SHARE)
    return int(spread * ((norm.ppf(1 - ALPHA) + norm.ppf(POWER)) / (more - MARGIN)) ** 2) + 1


def _unlabelled(lives: int, batches: int) -> dict[str, Any]:
    """Predictions that are apart by exactly what is tolerated, and canaries that are alike or far apart."""
    outside, alike, apart = 0, list[int](), list[int]()
    for seed in range(lives):
        random, pair, wrong = np.random.default_rng([seed, 2]), Alike(), False
        for _ in range(batches):
            pair.add(random.uniform(DISTANCE, 1 + DISTANCE, ROWS // 10), random.uniform(0, 1, ROWS - ROWS // 10))
            found = pair.found()
            wrong |= found is not None and not found.low <= DISTANCE <= found.high
        outside += wrong
    for seed in range(20):
        for shift, rows in ((0.0, alike), (0.3, apart)):
            rows.append(_rows_unlabelled(np.random.default_rng([seed, 3]), shift))
    return {
        "type_1_predictions": outside / lives,
        "rows_predictions_alike_median": int(np.median(alike)),
        "rows_predictions_apart_by_0.3_median": int(np.median(apart)),
    }


def _rows_unlabelled(random: np.random.Generator, shift: float) -> int:
    pair = Alike()
    for at in range(1, HORIZON + 1):
        pair.add(random.uniform(shift, 1 + shift, ROWS // 10), random.uniform(0, 1, ROWS - ROWS // 10))
        found = pair.found()
        if found is not None and (found.high <= MOST_APART or found.low > MOST_APART):
            return at * (ROWS // 10)
    return HORIZON * (ROWS // 10)


if __name__ == "__main__":
    main()
