"""Correlation by how faults spread: along dependencies towards dependants, each edge with a delay.

Every service with alerts is explained by trouble at a service it depends on, or by none, whichever is more likely;
what one service explains is one cluster. This is the attribution of events to parents that self-exciting point
processes are declustered by (Zhuang, Ogata, Vere-Jones 2002, doi:10.1198/016214502760046925), on a graph.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from detectors.correlation.board import Board, final
from detectors.correlation.co_occurrence import CoOccurrences
from detectors.correlation.signals import Assignment, Cluster, Signal
from detectors.topology import Topology


def assign(
    signals: Sequence[Signal],
    clusters: Sequence[Cluster],
    topology: Topology,
    window: float,
    new_ids: Sequence[str],
    co_occurrences: Mapping[str, CoOccurrences] = MappingProxyType({}),
    rates: Mapping[str, float] = MappingProxyType({}),
) -> Assignment:
    """Give each signal the id of a cluster: one that explains it, or a new one.

    Also say which clusters turn out to be one, and which services belong to another one than before: of two faults at
    once, what the second one does is often seen before it is, and looks like the first one's.

    Signals are taken in order. Those of different domains never meet.

    Parameters
    ----------
    clusters
        Open clusters, the oldest first, with what was seen of them within ``window`` seconds.
    window
        Seconds after which trouble at one service no longer explains trouble at another.
    new_ids
        Ids for clusters to be made, at least as many as there are signals.
    co_occurrences
        For each domain what incidents of the past have taught of the services of the signals.
    rates
        For each domain how many services break for reasons of their own, a second, where that is known.

    Examples
    --------
    >>> shop = Topology({"web": ["db"], "mail": []})
    >>> alerts = [Signal(name, "eu", name, "Slow", "", at) for name, at in (("db", 0.0), ("mail", 9.0), ("web", 20.0))]
    >>> assign(alerts, [], shop, 300.0, ["x", "y", "z"]).homes
    {'db': 'x', 'mail': 'y', 'web': 'x'}
    """
    boards: dict[str, Board] = {}

    def board_of(domain: str) -> Board:
        if domain not in boards:
            boards[domain] = Board(topology, window, co_occurrences.get(domain, {}), rates.get(domain))
        return boards[domain]

    for cluster in clusters:
        board_of(cluster.domain).load(cluster)
    unused = iter(new_ids)
    for signal in signals:
        board_of(signal.domain).add(signal, unused)
    merged = {gone: kept for board in boards.values() for gone, kept in board.merged.items()}
    return Assignment(
        homes={signal: final(home, merged) for board in boards.values() for signal, home in board.homes.items()},
        merged={cluster.id: final(cluster.id, merged) for cluster in clusters if cluster.id in merged},
        moved=[move for board in boards.values() for move in board.moves()],
        first_homes={
            signal: final(home, merged) for board in boards.values() for signal, home in board.first_homes.items()
        },
    )
