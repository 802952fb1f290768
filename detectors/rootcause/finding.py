"""Finding: a likely cause with its score and evidence."""

from typing import NamedTuple


class Finding(NamedTuple):
    """A service that may be the cause. ``score`` is how likely it is the one, between 0 and 1.

    ``kind`` is ``resource``, ``dependency``, ``change``, ``data``, ``model``, ``traffic`` or ``unknown``.

    Parameters
    ----------
    service
        Its name.
    kind
        See above.
    score
        Between 0 and 1.
    evidence
        Sentences for people.

    Examples
    --------
    >>> Finding("pool", "resource", 0.8, ["HighCPU fires on pool"]).kind
    'resource'
    """

    service: str
    kind: str
    score: float
    evidence: list[str]


def rounded_score(probability: float) -> float:
    """A probability in hundredths for people, below 1: a cause is inferred, never certain.

    Parameters
    ----------
    probability
        Between 0 and 1.

    Returns
    -------
    At most 0.99.

    Examples
    --------
    >>> rounded_score(0.9987)
    0.99
    """
    return min(round(probability, 2), 0.99)
