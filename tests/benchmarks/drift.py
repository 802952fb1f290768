"""Drift: the speed of the univariate check, false alarms over a monitor's life, and drifts of known kind found.

(a) Against alibi-detect's KSDrift in the same run, in CPU seconds of one core, the best of some rounds each. It runs in
the Python named by TANDEM_ALIBI_PYTHON or in this one; where that has no alibi-detect, scipy's ks_2samp stands in for
it, column by column as it calls it, and the figures say so.
(b) Monitors of 50 columns over 1,000 batches without drift.
(c) Streams with a drift. Delays are in batches, and one not found counts as long as its stream lasts; they are compared
with the uncontrolled test, KS on every batch with Bonferroni's correction.

DIR need only exist: the data is scikit-learn's own, or drawn.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import ks_2samp

from detectors.drift.ordered import kolmogorov_smirnov
from detectors.drift.profile import Profile, build
from detectors.drift.result import drifted
from detectors.drift.sequential import Monitor
from tests.benchmarks.command import parser_for, report, require
from tests.benchmarks.drift_cases import HORIZON, QUIET, Case, Table, cases

ROUNDS = 5
REFERENCE, BATCH, COLUMNS = 100_000, 10_000, 50
MONITORS, BATCHES, QUIET_ROWS = 40, 1000, 200
SEEDS = range(3)

Array = np.ndarray[Any, np.dtype[Any]]


class Theirs(NamedTuple):
    engine: str
    seconds: float
    p: Sequence[float]
    p_single: Sequence[float] | None = None
    """As KSDrift gives them, in single precision."""


class Outcome(NamedTuple):
    case: Case
    delay: int | None
    uncontrolled: int | None
    named: str | None
    early: bool


def main() -> None:
    options = parser_for(__doc__ or "").parse_args()
    require(options.data)
    speed, quiet = _speed(), _lifetimes()
    found = _found([watch(case) for case in cases(SEEDS)])
    report(speed | quiet | found)


def _speed() -> dict[str, Any]:
    random = np.random.default_rng(0)
    reference = random.normal(size=(REFERENCE, COLUMNS)).astype(np.float32)
    shifts = np.where(np.arange(COLUMNS) < 5, np.linspace(0.02, 0.1, COLUMNS), 0)
    batch = (random.normal(size=(BATCH, COLUMNS)) + shifts).astype(np.float32)
    theirs = _alibi(reference, batch) or _scipy(reference, batch)
    begin = time.process_time()
    profile = build(_table(reference))
    built = time.process_time() - begin
    seconds, p = _timed(lambda: _check(profile, batch))
    return {
        "speedup": theirs.seconds / seconds,
        "max_p_difference": _difference(p, theirs),
        "against": theirs.engine,
        "seconds_a_batch": seconds,
        "their_seconds_a_batch": theirs.seconds,
        "profile_build_s": built,
        "profile_mb": len(profile.state()) / 2**20,
    }


def _check(profile: Profile, batch: Array) -> list[float]:
    """All that a check does, from the batch as it comes to the columns named."""
    results = kolmogorov_smirnov(profile, profile.read(_table(batch)))
    drifted(results)
    return [result.p for result in results.values() if result.p is not None]


def _difference(p: Sequence[float], theirs: Theirs) -> float:
    exact = float(np.max(np.abs(np.array(p) - theirs.p)))
    if theirs.p_single is None:
        return exact
    return max(exact, float(np.max(np.abs(np.array(p, np.float32) - np.array(theirs.p_single, np.float32)))))


def _alibi(reference: Array, batch: Array) -> Theirs | None:
    python = os.environ.get("TANDEM_ALIBI_PYTHON", sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "arrays.npz", reference=reference, batch=batch)
        command = [python, str(Path(__file__).with_name("drift_alibi.py")), f"{folder}/arrays.npz", str(ROUNDS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"alibi-detect does not run there: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    answer = json.loads(done.stdout.splitlines()[-1])
    return Theirs("alibi-detect KSDrift", answer["seconds"], answer["p"], answer["p_single"])


def _scipy(reference: Array, batch: Array) -> Theirs:
    columns = list(zip(reference.T, batch.T, strict=True))
    seconds, p = _timed(lambda: [float(ks_2samp(*pair, method="asymp").pvalue) for pair in columns])
    return Theirs("scipy ks_2samp, a column at a time as KSDrift does", seconds, p)


def _timed(work: Callable[[], list[float]]) -> tuple[float, list[float]]:
    seconds = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        answer = work()
        seconds.append(time.process_time() - begin)
    return min(seconds), answer


def _lifetimes() -> dict[str, float]:
    begin = time.process_time()
    lives = [_life(seed) for seed in range(MONITORS)]
    return {
        "lifetime_false_alarms": float(np.mean([paged for paged, _ in lives])),
        "uncontrolled_lifetime_false_alarms": float(np.mean([first is not None for _, first in lives])),
        "uncontrolled_batches_to_page": float(np.mean([first or BATCHES for _, first in lives])),
        "monitors": MONITORS,
        "seconds_a_monitored_batch": (time.process_time() - begin) / MONITORS / BATCHES,
    }


def _life(seed: int) -> tuple[bool, int | None]:
    """Whether the monitor ever pages without drift, and the batch at which the uncontrolled test first does."""
    random = np.random.default_rng(seed)
    profile = build(_table(_quiet(random, 10 * QUIET_ROWS)))
    monitor, paged, first = Monitor.against(profile, seed=seed), False, None
    for at in range(1, BATCHES + 1):
        now = profile.read(_table(_quiet(random, QUIET_ROWS)))
        paged = monitor.update(now).drift
        if first is None and drifted(kolmogorov_smirnov(profile, now)):
            first = at
    return paged, first


def _quiet(random: np.random.Generator, rows: int) -> Array:
    """Columns that go together, every fifth of few values and every seventh with gaps."""
    values = random.normal(size=(rows, COLUMNS)) + random.normal(size=(rows, 1))
    values[:, ::5] = values[:, ::5].round()
    values[:, ::7] = np.where(random.random((rows, len(range(0, COLUMNS, 7)))) < 0.1, np.nan, values[:, ::7])
    return values


def watch(case: Case) -> Outcome:
    profile = build(case.reference())
    filled = build(_filled(case.reference()))
    monitor, delay, uncontrolled, named, early = Monitor.against(profile), None, None, None, False
    for at, batch in enumerate(case.batches(), 1 - QUIET):
        verdict = monitor.update(profile.read(batch))
        if verdict.drift and named is None:
            delay, named, early = at if at > 0 else None, verdict.columns[0], at < 1
        if at > 0 and uncontrolled is None and drifted(kolmogorov_smirnov(filled, filled.read(_filled(batch)))):
            uncontrolled = at
    return Outcome(case, delay, uncontrolled, named, early)


def _filled(table: Table) -> Table:
    """Missing values as one more value: so that the uncontrolled test sees them as well."""
    return {name: np.nan_to_num(column, nan=np.inf) for name, column in table.items()}


def _found(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    kinds = {outcome.case.kind: [o for o in outcomes if o.case.kind == outcome.case.kind] for outcome in outcomes}
    found = [outcome for outcome in outcomes if outcome.delay is not None]
    return {
        "delay_ratio": delay_ratio(outcomes),
        "recall": len(found) / len(outcomes),
        "feature_right": float(np.mean([outcome.named in outcome.case.right for outcome in found])),
        "uncontrolled_recall": float(np.mean([outcome.uncontrolled is not None for outcome in outcomes])),
        "delay_ratios": {kind: delay_ratio(some) for kind, some in kinds.items()},
        "delays": {kind: float(np.mean([o.delay or HORIZON for o in some])) for kind, some in kinds.items()},
        "early": sum(outcome.early for outcome in outcomes),
        "wrong": [
            f"{o.case.name} {o.case.kind} {o.case.feature}: {o.named}" for o in found if o.named not in o.case.right
        ],
    }


def delay_ratio(outcomes: Sequence[Outcome]) -> float:
    ours, theirs = (
        np.mean([delay or HORIZON for delay in delays])
        for delays in ([o.delay for o in outcomes], [o.uncontrolled for o in outcomes])
    )
    return float(ours / theirs)


def _table(values: Array) -> Table:
    return {f"x{n}": column for n, column in enumerate(values.T)}


if __name__ == "__main__":
    main()
