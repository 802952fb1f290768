"""Correlation by shared keys: the same service or one near it, or the same group of the sender, close in time."""

from collections.abc import Sequence
from typing import NamedTuple


class Signal(NamedTuple):
    """An alert that looks for its incident. ``keys`` are what it may share; ``at`` is in seconds.

    ``near`` are keys of others that it may join too, without having them itself.
    """

    id: str
    domain: str
    keys: frozenset[tuple[str, str]]
    at: float
    near: frozenset[tuple[str, str]] = frozenset()


class Cluster(NamedTuple):
    """An incident that takes in alerts until ``window`` seconds after ``last_at``."""

    id: str
    domain: str
    keys: frozenset[tuple[str, str]]
    last_at: float


def assign(
    signals: Sequence[Signal], clusters: Sequence[Cluster], window: float, new_ids: Sequence[str]
) -> dict[str, str]:
    """Give each signal the id of a cluster: of an open one that fits, or of a new one.

    Signals are taken in order. Of several clusters that fit, the one that was active last takes the signal.

    Parameters
    ----------
    window
        Seconds after its last activity in which a cluster takes in signals.
    new_ids
        Ids for clusters to be made, at least as many as there are signals.

    Returns
    -------
    dict
        Signal id to cluster id.

    Examples
    --------
    >>> checkout = frozenset({("service", "checkout")})
    >>> assign([Signal("a", "eu", checkout, 0.0), Signal("b", "eu", checkout, 9.0)], [], 300.0, ["x", "y"])
    {'a': 'x', 'b': 'x'}
    """
    by_key: dict[tuple[str, tuple[str, str]], set[str]] = {}
    last_at: dict[str, float] = {}
    for cluster in clusters:
        last_at[cluster.id] = cluster.last_at
        for key in cluster.keys:
            by_key.setdefault((cluster.domain, key), set()).add(cluster.id)
    unused = iter(new_ids)
    assigned: dict[str, str] = {}
    for signal in signals:
        sharing = set().union(*(by_key.get((signal.domain, key), ()) for key in signal.keys | signal.near))
        fitting = [cluster_id for cluster_id in sharing if signal.at - last_at[cluster_id] <= window]
        chosen = max(fitting, key=lambda cluster_id: (last_at[cluster_id], cluster_id)) if fitting else next(unused)
        last_at[chosen] = max(last_at.get(chosen, signal.at), signal.at)
        for key in signal.keys:
            by_key.setdefault((signal.domain, key), set()).add(chosen)
        assigned[signal.id] = chosen
    return assigned
