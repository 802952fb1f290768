"""Whether events come more often than before: an anytime-valid test of a rate, which may be looked at often."""

import math

ALPHA = 0.05
"""How often it says so at all, in however many looks, where they come no more often than before."""
_FOLDS = tuple(2**power for power in range(1, 11))


def evidence_of_more(events: int, expected: float) -> float:
    """The evidence that events come more often than expected: at :math:`1/\\alpha` it is enough.

    A mixture of likelihood ratios of a Poisson process, for 2 to 1,024 times as many as expected. Each is a
    supermartingale where they come no more often than that, so the mixture reaches :math:`1/\\alpha` at any time with
    a chance of :math:`\\alpha` at most (Ville's inequality): looking often costs no false alarms.

    Parameters
    ----------
    events
        How many came so far.
    expected
        How many should have come at most by now, more than 0.

    Returns
    -------
    float
        The evidence, 0 or more.

    Examples
    --------
    >>> evidence_of_more(0, 0.001) < 1
    True
    >>> evidence_of_more(1, 0.001) > 20 > evidence_of_more(1, 1.0)
    True

    References
    ----------
    Ramdas, Gruenwald, Vovk and Shafer: Game-theoretic statistics and safe anytime-valid inference. Statistical Science
    38(4), 2023.
    """
    exponents = (events * math.log(fold) - (fold - 1) * expected for fold in _FOLDS)
    return sum(math.exp(min(exponent, 700.0)) for exponent in exponents) / len(_FOLDS)
