"""Whether vectors are as in the reference, sequentially: with one chance of a false alarm for the whole life."""

from typing import NamedTuple

import msgspec
import numpy as np
from threadpoolctl import threadpool_limits

from detectors.drift.domain import Sides
from detectors.drift.life import Life
from detectors.drift.packing import Array, pack, unpack
from detectors.drift.profile import Profile, build
from detectors.embeddings.profile import VectorProfile
from detectors.embeddings.space import MAIN, Read
from detectors.embeddings.witness import VectorDomain

_RECOVERED_BY = 2
_RISES = 1.5
"""Evidence from which on a drift may have begun."""


class Look(NamedTuple):
    """How it stands with a window.

    Parameters
    ----------
    drifted
        Whether the vectors are other than the reference's.
    evidence
        The e-value of the alarm; 1 without one.
    apart
        How well a classifier tells new vectors from the reference's: the area under the ROC curve, where it does.
    rises
        Whether there is any evidence, though it may not be enough.

    Examples
    --------
    >>> Look(drifted=False, evidence=1.0, apart=0.5, rises=False).apart
    0.5
    """

    drifted: bool
    evidence: float
    apart: float
    rises: bool


class VectorMonitor(msgspec.Struct):
    """Two tests of vectors in the space of their reference, each with half of ``alpha``.

    One bets on each main direction, the rest, the distance from the nearest cluster and the cluster by itself
    (:class:`~detectors.drift.life.Life`); the other on what a classifier sees in all of them together
    (:class:`~detectors.embeddings.witness.VectorDomain`). Both compare with vectors of the reference that neither
    fitted the space nor trained the classifier: without drift these and what comes are exchangeable, so that the
    promise of each holds, and by the union bound that of both.

    Parameters
    ----------
    alpha
        The chance of a false alarm in the whole life.
    seed
        Of lots.
    domain, life
        The state; :meth:`against` makes it.

    Examples
    --------
    >>> from detectors.embeddings.profile import profile_of
    >>> from detectors.embeddings.vectors import of_matrix
    >>> random = np.random.default_rng(0)
    >>> reference = profile_of(of_matrix(random.normal(size=(3000, 32))))
    >>> monitor = VectorMonitor.against(reference)
    >>> shifts = [0, 0, 0.5, 0.5]
    >>> [monitor.update(reference, reference.space.read(random.normal(s, size=(300, 32)))).drifted for s in shifts]
    [False, False, True, True]

    References
    ----------
    Lopez-Paz and Oquab: Revisiting classifier two-sample tests. ICLR 2017.
    Pandeva, Bakker, Naesseth and Forré: E-valuating classifier two-sample tests. TMLR 2024.
    """

    alpha: float
    seed: int
    domain: VectorDomain
    life: Life

    @classmethod
    def against(cls, reference: VectorProfile, alpha: float = 0.05, seed: int = 0) -> "VectorMonitor":
        """A monitor that begins; the reference needs a space."""
        return cls(alpha, seed, VectorDomain(alpha / 2, seed), Life.against(_profile(reference), alpha / 2, seed))

    def update(self, reference: VectorProfile, read: Read) -> Look:
        """How it stands with this window; ``reference`` is the same as at the beginning."""
        if not len(read.cluster):
            return self._look()
        with threadpool_limits(1):  # matrices so small are not worth the threads
            usual = _profile(reference)
            self.life.update(usual, usual.read(_columns(np.column_stack([read.numbers, read.cluster]))))
            self._recover_by_few()
            self.domain.update(Sides(reference.training[:, :-1], reference.holdout[:, :-1]), read.numbers)
        return self._look()

    def _recover_by_few(self) -> None:
        """It is over when the surest columns are as before: of many that moved by little that can hardly be seen."""
        recovery = self.life.recovery
        if recovery is not None and len(recovery.bins) > _RECOVERED_BY:
            surest = self.life.standing.columns[:_RECOVERED_BY]
            recovery.bins = {name: recovery.bins[name] for name in surest}
            recovery.drifted = {name: recovery.drifted[name] for name in surest}

    def _look(self) -> Look:
        standing, alarmed = self.life.standing, self.domain.alarmed
        lives = [self.life, *([self.domain.life] if self.domain.life else [])]
        drifted = standing.drifted or alarmed > 0
        rises = any(life.monitor.evidence > _RISES for life in lives)
        return Look(drifted, max(standing.evidence, alarmed), self.domain.apart, drifted or rises)

    def state(self) -> bytes:
        return pack(self)

    @classmethod
    def restore(cls, state: bytes) -> "VectorMonitor":
        return unpack(state, cls)


def _profile(reference: VectorProfile) -> Profile:
    """The vectors that did not fit the space, column by column."""
    return build(_columns(np.concatenate([reference.training, reference.holdout])), categorical=["cluster"])


def _columns(numbers: Array) -> dict[str, Array]:
    """The main directions and what is no direction; the others are for the classifier."""
    main = {f"direction {at}": column for at, column in enumerate(numbers[:, :-3].T[:MAIN], start=1)}
    return main | dict(zip(("rest", "distance", "cluster"), numbers.T[-3:], strict=True))
