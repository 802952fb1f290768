"""Outliers: which rows are unlike all rows of the reference, and whether they are more than they may be. Pure."""

from typing import Any

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest

from bot.domain.watched.figures import Measured
from bot.domain.watched.monitor import WatchedModel
from bot.watches.models.kinds.outliers import OutlierMethod, OutlierRules
from bot.watches.models.kinds.registry import CheckInput, CheckSkipped, Outcome
from bot.watches.models.window import LoadedReference, Table, Window, chosen
from detectors.drift.encoding import encoded
from detectors.drift.packing import Array
from detectors.drift.profile import Numeric, Profile, as_numbers
from detectors.performance.betting import Bettor

_MOST_FITTED, _MOST_JUDGED = 20_000, 50_000
LEAST_OF_SERIES = 50
"""Values that the spectrum of a series can be told from."""


def check_outliers(rules: OutlierRules, given: CheckInput) -> Outcome:
    """By the distance of Mahalanobis from the reference's middle, or by an isolation forest (Liu, Ting and Zhou,
    Isolation forest, ICDM 2008), both of scikit-learn. Raises CheckSkipped.

    The forest sees combinations, and no more in a value far outside than in the outermost of the reference.
    """
    loaded = given.loaded()
    before, after = rows_of(given.model, given.window, loaded)
    name = f"{rules.method} {rules.usual}"
    if name not in loaded.fitted:
        is_forest = rules.method is OutlierMethod.IFOREST
        fitted = (IsolationForest(random_state=0) if is_forest else LedoitWolf()).fit(before)
        loaded.fitted[name] = fitted, float(np.quantile(_strangeness(fitted, before), 1 - rules.usual))
    fitted, threshold = loaded.fitted[name]
    return judge_outliers(rules, given.state, _strangeness(fitted, after) > threshold, loaded)


def _strangeness(fitted: Any, rows: Array) -> Array:
    return np.asarray(fitted.mahalanobis(rows) if isinstance(fitted, LedoitWolf) else -fitted.score_samples(rows))


def rows_of(model: WatchedModel, window: Window, loaded: LoadedReference) -> tuple[Array, Array]:
    """Rows of the reference and of the window as matrices, in deviations, what is missing as the median."""
    names = [name for name in model.features or loaded.features.columns if name not in model.ignore]
    names = [name for name in names if name in loaded.features.columns]
    if not names:
        raise CheckSkipped(f"the reference {loaded.version} has none of the columns that are watched")
    profile = Profile(loaded.features.rows, {name: loaded.features.columns[name] for name in names})
    before = encoded(profile, _some(loaded.table, _MOST_FITTED).features, names)
    after = encoded(profile, _some(window.table, _MOST_JUDGED).features, names)
    known = np.where(np.isnan(before).all(axis=0), 0.0, before)
    middle, spread = np.nanmedian(known, axis=0), np.nanstd(known, axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    filled = [(np.where(np.isnan(side), middle, side) - middle) / spread for side in (before, after)]
    return filled[0].astype(np.float32), filled[1].astype(np.float32)


def series_of(rules: OutlierRules, given: CheckInput) -> tuple[Array, Array]:
    """A column of the reference and of the window, each of shape (rows, 1), by time. Raises CheckSkipped."""
    loaded, name = given.loaded(), rules.column or ""
    if not isinstance(loaded.features.columns.get(name), Numeric):
        raise CheckSkipped(f"the reference {loaded.version} has no column {name} of numbers")
    sides = [_series(loaded.table, name, _MOST_FITTED), _series(given.window.table, name, _MOST_JUDGED)]
    for side, what in zip(sides, (f"the reference {loaded.version}", "the window"), strict=True):
        if len(side) < LEAST_OF_SERIES:
            raise CheckSkipped(f"{what} has {len(side)} values of {name}, and a series needs {LEAST_OF_SERIES}")
    return sides[0], sides[1]


def _series(table: Table, name: str, most: int) -> Array:
    """The last values that are numbers, in the order of time where that is known."""
    if name not in table.features:
        return np.zeros((0, 1), dtype=np.float32)
    values = as_numbers(table.features[name])
    if table.moments is not None:
        values = values[np.argsort(table.moments, kind="stable")]
    return values[np.isfinite(values)][-most:, np.newaxis].astype(np.float32)


def _some(table: Table, most: int) -> Table:
    """Of very many rows some, the same each time."""
    if table.rows <= most:
        return table
    mask = np.zeros(table.rows, dtype=bool)
    mask[np.random.default_rng(0).permutation(table.rows)[:most]] = True
    return chosen(table, mask)


def judge_outliers(rules: OutlierRules, blob: bytes, outliers: Array, loaded: LoadedReference) -> Outcome:
    """The share of outliers is bet on, so that the promise on false alarms is for the monitor's whole life."""
    bettor = Bettor.restore(blob) if blob else Bettor.at(rules.at_most, rules.alpha)
    firing, share = bettor.update(outliers.astype(np.float64)), float(np.mean(outliers)) if len(outliers) else 0.0
    summary = f"{share:.1%} of {len(outliers)} rows are unlike the reference {loaded.version}".replace("%", " %")
    summary += f", and {rules.at_most:.1%} at most should be".replace("%", " %")
    chance = f"a false alarm in its whole life with a chance of {rules.alpha:.2g} at most"
    measured = Measured("outliers", share, rules.at_most, rules.usual)
    return Outcome(bettor.state(), firing, summary, guarantee=chance, measured=measured)
