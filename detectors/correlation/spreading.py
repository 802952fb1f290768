"""Correlation by how faults spread: along dependencies towards dependants, each edge with a delay.

Every service with alerts is explained by trouble at a service it depends on, or by none, whichever is more likely;
what one service explains is one cluster. This is the attribution of events to parents that self-exciting point
processes are declustered by (Zhuang, Ogata, Vere-Jones 2002, doi:10.1198/016214502760046925), on a graph.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType

from detectors.correlation.board import Board, final
from detectors.correlation.co_occurrence import Companions
from detectors.correlation.signals import Assignment, Cluster, Move, Signal
from detectors.topology import Topology


def assign(
    signals: Sequence[Signal],
    clusters: Sequence[Cluster],
    topology: Topology,
    window: float,
    new_ids: Sequence[str],
    companions: Mapping[str, Companions] = MappingProxyType({}),
) -> Assignment:
    """Give each signal the id of a cluster: one that explains it, or a new one.

    Also say which clusters turn out to be one, and which services belong to another one than before: of two faults at
    once, what the second one does is often heard of before it is, and looks like the first one's.

    Signals are taken in order. Those of different domains never meet.

    Parameters
    ----------
    clusters
        Open clusters, the oldest first, with what was heard of them within ``window`` seconds.
    window
        Seconds after which trouble at one place no longer explains trouble at another.
    new_ids
        Ids for clusters to be made, at least as many as there are signals.
    companions
        For each domain what incidents of the past have taught of the services of the signals.

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
            boards[domain] = Board(topology, window, companions.get(domain, {}))
        return boards[domain]

    for cluster in clusters:
        board_of(cluster.domain).take_in(cluster)
    unused = iter(new_ids)
    for signal in signals:
        board_of(signal.domain).place(signal, unused)
    homes = {signal: home for board in boards.values() for signal, home in board.homes.items()}
    merged = {gone: kept for board in boards.values() for gone, kept in board.merged.items()}
    return Assignment(
        homes={signal: final(home, merged) for signal, home in homes.items()},
        merged={cluster.id: final(cluster.id, merged) for cluster in clusters if cluster.id in merged},
        moved=_moves_of(boards.values(), {cluster.id for cluster in clusters}, merged),
    )


def _moves_of(boards: Iterable[Board], given: Container[str], merged: Mapping[str, str]) -> list[Move]:
    """What moved out of clusters that were there before; what came to one in this call has its home already."""
    ends = [
        Move(service, final(left, merged), final(joined, merged))
        for board in boards
        for service, left, joined in board.moved
        if left in given
    ]
    return [move for move in ends if move.left != move.joined]
