"""The rows of a reference and of a window as matrices, as alibi-detect takes them."""

from typing import NamedTuple

import numpy as np

from bot.domain.watched.finding import FindingKind
from bot.domain.watched.monitor import MonitorRules
from bot.watches.models.data_checks import compared
from bot.watches.models.kinds.registry import CheckInput
from bot.watches.models.window import chosen
from detectors.drift.encoding import encoded
from detectors.drift.packing import Array
from detectors.drift.profile import Profile


class Most(NamedTuple):
    """So many rows of each side are taken, the same each time and in their order."""

    reference: int
    window: int


def matrices_of(monitor: MonitorRules, given: CheckInput, before: Profile, most: Most) -> dict[str, Array]:
    """``reference`` and ``window``, with the columns of ``before``: what is missing as the median, and for what looks
    at all columns together in deviations of the reference."""
    names, loaded = list(before.columns), given.loaded()
    sides = {}
    for side, table, rows in (
        ("reference", loaded.table, most.reference),
        ("window", given.window.table, most.window),
    ):
        mask = np.zeros(table.rows, dtype=bool)
        mask[np.random.default_rng(0).permutation(table.rows)[:rows]] = True
        _, columns = compared(monitor, given.model, chosen(table, mask), loaded)
        sides[side] = encoded(before, columns, names)
    middle = np.nan_to_num(np.nanmedian(np.where(np.isnan(sides["reference"]), np.nan, sides["reference"]), axis=0))
    filled = {side: np.where(np.isnan(matrix), middle, matrix).astype(np.float32) for side, matrix in sides.items()}
    if monitor.kind == FindingKind.MULTIVARIATE:
        centre, spread = filled["reference"].mean(axis=0), filled["reference"].std(axis=0)
        spread = np.where(spread > 0, spread, 1)
        filled = {side: ((matrix - centre) / spread).astype(np.float32) for side, matrix in filled.items()}
    return filled
