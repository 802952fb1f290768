"""Drift of all columns together: a classifier that tries to tell new rows from the reference's."""

import math
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from detectors.drift.life import Life
from detectors.drift.packing import Array, pack, unpack
from detectors.drift.profile import build

_WINDOWS = 4
"""So many windows are scored by one classifier and then train the next."""
_ROWS = 2_000
_TREES = {"max_iter": 40, "max_leaf_nodes": 8, "learning_rate": 0.2, "early_stopping": False}
_NAMED = 3
_WORTH_NAMING = 0.1


class Classifier(Protocol):
    """What gives each row a score, in the second column: more for what is like new rows.

    Examples
    --------
    >>> hasattr(Classifier, "predict_proba")
    True
    """

    def predict_proba(self, rows: Array) -> Array: ...


class Sides(NamedTuple):
    """The reference's rows, in two halves by lot: one trains classifiers, one tells what they say of the reference.

    Parameters
    ----------
    training, holdout
        Halves of the reference, each of shape (rows, columns).

    Examples
    --------
    >>> sides = Sides.of(np.arange(20.0).reshape(10, 2))
    >>> sides.training.shape, sides.holdout.shape
    ((5, 2), (5, 2))
    """

    training: Array
    holdout: Array

    @classmethod
    def of(cls, rows: Array, seed: int = 0) -> "Sides":
        """From rows × columns as :func:`detectors.drift.encoding.encoded` gives them; 4,000 rows at most are used."""
        chosen = np.random.default_rng(seed).permutation(len(rows))[: 2 * _ROWS]
        return cls(rows[chosen[::2]], rows[chosen[1::2]])


class Seen(NamedTuple):
    """``drifted``: whether the rows are told apart; ``shares``: what each column does for that, by place.

    ``apart`` is how well: the area under the ROC curve, ½ for not at all, and never less: rows whose scores are all
    smaller stand out, too.

    Parameters
    ----------
    drifted
        Whether the rows are told from the reference.
    shares
        By place of the column, between 0 and 1.
    evidence
        The e-value against "as the reference".
    apart
        The area under the ROC curve, between ½ and 1.

    Examples
    --------
    >>> Seen(drifted=True, shares={0: 1.0}, evidence=40.0, apart=0.9).apart
    0.9
    """

    drifted: bool
    shares: dict[int, float]
    evidence: float
    apart: float


class Domain(msgspec.Struct):
    """A domain classifier whose false alarms are under control for its whole life.

    A classifier is trained on half of the reference and on some windows, and scores the windows that follow; a
    :class:`~detectors.drift.life.Life` compares their scores with those of the reference's other half. Without drift
    these are exchangeable, as the classifier has seen neither; so its promise holds for each classifier. The k-th may
    raise a false alarm with probability ``alpha``·6/(π²k²), and all of them together with ``alpha``.

    (The classifier test: Lopez-Paz and Oquab, Revisiting classifier two-sample tests, ICLR 2017. By betting: Pandeva,
    Bakker, Naesseth and Forré, E-valuating classifier two-sample tests, TMLR 2024.)

    Parameters
    ----------
    alpha
        The chance of a false alarm in the whole life.
    seed
        Of the classifiers and of the choice of rows.
    epoch, windows, training, collected, life, shares, apart
        The state.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> sides, domain = Sides.of(random.normal(size=(2000, 3))), Domain()
    >>> together = random.normal(size=(500, 2, 1)) + 0.3 * random.normal(size=(500, 2, 2))
    >>> for at in range(2):
    ...     seen = domain.update(sides, np.column_stack([together[:, at], random.normal(size=500)]))
    >>> seen.drifted, sorted(seen.shares)
    (True, [0, 1])

    References
    ----------
    Lopez-Paz and Oquab: Revisiting classifier two-sample tests. ICLR 2017.
    Pandeva, Bakker, Naesseth and Forré: E-valuating classifier two-sample tests. TMLR 2024.
    """

    alpha: float = 0.05
    seed: int = 0
    epoch: int = 0
    windows: int = 0
    """Of this epoch."""
    training: list[Array] = []
    """The windows that trained this epoch's classifier."""
    collected: list[Array] = []
    """This epoch's windows, for the next one's."""
    life: Life | None = None
    shares: dict[int, float] = {}
    apart: float = 0.5

    def update(self, sides: Sides, rows: Array) -> Seen:
        """How it stands with this window, rows × columns; ``sides`` are the same as at the beginning."""
        if not len(rows) or not len(sides.training) or not len(sides.holdout):
            return self._seen()
        if self.training:
            with threadpool_limits(1, "openmp"):  # for so few rows threads only wait for each other
                self._score(sides, rows)
        self.windows += 1
        self.collected = [*self.collected, self._sample(rows)][-_WINDOWS:]
        if not self._seen().drifted and (self.windows >= _WINDOWS or not self.training):
            self.epoch, self.windows, self.training, self.collected = self.epoch + 1, 0, self.collected, []
            self.life = None
        return self._seen()

    def _score(self, sides: Sides, rows: Array) -> None:
        classifier = self._classifier(sides)
        usual, lately = _scores(classifier, sides.holdout), _scores(classifier, rows)
        reference = build({"score": usual})
        if self.life is None:
            share = 6 / (math.pi * self.epoch) ** 2
            self.life = Life.against(reference, self.alpha * share, self.seed + self.epoch)
        above = _area(usual, lately)
        before = self.life.standing.drifted
        if self.life.update(reference, reference.read({"score": lately})).drifted and not before:
            self.shares = self._share(classifier, sides, rows, 1.0 if above >= 0.5 else -1.0)
        self.apart = max(above, 1.0 - above)

    def _classifier(self, sides: Sides) -> Classifier:
        new = np.concatenate(self.training)
        rows, label = np.concatenate([sides.training, new]), np.repeat([0, 1], [len(sides.training), len(new)])
        rows = np.where(np.isnan(rows).all(axis=0), 0.0, rows)  # the trees want a value in each column
        weight = np.where(label == 1, len(sides.training) / len(new), 1.0)
        trees = HistGradientBoostingClassifier(random_state=self.seed, **_TREES)
        fitted: Classifier = trees.fit(rows, label, sample_weight=weight)
        return fitted

    def _share(self, classifier: Classifier, sides: Sides, rows: Array, sign: float) -> dict[int, float]:
        """How much less the rows stand out, with one column as in the reference: as a part of the sum over columns.

        ``sign`` is -1 where they stand out by small scores.
        """
        random = np.random.default_rng([self.seed, self.epoch])
        rows = self._sample(rows)
        usual = sides.holdout[random.integers(len(sides.holdout), size=len(rows))]
        before = float(_scores(classifier, rows).mean())
        lost = []
        for column in range(rows.shape[1]):
            changed = rows.copy()
            changed[:, column] = usual[:, column]
            lost.append(max(sign * (before - float(_scores(classifier, changed).mean())), 0.0))
        whole = sum(lost) or 1.0
        ranked = sorted(range(len(lost)), key=lambda column: -lost[column])[:_NAMED]
        return {column: lost[column] / whole for column in ranked if lost[column] >= _WORTH_NAMING * whole}

    def _sample(self, rows: Array) -> Array:
        most = _ROWS // _WINDOWS
        return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)]

    def _seen(self) -> Seen:
        if self.life is None or not self.life.standing.drifted:
            return Seen(False, {}, 1.0, self.apart)
        return Seen(True, self.shares, self.life.standing.evidence, self.apart)

    def state(self) -> bytes:
        return pack(self)

    @classmethod
    def restore(cls, state: bytes) -> "Domain":
        return unpack(state, cls)


def _area(usual: Array, lately: Array) -> float:
    """The area under the ROC curve; of equal scores half counts."""
    ranked = np.sort(usual)
    below, up_to = (ranked.searchsorted(lately, side).mean() for side in ("left", "right"))
    return float(below + up_to) / 2 / len(usual)


def _scores(classifier: Classifier, rows: Array) -> Array:
    return np.asarray(classifier.predict_proba(rows)[:, 1])
