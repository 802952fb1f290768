"""Whether data that drifted is like its reference again."""

import math

import msgspec
import numpy as np
from scipy.special import gammaln, logsumexp

from detectors.drift.packing import Array
from detectors.drift.profile import Profile
from detectors.drift.ranks import Bins

_BEFORE_ALL_CLEAR = 1000.0
_SPREADS = (10.0, 100.0, 1000.0)
"""How much the drifted data is like the reference, in rows: from large drifts to small ones."""
_MEMORY = 0.9
"""What the rows that drifted so far weigh beside the next batch of them."""


class Recovery(msgspec.Struct):
    """Bets on "as the reference" against "as it drifted", from the moment of the alarm.

    The chances of a batch's counts under both are those of a Pólya urn: one that holds the reference, one that holds
    what came when the alarm was raised and, as long as it looks drifted, afterwards. While rows go on as they drifted,
    "recovered" is said once in 1,000 batches or rarer (the CUSUM of e-values; Shin, Ramdas and Rinaldo, E-detectors,
    New England Journal of Statistics in Data Science 2, 2024); one batch is enough where the two are far apart.

    Parameters
    ----------
    bins
        The bins of each column.
    drifted
        Counts by bin of what came as it drifted, by column, of shape (bins,).
    log_evidence
        The logarithm of the e-value for a recovery.

    Examples
    --------
    >>> Recovery(bins={}, drifted={}).log_evidence
    0.0

    References
    ----------
    Shin, Ramdas and Rinaldo: E-detectors. New England Journal of Statistics in Data Science 2, 2024.
    """

    bins: dict[str, Bins]
    drifted: dict[str, Array]
    """What came into each bin since."""
    log_evidence: float = 0.0

    @classmethod
    def of(cls, columns: dict[str, tuple[Bins, Array]]) -> "Recovery":
        """For the columns that drifted: their bins and what came into each of them lately."""
        return cls({name: bins for name, (bins, _) in columns.items()}, {name: c for name, (_, c) in columns.items()})

    def update(self, now: Profile, random: np.random.Generator) -> bool:
        """Whether the columns that drifted are as the reference again, with this batch."""
        counts = {
            name: bins.counts(now.columns[name], random) for name, bins in self.bins.items() if name in now.columns
        }
        if not counts:
            return False
        gained = min(self._gain(name, came) for name, came in counts.items())  # all of them must have recovered
        self.log_evidence = max(self.log_evidence, 0.0) + gained
        if self.log_evidence <= 0:
            self.drifted |= {name: _MEMORY * self.drifted[name] + came for name, came in counts.items()}
        return self.log_evidence >= math.log(_BEFORE_ALL_CLEAR)

    def _gain(self, name: str, counts: Array) -> float:
        sizes = self.bins[name].sizes.astype(np.float64)
        alike = sizes / sizes.sum()
        drifted = [_log_chance(spread * alike + self.drifted[name], counts) for spread in _SPREADS]
        return _log_chance(sizes, counts) - float(logsumexp(drifted) - math.log(len(_SPREADS)))


def _log_chance(urn: Array, counts: Array) -> float:
    """The chance of these counts from an urn, less what does not depend on the urn."""
    logs = gammaln(urn.sum()) - gammaln(urn.sum() + counts.sum())
    return float(logs + (gammaln(urn + counts) - gammaln(urn)).sum())
