"""Whether a column moved by more than does harm: bets against "by so little at most", beside "not at all".

With enough rows any difference is sure, however small. The null here is composite: every distribution within a distance
of the reference's. For each batch a payoff is chosen by what came before, whose expectation is 0 at most under *every*
distribution within that distance; betting on it makes a test supermartingale (Waudby-Smith and Ramdas, Estimating means
of bounded random variables by betting, JRSS B 86, 2024), which ever reaches 1/alpha with probability alpha at most.

The population stability index is convex: at any guess p̂ of the shares it lies above its tangent, the mean of
ln(p̂/q) − q/p̂ + Σ q·ln(q/p̂) + 1, so that this less the limit is such a payoff. The Wasserstein distance is the largest
difference of the means of a function that is nowhere steeper than 1 (Kantorovich and Rubinstein, 1958): any such
function of the values, less its mean on the reference and the limit, is one.
"""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.drift.packing import Array
from detectors.drift.profile import Numeric, Profile
from detectors.drift.ranks import Bins, halves

_PARTS = 4
_PRIOR = 40.0
"""How surely a split of the bins is like the reference's, in rows, before anything came."""
_CAREFUL = 0.8
"""A guess is wrong by something: a little less than the best stake loses less by that."""
_SHARE = 0.2
"""Of the money held back, ``_SHARE / t`` is put in at batch ``t``: so that a drift may begin at any time."""
_EMPTIED = 0.2
"""What is left of a bin at least, by a guess: that bounds what can be lost."""
_MOST_DEALT = 10**9
"""Rows of a batch that NumPy deals into parts of one size."""
_BEYOND = 3.0
"""Values farther out than so many deviations from the reference's extremes count as that far."""


class Least(NamedTuple):
    """The least effect that counts: of a column, and the share of the columns that have to have it.

    Parameters
    ----------
    psi
        The population stability index, over the bins in which drift is looked for; 0 for any.
    wasserstein
        The Wasserstein distance in standard deviations of the reference, for numbers; 0 for any.
    columns
        The share of all columns, between 0 and 1.

    Examples
    --------
    >>> Least(psi=0.1).columns
    0.0
    """

    psi: float = 0.0
    wasserstein: float = 0.0
    columns: float = 0.0


class Steep(msgspec.Struct, frozen=True):
    """What is needed of a column of numbers for its Wasserstein distance.

    Parameters
    ----------
    knots
        Values between which a function may rise or fall, ascending.
    shares
        The share of the reference's values between two knots.
    means
        Their mean.
    deviation
        The standard deviation of the reference.

    Examples
    --------
    >>> Steep.of(Numeric(np.arange(100.0), 100, 0), np.array([49.5])).shares.tolist()
    [0.5, 0.5]
    """

    knots: Array
    shares: Array
    means: Array
    deviation: float

    @classmethod
    def of(cls, column: Numeric, edges: Array) -> "Steep":
        """Of the reference's column, with its bins' edges as knots."""
        values = column.values.astype(np.float64)
        values = values[np.isfinite(values)]
        deviation = float(values.std()) if len(values) else 0.0
        if not deviation or not math.isfinite(deviation):
            return cls(np.zeros(0), np.zeros(0), np.zeros(0), 0.0)
        inside = edges[(edges > values[0]) & (edges < values[-1])].astype(np.float64)
        ends = (values[0] - _BEYOND * deviation, values[-1] + _BEYOND * deviation)
        knots = np.unique(np.concatenate([[ends[0]], inside, [ends[1]]]))
        place = (knots.searchsorted(values, "left") - 1).clip(0, len(knots) - 2)
        counts = np.bincount(place, minlength=len(knots) - 1)
        sums = np.bincount(place, values, len(knots) - 1)
        return cls(knots, counts / len(values), sums / np.maximum(counts, 1), deviation)

    def payoffs(self, values: Array, below: Array) -> Array:
        """The function's values, less its mean on the reference, in deviations: of shape (rows,).

        ``below`` is the share of what came lately up to each inner knot: where less of it is below than of the
        reference, the function rises.
        """
        usual = np.cumsum(self.shares)
        slopes = np.sign(usual - np.append(below, 1.0))
        slopes[-1] = slopes[-2] if len(slopes) > 1 else 0.0
        heights = np.concatenate([[0.0], np.cumsum(slopes * np.diff(self.knots))])
        mean = float(self.shares @ (heights[:-1] + slopes * (self.means - self.knots[:-1])))
        return np.asarray((np.interp(values, self.knots, heights) - mean) / self.deviation)


class Effects(msgspec.Struct):
    """Bets on columns having moved by more than the least effect that counts.

    The guarantee: while every column is within the least effect of the reference (in whichever way, and however many
    rows come), the chance that :meth:`moved` *ever* names one is at most ``alpha``. The reference's rows are taken
    for what they are compared with; what is unsure about their draw is the business of the monitor beside.

    Parameters
    ----------
    alpha
        The chance that a column which is within the least effect is ever named.
    seed
        Of the order in which rows of a batch are taken.
    least
        What counts.
    steep
        Of columns of numbers what the Wasserstein distance needs, by name.
    log_shares, log_distances
        The logarithm of each column's money in play, of shape (columns,).
    lately
        Of numbers the share of what came lately up to each inner knot, and the stake that would have been best.
    held_back, batches
        The rest of the state; :meth:`against` makes it.

    Examples
    --------
    >>> from detectors.drift.profile import build
    >>> from detectors.drift.sequential import Monitor
    >>> random = np.random.default_rng(0)
    >>> reference = build({"size": random.normal(size=5000)})
    >>> monitor = Monitor.against(reference)
    >>> effects = Effects.against(reference, monitor.bins, Least(psi=0.02))
    >>> named = []
    >>> for shift in [0.02] * 20 + [0.5] * 3:
    ...     now, before = reference.read({"size": random.normal(size=2000) + shift}), monitor.recent
    ...     verdict = monitor.update(now)
    ...     effects.update(now, monitor.bins, before, np.round(monitor.recent - 0.5 * before))
    ...     named.append(effects.moved(monitor.bins))
    >>> any(named[:20]), named[-1]
    (False, ['size'])

    References
    ----------
    Waudby-Smith and Ramdas: Estimating means of bounded random variables by betting. JRSS B 86, 2024.
    Larsson, Ramdas and Ruf: The numeraire e-variable and reverse information projection. Annals of Statistics 53, 2025.
    Wang and Ramdas: False discovery rate control with e-values. JRSS B 84, 2022.
    """

    alpha: float
    seed: int
    least: Least
    steep: dict[str, Steep]
    log_shares: Array
    log_distances: Array
    lately: dict[str, tuple[Array, float]] = {}
    held_back: float = 1.0
    batches: int = 0

    @classmethod
    def against(
        cls, reference: Profile, bins: Mapping[str, Bins], least: Least, alpha: float = 0.05, seed: int = 0
    ) -> "Effects":
        """Against "by the least effect at most", of the columns that have these bins."""
        numbers = {name: column for name, column in reference.columns.items() if isinstance(column, Numeric)}
        wanted = numbers if least.wasserstein else {}
        steep = {name: Steep.of(column, np.unique(bins[name].numbers)) for name, column in wanted.items()}
        money = np.full(len(bins), -np.inf)
        return cls(alpha, seed, least, {name: one for name, one in steep.items() if one.deviation}, money, money.copy())

    def update(self, now: Profile, bins: Mapping[str, Bins], lately: Array, counts: Array) -> None:
        """Take a batch: its ``counts`` by column and bin, and what came ``lately`` before it, likewise."""
        self.batches += 1
        fresh = self.held_back * _SHARE / self.batches
        self.held_back -= fresh
        random = np.random.default_rng([self.seed, self.batches, 1])
        if self.least.psi:
            sizes = np.array([one.sizes for one in bins.values()], dtype=np.float64)
            self.log_shares = np.logaddexp(self.log_shares, math.log(fresh))
            for part in _dealt(counts, random):
                self.log_shares = self.log_shares + _growth_of_shares(sizes, lately, part, self.least.psi)
                lately = lately + part
        if self.steep:
            self.log_distances = np.logaddexp(self.log_distances, math.log(fresh))
            for at, name in enumerate(bins):
                if name in self.steep and isinstance(column := now.columns.get(name), Numeric) and column.rows:
                    self.log_distances[at] += self._growth_of_distance(name, column, random)

    def moved(self, bins: Mapping[str, Bins]) -> list[str]:
        """The columns that moved by more than the least effect, the surest first; empty while none is sure, or too few
        of all columns are."""
        evidence = self._evidence(bins)
        ranked = sorted(evidence, key=evidence.__getitem__, reverse=True)
        enough = [place for place, name in enumerate(ranked, 1) if place * evidence[name] >= len(ranked) / self.alpha]
        named = ranked[: max(enough, default=0)]
        return named if len(named) >= self.least.columns * len(ranked) else []

    def _evidence(self, bins: Mapping[str, Bins]) -> dict[str, float]:
        """Each column's e-value: the least of those that count for it."""
        found = {}
        for at, name in enumerate(bins):
            values = [math.inf]
            if self.least.psi:
                values.append(self._money(self.log_shares[at]))
            if name in self.steep:
                values.append(self._money(self.log_distances[at]))
            found[name] = min(values)
        return found

    def _money(self, log_wealth: float) -> float:
        return self.held_back + math.exp(min(float(log_wealth), 600.0))

    def _growth_of_distance(self, name: str, column: Numeric, random: np.random.Generator) -> float:
        steep, grown = self.steep[name], 0.0
        for part in np.array_split(random.permutation(column.values.astype(np.float64)), _PARTS):
            if not len(part):
                continue
            known = self.lately.get(name)
            if known is not None:
                grown += float(np.log1p(known[1] * (steep.payoffs(part, known[0]) - self.least.wasserstein)).sum())
            below = np.sort(part).searchsorted(steep.knots[1:-1], "right") / len(part)
            below = below if known is None else (known[0] + below) / 2
            self.lately[name] = below, self._stake(steep, part, below)
        return grown

    def _stake(self, steep: Steep, part: Array, below: Array) -> float:
        """What would have been best for these rows, a little less, and never all."""
        payoffs = steep.payoffs(part, below) - self.least.wasserstein
        most = -float(steep.payoffs(steep.knots, below).min()) + self.least.wasserstein
        mean, square = float(payoffs.mean()), float(np.mean(payoffs**2))
        return min(max(_CAREFUL * mean / square, 0.0), 0.9 / most) if square else 0.0


def _dealt(counts: Array, random: np.random.Generator) -> Iterator[Array]:
    """A batch in parts, dealt by lot: what one part shows can be bet on with the next."""
    left = counts.astype(np.int64)
    if left.sum(axis=1).max(initial=0) >= _MOST_DEALT:  # each row by a coin: the parts' sizes are then random, too
        for part in range(_PARTS, 1, -1):
            taken = random.binomial(left, 1 / part)
            yield taken.astype(np.float64)
            left = left - taken
        yield left.astype(np.float64)
        return
    for part in range(_PARTS, 1, -1):
        taken = np.array([random.multivariate_hypergeometric(row, int(row.sum()) // part) for row in left])
        yield taken.astype(np.float64)
        left = left - taken
    yield left.astype(np.float64)


def _growth_of_shares(sizes: Array, lately: Array, counts: Array, limit: float) -> Array:
    """The logarithm of what each column's money grows by, of shape (columns,).

    The tangent is taken where the way from the reference's shares to the guess leaves what is tolerated, and the stake
    is the best one if the guess is right: nearly the best bet there is (the reverse information projection).
    """
    usual = sizes / sizes.sum(axis=1, keepdims=True)
    guess = _guess(sizes, lately)
    apart = ((guess - usual) * np.log(guess / usual)).sum(axis=1, keepdims=True)
    edge = usual + np.sqrt(np.minimum(limit / np.maximum(apart, limit), 1.0)) * (guess - usual)
    odds = edge / usual
    payoffs = np.log(odds) - 1 / odds + 1 - (usual * np.log(odds)).sum(axis=1, keepdims=True) - limit
    stakes = _CAREFUL * _best_stakes(guess, payoffs)
    return np.asarray((np.log1p(stakes * payoffs) * counts).sum(axis=1))


def _guess(sizes: Array, lately: Array) -> Array:
    """What the shares may be by now: each split of the bins between the reference's and what came lately."""
    left, right = halves(sizes.shape[1])
    low, high = sizes @ left, sizes @ right
    usual = low / (low + high)
    came, rest = lately @ left, lately @ right
    share = (came + _PRIOR * usual) / (came + rest + _PRIOR)
    logs = np.log(share / usual) @ left.T + np.log((1 - share) / (1 - usual)) @ right.T
    whole = sizes / sizes.sum(axis=1, keepdims=True)
    guess = whole * np.exp(logs).clip(_EMPTIED)
    return np.asarray(guess / guess.sum(axis=1, keepdims=True))


def _best_stakes(guess: Array, payoffs: Array) -> Array:
    """The stakes at which money grows most under the guess, of shape (columns, 1); 0 where none does."""
    most = 0.9 / np.maximum(-payoffs.min(axis=1, keepdims=True), 1e-12)
    low, high = np.zeros_like(most), most
    for _ in range(20):
        middle = (low + high) / 2
        rises = (guess * payoffs / (1 + middle * payoffs)).sum(axis=1, keepdims=True) > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    return np.asarray(low)
