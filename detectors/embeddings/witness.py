"""A classifier for vectors that is fitted in milliseconds: linear in the directions and in waves of them."""

import numpy as np

from detectors.drift.domain import Classifier, Domain, Seen, Sides
from detectors.drift.packing import Array
from detectors.embeddings.space import MAIN

_WAVES = 128
_RIDGE = 0.01
_PAIRS = 500
_TRAINED_BY = 4
"""Windows that a new classifier is trained on after an alarm."""
_LOOKS, _MOST_LOOKS = 3, 8
"""Windows in which it finds nothing, after which the drift is over: without evidence, and with a little."""


class Witness:
    """What new rows have more of than the reference's: Fisher's linear discriminant.

    The waves, of the main directions, are random Fourier features of a Gaussian kernel whose width is the median
    distance: with them alone the direction found is that of the witness function of the maximum mean discrepancy.

    Parameters
    ----------
    usual, new
        Of shape (rows, columns), both.
    seed
        Of the waves.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> witness = Witness(random.normal(size=(500, 3)), random.normal(size=(500, 3)) + 1, seed=0)
    >>> scores = witness.predict_proba(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))[:, 1]
    >>> bool(scores[1] > scores[0])
    True

    References
    ----------
    Rahimi and Recht: Random features for large-scale kernel machines. NIPS 2007.
    Gretton, Borgwardt, Rasch, Schölkopf and Smola: A kernel two-sample test. JMLR 13, 2012.
    """

    def __init__(self, usual: Array, new: Array, seed: int) -> None:
        random = np.random.default_rng([seed, 11])
        self._centre = usual.mean(axis=0)
        spread = usual.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        main = usual[:, :MAIN]
        pairs = random.integers(0, len(main), size=(2, _PAIRS))
        width = float(np.median(np.linalg.norm(main[pairs[0]] - main[pairs[1]], axis=1))) or 1.0
        self._waves = random.normal(size=(main.shape[1], _WAVES)) / width
        self._phases = random.uniform(0, 2 * np.pi, size=_WAVES)
        before, after = self._features(usual), self._features(new)
        apart = after.mean(axis=0) - before.mean(axis=0)
        spread_within = (np.cov(before, rowvar=False) + np.cov(after, rowvar=False)) / 2
        ridge = _RIDGE * np.eye(len(apart)) * np.trace(spread_within) / len(apart)
        self._weights = np.linalg.solve(spread_within + ridge, apart)

    def predict_proba(self, rows: Array) -> Array:
        """Scores in the second column, of shape (rows, 2): more for what is like the new rows."""
        scores = self._features(rows) @ self._weights
        return np.column_stack([-scores, scores])

    def _features(self, rows: Array) -> Array:
        waves = np.cos(rows[:, : len(self._waves)] @ self._waves + self._phases) * np.sqrt(2.0)
        return np.column_stack([(rows - self._centre) / self._spread, waves])


class VectorDomain(Domain):
    """A :class:`~detectors.drift.domain.Domain` for vectors, which looks again at what raised an alarm.

    The classifier that raised the alarm may know little of the drift, having been trained before it began, and could
    not say when it is over. So a new one is trained on what drifted: it finds the drift at once while that lasts, and
    where it finds nothing in some windows the drift is over.

    Parameters
    ----------
    alpha, seed, epoch, windows, training, collected, life, shares, apart
        As :class:`~detectors.drift.domain.Domain` has them.
    alarmed
        The evidence of an alarm that is not over; 0 without one.
    found_again
        Whether the new classifier found the drift.

    Examples
    --------
    >>> VectorDomain(alpha=0.01).apart
    0.5
    """

    alarmed: float = 0.0
    found_again: bool = False

    def update(self, sides: Sides, rows: Array) -> Seen:
        super().update(sides, rows)
        drifts = self.life is not None and self.life.standing.drifted
        if drifts and not self.alarmed and self.life is not None:
            self.alarmed, self.found_again = self.life.standing.evidence, False
            self.training, self.collected = [*self.training, *self.collected][-_TRAINED_BY:], []
            self.epoch, self.windows, self.life = self.epoch + 1, 0, None
        elif self.alarmed:
            self.found_again = self.found_again or drifts
            if not drifts and (self.found_again or self._finds_nothing()):
                self.alarmed = 0.0
        return self._seen()

    def _finds_nothing(self) -> bool:
        evidence = self.life.monitor.evidence if self.life is not None else 1.0
        return self.windows >= (_LOOKS if evidence <= 1.5 else _MOST_LOOKS)

    def _seen(self) -> Seen:
        if self.alarmed:
            return Seen(True, {}, self.alarmed, self.apart)
        return super()._seen()

    def _classifier(self, sides: Sides) -> Classifier:
        new = np.concatenate(self.training)
        return Witness(sides.training, new, self.seed) if len(new) > 1 else super()._classifier(sides)

    def _share(self, classifier: Classifier, sides: Sides, rows: Array, sign: float) -> dict[int, float]:
        return {}  # no direction means anything by itself
