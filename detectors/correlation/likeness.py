"""Which cluster an alert is like: by the rare terms that it shares with what is in it."""

from collections.abc import Iterable, Mapping
from math import log

ELSEWHERE = 10
"""So many places beside the open clusters are thought of as holding no such term: with few open, one shared name still
tells something, and with many open, what they all share tells nothing."""
ENOUGH = 2.0
"""The log-likelihood ratio from which on an alert is like a cluster: one name that hardly any other cluster has."""


def most_alike(terms: frozenset[int], clusters: Mapping[str, Iterable[int]]) -> str | None:
    """The cluster that shares the most with the terms, if it is enough; of equals the first.

    Parameters
    ----------
    clusters
        For each cluster that comes into question its terms.

    Examples
    --------
    >>> most_alike(frozenset((1, 2)), {"x": {1, 9}, "y": {8, 9}})
    'x'
    >>> most_alike(frozenset((9,)), {name: {9} for name in "stuvwxyz"}) is None
    True
    """
    shared = {name: terms.intersection(of_cluster) for name, of_cluster in clusters.items()}
    held: dict[int, int] = {}
    for found in shared.values():
        for term in found:
            held[term] = held.get(term, 0) + 1
    worth = {term: log((len(clusters) + ELSEWHERE) / count) for term, count in held.items()}
    best, most = None, ENOUGH
    for name, found in shared.items():
        evidence = sum(worth[term] for term in found)
        if evidence > most:
            best, most = name, evidence
    return best
