"""Root cause by accounting: of what the target lost while unwell, how much did each node below it lose by itself?

What a node loses is counted, not scored: requests × extra latency is seconds, requests × unavailability is failed
requests. So the nodes of a call graph can be compared without weights, and a caller's loss is what the nodes it calls
lost plus its own. Every threshold is a share of the normal windows, so nothing depends on units or on the system.
"""

from collections import deque
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from detectors.rootcause.finding import Finding

Values: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Graph: TypeAlias = Mapping[str, Sequence[str]]

UNUSUAL = 0.1
"""Worse than all but this share of normal times: what makes a target unwell, and a loss more than everyday."""
COINCIDENCE = 0.05
"""A cause is named when at most this share of normal windows shows it and the target as unwell together."""
STANDS_OUT = 3.0
"""And when it lost so many times as much as they do: normal windows are few, and like each other."""
ENOUGH_ROWS = 20
"""Of a node measured less often in normal times nobody can say that it changed."""
MOST_WINDOWS = 1000
"""Normal windows looked at, evenly spread; it bounds time and memory however long the history."""
PERCENTAGES = frozenset({"availability"})
"""Metrics in percent where less is worse; of all others more is worse."""


class Series(NamedTuple):
    """One thing measured: ``Series("cart", "latency", "p95")``; ``requests``, ``Sum`` is the volume of a node.

    Parameters
    ----------
    node
        A service.
    metric
        latency, availability or requests.
    statistic
        mean, p50 … p99, up or Sum.

    Examples
    --------
    >>> Series("cart", "latency", "p95").node
    'cart'
    """

    node: str
    metric: str
    statistic: str


Metrics: TypeAlias = Mapping[Series, Values]


def rank_metrics(graph: Graph, normal: Metrics, now: Metrics, target: Series) -> list[Finding]:
    """Rank the nodes that may have made the target unwell, the likeliest first. Empty where it is not clear.

    A window's calm rows, by the target, are what its other rows are compared with; where the whole window is unwell,
    normal times are. A node is a cause as far as its loss, less that of the nodes it calls, has the target's shape
    in time and is large enough. Nothing is said when the target is not unwell, or when normal windows show the like
    too often or nearly the like.

    Parameters
    ----------
    graph
        Who calls whom: node to the nodes it calls. Cycles, and nodes without metrics, are allowed.
    normal, now
        Equally spaced rows of each series, NaN where nothing was measured: shape (rows,). ``now`` should begin before
        the trouble. Latency in any unit, availability in percent; a node without requests counts as called once a
        request of the target.
    target
        Where it shows. Nodes are compared in the same metric and statistic.

    Returns
    -------
    Findings whose score is the share of the target's loss that is the node's own; 0 where it only passes on what
    nodes below it lost.

    Examples
    --------
    >>> usual = np.tile([1.0, 1.1, 0.9, 1.05], 25)
    >>> normal = {Series("web", "latency", "p95"): 2 + usual, Series("db", "latency", "p95"): usual}
    >>> now = {series: np.append(values[:3], values[:2] + 5) for series, values in normal.items()}
    >>> found = rank_metrics({"web": ["db"]}, normal, now, Series("web", "latency", "p95"))
    >>> found[0].service, found[0].score
    ('db', 1.0)

    References
    ----------
    The problem, and the traversal that this replaces: Hardt et al., "The PetShop Dataset – Finding Causes of
    Performance Issues across Microservices", CLeaR 2024, arXiv:2311.04806. The p-values are conformal: Vovk et al.,
    "Algorithmic Learning in a Random World", 2005.
    """
    if _rows(normal, target) < ENOUGH_ROWS or not _rows(now, target) or len(normal[target]) < len(now[target]):
        return []
    if not _was_worse(normal[target], now[target], target):
        return []
    nodes = [node for node in _reachable(target.node, graph) if _rows(normal, _like(target, node)) >= ENOUGH_ROWS]
    account = _account(graph, nodes, normal, now, target)
    if _frequency(account.suffered) > UNUSUAL:
        return []
    score = np.round(account.own[:, -1] / account.suffered[-1], 2)
    order = sorted(range(len(nodes)), key=lambda i: (-score[i], -account.passed[i, -1], nodes[i]))
    if _is_everyday(account.own[order[0]]):
        return []
    likely = [i for i in order if account.passed[i, -1] > 0]
    evidence = [
        _change(nodes[i], account.calm, normal, now, target) + _share(score[i], account.own[i], target) for i in likely
    ]
    return [Finding(nodes[i], "unknown", float(score[i]), reasons) for i, reasons in zip(likely, evidence, strict=True)]


def _was_worse(normal: Values, now: Values, target: Series) -> bool:
    """Whether the target can be unwell at all: most are asked about that are not, and the account takes its time."""
    sign = -1 if target.metric in PERCENTAGES else 1
    return bool((sign * now > np.nanquantile(sign * normal, 1 - UNUSUAL)).any())


class _Measured(NamedTuple):
    """What a request costs, worse being more, and how many there are: nodes × … × rows, the target first."""

    cost: Values
    volume: Values


class _Account(NamedTuple):
    """Losses in every normal window and, last, in the one that is judged."""

    suffered: Values
    """What the target lost: windows."""
    own: Values
    """How much of that each node lost by itself: nodes × windows."""
    passed: Values
    """How much of that went through each node, its own or not: nodes × windows."""
    calm: Mask
    """The calm rows of the window that is judged: rows."""


def _account(graph: Graph, nodes: Sequence[str], normal: Metrics, now: Metrics, target: Series) -> _Account:
    before, after = _measure(normal, nodes, target), _measure(now, nodes, target)
    typical = np.nanmedian(before.cost, axis=1)[:, None]
    windows = _windows(before, after)
    limit = float(np.nanquantile(before.cost[0], 1 - UNUSUAL))
    calm = _calm(windows.cost[0], float(typical[0, 0]), limit)
    every_loss = _loss(windows, calm, typical[:, None])
    # A target that was better for a while, and then as always, did not suffer.
    suffered = every_loss[0] * (windows.cost[0] > limit).any(axis=-1, keepdims=True)
    everyday = np.quantile(every_loss[:, :-1], 1 - UNUSUAL, axis=(1, 2), keepdims=True)
    loss = np.where(every_loss > everyday, every_loss, 0)
    own = _explained(_own(loss, nodes, graph), suffered)
    return _Account(np.linalg.norm(suffered, axis=-1), own, _explained(loss, suffered), calm[-1])


def _measure(metrics: Metrics, nodes: Sequence[str], target: Series) -> _Measured:
    unmeasured = np.full(len(metrics[target]), np.nan)
    values = np.array([metrics.get(_like(target, node), unmeasured) for node in nodes], dtype=float)
    cost = (100 - values) / 100 if target.metric in PERCENTAGES else values
    once = metrics.get(_requests(target.node), np.ones_like(unmeasured))
    volume = np.array([metrics.get(_requests(node), once) for node in nodes], dtype=float)
    return _Measured(cost, np.nan_to_num(volume))


def _windows(before: _Measured, after: _Measured) -> _Measured:
    """Windows of normal times as long as the one that is judged, and that one last: nodes × windows × rows."""
    length = after.cost.shape[1]
    normal = [sliding_window_view(values, length, axis=1) for values in before]
    every = -(-normal[0].shape[1] // MOST_WINDOWS)
    pairs = zip(normal, after, strict=True)
    return _Measured(*(np.concatenate([values[:, ::every], last[:, None]], axis=1) for values, last in pairs))


def _calm(cost: Values, typical: float, limit: float) -> Mask:
    """The rows in which the target was nearer to its best than to its worst; none where even its best was bad."""
    known = np.where(np.isnan(cost), typical, cost)
    best, worst = known.min(axis=-1, keepdims=True), known.max(axis=-1, keepdims=True)
    calm: Mask = (known <= (best + worst) / 2) & (best <= limit)
    return calm


def _loss(windows: _Measured, calm: Mask, typical: Values) -> Values:
    """What was lost in each row against the calm rows, or against normal times where a node has no calm row."""
    usable = calm & ~np.isnan(windows.cost)
    count = usable.sum(axis=-1, keepdims=True)
    mean = np.where(usable, windows.cost, 0).sum(axis=-1, keepdims=True) / np.maximum(count, 1)
    return np.nan_to_num(np.maximum(windows.volume * (windows.cost - np.where(count > 0, mean, typical)), 0))


def _own(loss: Values, nodes: Sequence[str], graph: Graph) -> Values:
    """Each node's loss less all that was lost by the nodes it calls, though others may call them too."""
    place = {node: i for i, node in enumerate(nodes)}
    below = [[place[called] for called in sorted(_called(node, graph, place))] for node in nodes]
    return np.stack([np.maximum(loss[i] - loss[called].sum(axis=0), 0) for i, called in enumerate(below)])


def _explained(loss: Values, suffered: Values) -> Values:
    """How much of what the target suffered a loss explains: all of it with the same shape in time and enough size."""
    larger = np.maximum(np.linalg.norm(loss, axis=-1), np.linalg.norm(suffered, axis=-1))
    return (loss * suffered).sum(axis=-1) / np.where(larger > 0, larger, 1)  # type: ignore[no-any-return]


def _is_everyday(own: Values) -> bool:
    """Whether normal windows show as much of a node's own loss too often, or nearly as much."""
    return _frequency(own) > COINCIDENCE or bool(own[-1] < STANDS_OUT * np.quantile(own[:-1], 1 - COINCIDENCE))


def _frequency(figures: Values) -> float:
    """The conformal p-value of the last one: how often the like is seen, itself included."""
    return float(np.mean(figures >= figures[-1]))


def _change(node: str, calm: Mask, normal: Metrics, now: Metrics, target: Series) -> list[str]:
    change = f"{target.metric} of {node} went {_from_to(_like(target, node), calm, normal, now)}"
    if node == target.node:
        return [change]
    return [f"{change} while that of {target.node} went {_from_to(target, calm, normal, now)}"]


def _from_to(series: Series, calm: Mask, normal: Metrics, now: Metrics) -> str:
    measured = ~np.isnan(now[series])
    quiet, unwell = now[series][calm & measured], now[series][~calm & measured]
    before = quiet.mean() if quiet.size else np.nanmedian(normal[series])
    return f"from {before:.3g} to {unwell.mean():.3g}"


def _share(score: float, own: Values, target: Series) -> list[str]:
    if not score:
        return ["it passes on what nodes it calls lost"]
    return [
        f"its own loss, without that of nodes it calls, accounts for up to {score:.0%} of what {target.node} lost",
        f"{np.sum(own[:-1] >= own[-1])} of {len(own) - 1} normal windows show as much",
    ]


def _rows(metrics: Metrics, series: Series) -> int:
    return int(np.isfinite(metrics[series]).sum()) if series in metrics else 0


def _like(target: Series, node: str) -> Series:
    return target._replace(node=node)


def _requests(node: str) -> Series:
    return Series(node, "requests", "Sum")


def _reachable(start: str, graph: Graph) -> list[str]:
    """The node and all it calls, however indirectly, the nearest first."""
    found = {start: None}
    waiting = deque(found)
    while waiting:
        new = [called for called in graph.get(waiting.popleft(), ()) if called not in found]
        found |= dict.fromkeys(new)
        waiting += dict.fromkeys(new)
    return list(found)


def _called(node: str, graph: Graph, known: Container[str]) -> set[str]:
    """The known nodes that a node calls, through unknown ones too."""
    found, waiting, passed = set[str](), list(graph.get(node, ())), {node}
    while waiting:
        if (called := waiting.pop()) not in passed:
            passed.add(called)
            if called in known:
                found.add(called)
            else:
                waiting += graph.get(called, ())
    return found
