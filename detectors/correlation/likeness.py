"""Which cluster an alert is like: by the rare tokens that it shares with what is in it."""

from collections.abc import Iterable, Mapping
from math import log

ELSEWHERE = 10
"""So many clusters beside the open ones are assumed to hold no such token: with few open, one shared name still
tells something, and with many open, what they all share tells nothing."""
ENOUGH = 2.0
"""The log-likelihood ratio from which on an alert is like a cluster: one name that hardly any other cluster has."""


def most_alike(tokens: frozenset[int], clusters: Mapping[str, Iterable[int]]) -> str | None:
    """The cluster that shares the most with the tokens, if it is enough; of equals the first.

    Parameters
    ----------
    clusters
        For each cluster that comes into question its tokens.

    Examples
    --------
    >>> most_alike(frozenset((1, 2)), {"x": {1, 9}, "y": {8, 9}})
    'x'
    >>> most_alike(frozenset((9,)), {name: {9} for name in "stuvwxyz"}) is None
    True
    """
    shared = {name: tokens.intersection(of_cluster) for name, of_cluster in clusters.items()}
    held: dict[int, int] = {}
    for found in shared.values():
        for token in found:
            held[token] = held.get(token, 0) + 1
    worth = {token: log((len(clusters) + ELSEWHERE) / count) for token, count in held.items()}
    best, most = None, ENOUGH
    for name, found in shared.items():
        evidence = sum(worth[token] for token in found)
        if evidence > most:
            best, most = name, evidence
    return best
