"""``tandem topology``: what depends on what, as a tree from those on whom nothing depends down to the hosts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from bot.config import Config
from bot.domain.duration import format_duration
from bot.storage.database import open_existing
from bot.storage.queries.co_occurrence import Together, most_together
from bot.storage.queries.learnt_edges import LearntEdge, all_edges
from detectors.topology import Topology

DEEPEST = 50


def print_topology(config: Config, warnings: Sequence[str], out: Console) -> None:
    depends_on = config.depends_on
    for tree in trees_of(depends_on, config.models):
        _wide(out).print(tree)
    nodes = depends_on.keys() | {other for others in depends_on.values() for other in others}
    counts = f"{len(nodes)} nodes ({len(config.services)} services and {len(config.models)} models in tandem.yaml)"
    out.print(f"{counts}, {sum(map(len, depends_on.values()))} edges, {len(warnings)} warnings")
    for warning in warnings:
        out.print(f"warning: {warning}")


def _wide(out: Console) -> Console:
    """What is wider than the screen would be cut off, and a name that is cut off is no name."""
    return Console(file=out.file, width=10_000, soft_wrap=True, highlight=False)


def trees_of(depends_on: Mapping[str, Sequence[str]], models: Iterable[str] = ()) -> list[Tree]:
    """A tree for each node on which nothing depends, and for each cycle that none of them reaches.

    What depends on others is unfolded where it is met first.
    """
    known_models = set(models)
    needed = {other for others in depends_on.values() for other in others}
    unfolded: set[str] = set()
    trees = []
    for root in sorted(depends_on, key=lambda name: name in needed):
        if root not in needed or root not in unfolded:
            trees.append(_unfold(root, depends_on, known_models, unfolded))
    return trees


def _unfold(root: str, depends_on: Mapping[str, Sequence[str]], models: set[str], unfolded: set[str]) -> Tree:
    tree = Tree(_label(root, models), highlight=False)
    unfolded.add(root)
    waiting = [(other, tree, 1) for other in reversed(depends_on[root])]
    while waiting:
        name, above, depth = waiting.pop()
        others = depends_on.get(name, ())
        again = bool(others) and (name in unfolded or depth == DEEPEST)
        branch = above.add(_label(name, models) + (" …" if again else ""))
        if not again:
            unfolded.add(name)
            waiting += [(other, branch, depth + 1) for other in reversed(others)]
    return tree


def _label(name: str, models: set[str]) -> Text:
    return Text(f"{name} (model)" if name in models else name)


class Learnt(NamedTuple):
    """Edges, each with when it was last seen; and services of which one may depend on the other."""

    edges: list[tuple[LearntEdge, datetime]]
    together: list[Together]


async def read_learnt(url: str, now: datetime) -> Learnt:
    """What alerts, calls and incidents have taught. Raises ConfigError where there is no database."""
    database = open_existing(url)
    try:
        async with database.read() as connection:
            return Learnt(await all_edges(connection, now), await most_together(connection, now))
    finally:
        await database.close()


def print_learnt(learnt: Learnt, config: Config, now: datetime, out: Console) -> None:
    edges = learnt.edges
    table = Table(
        "service", "depends on", "domain", "last seen", title=f"{len(edges)} edges learnt from alerts and calls"
    )
    for edge, last_seen in edges:
        ago = f"{format_duration(now - last_seen)} ago" if last_seen <= now else "taught by hand"
        table.add_row(Text(edge.service), Text(edge.depends_on), Text(edge.domain), ago)
    _wide(out).print(table)
    _print_together(learnt.together, Topology(config.depends_on), out)


def _print_together(pairs: Sequence[Together], topology: Topology, out: Console) -> None:
    """For people to confirm: nothing says yet that one depends on the other."""
    for one in pairs:
        if one.other in topology.below(one.service) or one.service in topology.below(one.other):
            continue
        where = f" ({one.domain})" if one.domain else ""
        seen = f"in trouble together {one.near} of {one.episodes} times{where}"
        out.print(
            f"{one.service} and {one.other} were {seen}: does one depend on the other? If so, say it under services, "
            f"as in {one.service}: {{depends_on: [{one.other}]}}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
