"""The Numenta Anomaly Benchmark's scoring: early detections inside windows earn, alarms outside of them cost.

Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms: the Numenta Anomaly Benchmark", ICMLA 2015.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

PROBATION_SHARE = 0.15
PROBATION_ROWS = 750


class Profile(NamedTuple):
    """What a false alarm and a missed window cost, where a detection at a window's start earns 1."""

    false_alarm: float = 0.11
    miss: float = 1.0


PROFILES = {"standard": Profile(), "low_fp": Profile(false_alarm=0.22), "low_fn": Profile(miss=2.0)}


class Scored(NamedTuple):
    """A file's anomaly scores, one a row, and its anomaly windows as first and last row."""

    scores: Sequence[float]
    windows: Sequence[tuple[int, int]]


class Best(NamedTuple):
    """The score at the best threshold for all files: 0 for a detector that is silent, 100 for a perfect one."""

    score: float
    threshold: float


class Labelled(NamedTuple):
    """A file of a kind, such as a category of the benchmark."""

    kind: str
    scores: Sequence[float]
    windows: Sequence[tuple[int, int]]

    @property
    def scored(self) -> Scored:
        return Scored(self.scores, self.windows)


class _Row(NamedTuple):
    """What a detection at one row is worth: σ in [-1, 1], and the window it falls into, if any."""

    score: float
    sigma: float
    window: tuple[int, int] | None


def best_score(files: Sequence[Scored], profile: Profile) -> Best:
    """Lower the threshold from row to row; keep the best total over all files."""
    rows = sorted((row for number, file in enumerate(files) for row in _rows(number, file)), key=lambda r: -r.score)
    windows = {row.window for row in rows if row.window}
    null = total = best = -profile.miss * len(windows)
    threshold = math.inf
    caught: dict[tuple[int, int], float] = {}
    for score, tied in groupby(rows, key=lambda row: row.score):
        total += sum(_gain(row, caught, profile) for row in tied)
        if total > best:
            best, threshold = total, score
    return Best(100 * (best - null) / (len(windows) - null) if windows else 0.0, threshold)


def score_at(files: Sequence[Scored], profile: Profile, threshold: float) -> float:
    """The score at a threshold that was chosen elsewhere, 0 for silence; without windows what false alarms cost."""
    rows = (row for number, file in enumerate(files) for row in _rows(number, file))
    caught: dict[tuple[int, int], float] = {}
    windows = {(number, window) for number, file in enumerate(files) for window in file.windows}
    total = sum(_gain(row, caught, profile) for row in rows if row.score >= threshold and row.score > 0)
    return 100 * total / ((1 + profile.miss) * len(windows)) if windows else total


def by_kind(files: Sequence[Labelled], profile: Profile) -> dict[str, float]:
    """For each kind its score at the threshold that is best for all others: what it would be, had it not been seen."""
    found = {}
    for kind in dict.fromkeys(file.kind for file in files):
        others = [file.scored for file in files if file.kind != kind]
        mine = [file.scored for file in files if file.kind == kind]
        found[kind] = round(score_at(mine, profile, best_score(others, profile).threshold), 2)
    return found


def _gain(row: _Row, caught: dict[tuple[int, int], float], profile: Profile) -> float:
    if row.window is None:
        return profile.false_alarm * row.sigma
    credit = row.sigma / sigmoid(-1)
    before = caught.get(row.window, -profile.miss)
    caught[row.window] = max(before, credit)
    return caught[row.window] - before


def _rows(number: int, file: Scored) -> Iterator[_Row]:
    """The rows that count: those after probation."""
    waiting = list(reversed(file.windows))
    past: tuple[int, int] | None = None
    start = probation(len(file.scores))
    for row, score in enumerate(file.scores):
        while waiting and row > waiting[-1][1]:
            past = waiting.pop()
        inside = waiting[-1] if waiting and row >= waiting[-1][0] else None
        if row >= start:
            yield _Row(score, _sigma(row, inside, past), (number, inside[0]) if inside else None)


def _sigma(row: int, inside: tuple[int, int] | None, past: tuple[int, int] | None) -> float:
    if inside:
        return sigmoid(-(inside[1] - row + 1) / (inside[1] - inside[0] + 1))
    return sigmoid((row - past[1]) / (past[1] - past[0])) if past else -1.0


def probation(rows: int) -> int:
    """How many rows at a file's start are for learning."""
    return int(min(PROBATION_SHARE * rows, PROBATION_ROWS))


def sigmoid(position: float) -> float:
    """NAB's scaled sigmoid: 0 at a window's right edge, near 1 at its left, -1 far past it."""
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1
