"""Anomalies in made series of many kinds: the default ensemble, by the Numenta benchmark's scoring.

Reads nothing. One threshold holds for all kinds, and for each kind the one that is best for the others is taken.
"""

import argparse
from collections.abc import Sequence

from detectors.anomaly import Ensemble
from tests.benchmarks.command import report
from tests.benchmarks.made.kinds import KINDS, Made, made
from tests.benchmarks.nab_scoring import PROFILES, Labelled, best_score, by_kind


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="series of each kind")
    options = parser.parse_args()
    series = [made(kind, seed) for kind in KINDS for seed in range(options.seeds)]
    report(figures([Labelled(one.kind, scores_of(one), one.windows) for one in series]))


def figures(series: Sequence[Labelled]) -> dict[str, object]:
    """By profile the score at the best threshold for all, and by kind that at the best one for the other kinds."""
    best = {name: round(best_score([one.scored for one in series], PROFILES[name]).score, 2) for name in PROFILES}
    return {**best, "kinds": by_kind(series, PROFILES["standard"])}


def scores_of(series: Made) -> list[float]:
    ensemble = Ensemble()
    return [ensemble.update(at, value) for at, value in zip(series.times, series.values, strict=True)]


if __name__ == "__main__":
    main()
