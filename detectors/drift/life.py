"""The life of a drift monitor: quiet, drifted, recovered, quiet again."""

from typing import NamedTuple

import msgspec
import numpy as np

from detectors.drift.effect import Effects, Least
from detectors.drift.packing import Array, pack, unpack
from detectors.drift.profile import Profile
from detectors.drift.recovery import Recovery
from detectors.drift.sequential import MEMORY, Monitor


class Standing(NamedTuple):
    """Whether it is ``drifted`` by now, in which columns (the surest first), and the evidence when that was found.

    Parameters
    ----------
    drifted
        Whether the data is drifted now.
    columns
        Names, the surest first.
    evidence
        The e-value of the alarm; 1 without one.

    Examples
    --------
    >>> Standing(drifted=True, columns=["price"], evidence=40.0).columns
    ['price']
    """

    drifted: bool
    columns: list[str]
    evidence: float


class Life(msgspec.Struct):
    """A :class:`Monitor` that begins anew after its alarm, and a :class:`Recovery` that says when the alarm is over.

    The monitor's promise holds from each beginning to the next alarm. What drifts on in another way is found by the
    monitor that began anew, and then it is this from which the data must recover.

    Parameters
    ----------
    alpha
        The chance of a false alarm from each beginning.
    seed
        Of the random order of equal values.
    monitor, recovery, standing, lives, effects
        The state; :meth:`against` makes it.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> random = np.random.default_rng(1)
    >>> reference = build({"size": random.normal(size=1000)})
    >>> life = Life.against(reference)
    >>> batches = [random.normal(shift, size=200) for shift in (0, 0, 2, 2, 0, 0)]
    >>> [life.update(reference, reference.read({"size": batch})).drifted for batch in batches]
    [False, False, True, True, True, False]

    References
    ----------
    Shin, Ramdas and Rinaldo: E-detectors. New England Journal of Statistics in Data Science 2, 2024.
    """

    alpha: float
    seed: int
    monitor: Monitor
    recovery: Recovery | None = None
    standing: Standing = Standing(False, [], 1.0)
    lives: int = 1
    effects: Effects | None = None

    @classmethod
    def against(cls, reference: Profile, alpha: float = 0.05, seed: int = 0) -> "Life":
        """A life that begins; ``reference`` needs one row at least."""
        return cls(alpha, seed, Monitor.against(reference, alpha, seed))

    def update(self, reference: Profile, now: Profile, least: Least | None = None) -> Standing:
        """How it stands with this batch, as the reference reads it. ``reference`` is the same as at the beginning.

        With ``least`` an alarm has to be sure of two things: that there is drift, and that some column moved by more.
        """
        before = self.monitor.recent
        verdict = self.monitor.update(now)
        moved = self._moved(reference, now, before, least) if least is not None else verdict.columns
        if verdict.drift and moved:
            self._alarm(reference, moved, verdict.evidence)
        elif self.recovery is not None and self.recovery.update(now, self._random()):
            self._begin_anew(reference)
            self.recovery, self.standing = None, Standing(False, [], 1.0)
        return self.standing

    def _alarm(self, reference: Profile, columns: list[str], evidence: float) -> None:
        monitor = self.monitor
        recent = dict(zip(monitor.bins, monitor.recent, strict=True))
        self.recovery = Recovery.of({name: (monitor.bins[name], recent[name]) for name in columns})
        self.standing = Standing(True, columns, evidence)
        self._begin_anew(reference)

    def _moved(self, reference: Profile, now: Profile, before: Array, least: Least) -> list[str]:
        """The columns that moved by more than the least effect."""
        if self.effects is None:
            self.effects = Effects.against(reference, self.monitor.bins, least, self.alpha, self.seed)
        counts = np.round(self.monitor.recent - MEMORY * before)
        self.effects.update(now, self.monitor.bins, before, counts)
        return self.effects.moved(self.monitor.bins)

    def _begin_anew(self, reference: Profile) -> None:
        self.effects = None
        self.monitor = Monitor.against(reference, self.alpha, self.seed + self.lives)
        self.lives += 1

    def _random(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.lives, self.monitor.batches])

    def state(self) -> bytes:
        return pack(self)

    @classmethod
    def restore(cls, state: bytes) -> "Life":
        return unpack(state, cls)
