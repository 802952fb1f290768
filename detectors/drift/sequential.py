"""A monitor of drift whose false alarms are under control for its whole life, however often it checks."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec
import numpy as np
from scipy.special import betaln

from detectors.drift.packing import Array, pack, unpack
from detectors.drift.profile import Profile
from detectors.drift.ranks import Bins, bins_of, halves

_BINS = 32
_SPREADS = (10.0, 100.0, 1000.0)
"""How surely a changed split is like the reference's, in rows: from large changes to small ones."""
MEMORY = 0.5
"""What a batch weighs beside the next one in what is learnt of the drift."""
_SHARE = 0.2
"""Of the money held back, ``_SHARE / t`` is put in at batch ``t``: so that a drift may begin at any time."""
_LEAST_FRESH = 1e-6


class Verdict(NamedTuple):
    """``evidence`` against "no drift so far" (an e-value), whether it is ``drift``, and the columns that drifted.

    The surest column comes first. ``drift`` stays once it was said: the promise is about the first time.

    Parameters
    ----------
    evidence
        An e-value: 1 where there is none, 1/alpha for an alarm.
    drift
        Whether an alarm was raised.
    columns
        Names, the surest first.

    Examples
    --------
    >>> Verdict(evidence=25.0, drift=True, columns=["size"]).drift
    True
    """

    evidence: float
    drift: bool
    columns: list[str]


class Monitor(msgspec.Struct):
    """A sequential test of every column's distribution against the reference's, for as long as it lives.

    The guarantee: as long as all rows are exchangeable with the reference's (independent draws from one and the same
    distribution, whichever it is), the chance that ``update`` *ever* says drift is at most ``alpha``: over all columns
    (however they depend on each other), all batches (of whatever sizes, without end) and the draw of the reference
    itself. Of the columns named, the expected share of wrong ones is at most ``alpha``.

    Why: a column's bin counts have a known law without drift (see ``ranks``), so the money of a gambler who bets on
    other counts at these fair odds is a test martingale: it starts at 1, and by Ville's inequality it ever reaches
    1/alpha with probability at most alpha (Ville 1939; Shafer, Testing by betting, JRSS A 184, 2021; Ramdas, Grünwald,
    Vovk and Shafer, Game-theoretic statistics and safe anytime-valid inference, Statistical Science 38, 2023). It is a
    conformal test martingale (Vovk, Testing randomness online, Statistical Science 36, 2021). The mean of the columns'
    is one again (Vovk and Wang, E-values: calibration, combination and applications, Annals of Statistics 49, 2021);
    the columns are named by e-BH (Wang and Ramdas, False discovery rate control with e-values, JRSS B 84, 2022).

    The bets: bins are halved again and again, and each split may have changed, by much or by little, from what the
    reference and all batches so far say, or may be as in the last batches; money that won stays with the bet that won.
    The splits' factors multiply, as they are independent without drift (a Pólya tree; Holmes, Caron, Griffin and
    Stephens, Two-sample Bayesian nonparametric hypothesis testing, Bayesian Analysis 10, 2015).

    Rows that depend on each other or on the hour of the day are not exchangeable with a reference that was shuffled:
    then give a reference and batches that each cover the whole season.

    State: some 300 numbers a column, however long it lives. The lots for equal values are drawn from ``seed``: the same
    batches give the same verdicts.

    Parameters
    ----------
    alpha
        The chance of a false alarm in the whole life.
    seed
        Of the random order of equal values.
    bins, urn, recent, bets, log_wealth, held_back, batches, drift
        The state; :meth:`against` makes it.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> random = np.random.default_rng(1)
    >>> reference = build({"price": random.normal(size=1000), "size": random.normal(size=1000)})
    >>> monitor = Monitor.against(reference)
    >>> for _ in range(50):
    ...     batch = {"price": random.normal(size=100), "size": random.normal(size=100)}
    ...     verdict = monitor.update(reference.read(batch))
    >>> verdict.drift
    False
    >>> for _ in range(3):
    ...     batch = {"price": random.normal(size=100), "size": random.normal(size=100) + 1}
    ...     verdict = monitor.update(reference.read(batch))
    >>> verdict.drift, verdict.columns
    (True, ['size'])

    References
    ----------
    Ramdas, Grünwald, Vovk and Shafer: Game-theoretic statistics and safe anytime-valid inference. Statistical Science
    38, 2023.
    Vovk: Testing randomness online. Statistical Science 36, 2021.
    """

    alpha: float
    seed: int
    bins: dict[str, Bins]
    urn: Array
    """What the reference and all batches so far put into each bin: columns × bins."""
    recent: Array
    """What the last batches put there, forgetting: columns × bins."""
    bets: Array
    """How the money in play is divided: columns × splits × kinds of bets."""
    log_wealth: Array = msgspec.field(name="log_in_play")  # the name in stored states
    """The logarithm of each column's money in play."""
    held_back: float = 1.0
    batches: int = 0
    drift: bool = False

    @classmethod
    def against(cls, reference: Profile, alpha: float = 0.05, seed: int = 0) -> "Monitor":
        """A monitor of the reference's columns; ``reference`` needs one row at least."""
        if not reference.rows:
            raise ValueError("a reference needs one row at least")
        count = bin_count(reference.rows)
        random = np.random.default_rng([seed, 0])
        bins = {name: bins_of(column, count, random) for name, column in reference.columns.items()}
        urn = np.array([b.sizes for b in bins.values()], dtype=np.float64)
        bets = np.repeat(_first_bets(count)[None], len(bins), axis=0)
        return cls(alpha, seed, bins, urn, np.zeros_like(urn), bets, np.full(len(bins), -np.inf))

    def update(self, now: Profile) -> Verdict:
        """The verdict with this batch, as the reference reads it. A column that the batch lacks is not bet on."""
        self.batches += 1
        counts = self._counts(now)
        self._put_in()
        self._pay_out(_log_odds(self.urn, self.recent, counts))
        self.urn, self.recent = self.urn + counts, MEMORY * self.recent + counts
        return self._verdict()

    def state(self) -> bytes:
        return pack(self)

    @classmethod
    def restore(cls, state: bytes) -> "Monitor":
        return unpack(state, cls)

    def _counts(self, now: Profile) -> Array:
        random = np.random.default_rng([self.seed, self.batches])
        counts = np.zeros_like(self.urn)
        for at, (name, bins) in enumerate(self.bins.items()):
            if name in now.columns:
                counts[at] = bins.counts(now.columns[name], random)
        return counts

    def _put_in(self) -> None:
        """Some of the money held back comes into play, on the bets as they stood at first."""
        fresh = self.held_back * _SHARE / self.batches
        self.held_back -= fresh
        self.log_wealth = np.logaddexp(self.log_wealth, math.log(fresh))
        share = np.exp(math.log(fresh) - self.log_wealth).clip(_LEAST_FRESH, 1)[:, None, None]
        self.bets = (1 - share) * self.bets + share * _first_bets(self.urn.shape[1])

    def _pay_out(self, log_odds: Array) -> None:
        best = log_odds.max(axis=2, keepdims=True)
        won = self.bets * np.exp(log_odds - best)
        factors = won.sum(axis=2, keepdims=True)
        self.bets = won / factors
        self.log_wealth = self.log_wealth + (np.log(factors) + best).sum(axis=(1, 2))

    @property
    def evidence(self) -> float:
        """The e-value against "no drift so far"."""
        return float(self._money().mean())

    def _money(self) -> Array:
        """Each column's, of shape (columns,)."""
        return np.asarray(np.exp(self.log_wealth.clip(max=600)) + self.held_back)

    def _verdict(self) -> Verdict:
        money = self._money()
        evidence = float(money.mean())
        self.drift = self.drift or evidence >= 1 / self.alpha
        named = _surest(dict(zip(self.bins, money.tolist(), strict=True)), self.alpha) if self.drift else []
        return Verdict(evidence, self.drift, named)


def bin_count(rows: int) -> int:
    """In how many bins a column of a reference of so many rows is parted: a power of 2.

    Parameters
    ----------
    rows
        Of the reference.

    Returns
    -------
    The number of bins.

    Examples
    --------
    >>> bin_count(10), bin_count(1_000_000)
    (8, 32)
    """
    return int(min(_BINS, 2 ** int(math.log2(rows + 1))))


def _surest(money: Mapping[str, float], alpha: float) -> list[str]:
    """The columns that e-BH names; at least the first."""
    ranked = sorted(money, key=money.__getitem__, reverse=True)
    enough = [place for place, name in enumerate(ranked, 1) if place * money[name] >= len(ranked) / alpha]
    return ranked[: max(enough, default=1)]


def _log_odds(urn: Array, recent: Array, counts: Array) -> Array:
    """What one unit on each bet becomes, as a logarithm: columns × splits × kinds of bets."""
    left, right = halves(urn.shape[1])
    before, seen, lately = (np.stack([x @ left, x @ right]) for x in (urn, recent, counts))
    alike = before / before.sum(axis=0)
    kinds = [spread * alike for spread in _SPREADS] + [_SPREADS[0] * alike + seen]
    usual = _log_chance(before, lately)
    return np.stack([np.zeros_like(usual), *(_log_chance(kind, lately) - usual for kind in kinds)], axis=2)


def _log_chance(before: Array, lately: Array) -> Array:
    """The chance of so many rows to the left and right, of which these many were expected: a beta-binomial's log."""
    return np.asarray(betaln(*(before + lately)) - betaln(*before))


@lru_cache
def _first_bets(count: int) -> Array:
    """One split of each level is expected to have changed, at most half of them: splits × kinds of bets."""
    changed = np.concatenate([np.full(2**depth, 0.5 ** max(depth, 1)) for depth in range(count.bit_length() - 1)])
    kinds = len(_SPREADS) + 1
    return np.column_stack([1 - changed, *[changed / kinds] * kinds])
