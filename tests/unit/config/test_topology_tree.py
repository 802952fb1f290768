"""What ``tandem topology`` prints: every node and every edge, once, however they hang together."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.tree import Tree

from bot.commands.parts.topology import DEEPEST, Learnt, print_learnt, print_topology, trees_of
from bot.config import Config, load_config
from bot.storage.queries.learnt_edges import LearntEdge
from tests.unit.strategies import NOON

nodes = st.sampled_from("abcdefgh")
topologies = st.dictionaries(nodes, st.lists(nodes, max_size=4, unique=True), max_size=8)


def console() -> tuple[Console, StringIO]:
    text = StringIO()
    return Console(file=text, width=80, soft_wrap=True, markup=False, highlight=False), text


def printed(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "tandem.yaml"
    path.write_text(text)
    out, lines = console()
    print_topology(*load_config(path), out)
    return [line.replace(str(tmp_path), "") for line in lines.getvalue().splitlines()]


def test_the_topology_is_printed_as_a_tree_with_counts_and_what_is_doubtful(tmp_path: Path) -> None:
    text = """
services:
  web: {depends_on: [api, cache]}
  shop-[bold]app: {depends_on: [api]}
  api: {depends_on: [db]}
  db: {}
models:
  demand: {served_by: api, reads: [sales]}
"""
    assert printed(tmp_path, text) == [
        "web",
        "├── api",
        "│   └── db",
        "└── cache",
        "shop-[bold]app",
        "└── api …",
        "demand (model)",
        "├── api …",
        "└── sales",
        "7 nodes (4 services and 1 models in tandem.yaml), 6 edges, 2 warnings",
        "warning: /tandem.yaml:3: services.web.depends_on.1: 'cache' is described nowhere; "
        "known are api, db, demand, shop-[bold]app, web",
        "warning: /tandem.yaml:8: models.demand.reads.0: 'sales' is described nowhere; "
        "known are api, db, demand, shop-[bold]app, web",
    ]


def test_a_cycle_is_unfolded_once_and_doubted_at_its_place(tmp_path: Path) -> None:
    assert printed(tmp_path, "services:\n  a: {depends_on: [b]}\n  b: {depends_on: [a]}\n") == [
        "a",
        "└── b",
        "    └── a …",
        "2 nodes (2 services and 0 models in tandem.yaml), 2 edges, 1 warnings",
        "warning: /tandem.yaml:2: services.a: depends on itself: a → b → a",
    ]


def test_no_topology_is_said_to_be_none(tmp_path: Path) -> None:
    assert printed(tmp_path, "") == ["0 nodes (0 services and 0 models in tandem.yaml), 0 edges, 0 warnings"]


def test_a_name_longer_than_the_screen_stays_whole(tmp_path: Path) -> None:
    long = "-".join(["long"] * 30)
    assert f"└── {long}" in printed(tmp_path, f"services: {{web: {{depends_on: [{long}]}}, {long}: {{}}}}")


def edges_in(tree: Tree) -> Iterator[tuple[str, str]]:
    for child in tree.children:
        yield str(tree.label).removesuffix(" …"), str(child.label).removesuffix(" …")
        yield from edges_in(child)


@given(topologies)
def test_every_node_and_every_edge_is_printed_and_each_edge_once(depends_on: dict[str, list[str]]) -> None:
    trees = trees_of(depends_on)
    edges = [edge for tree in trees for edge in edges_in(tree)]
    assert sorted(edges) == sorted((name, other) for name, others in depends_on.items() for other in others)
    shown = {str(tree.label) for tree in trees} | {name for edge in edges for name in edge}
    assert shown == depends_on.keys() | {other for others in depends_on.values() for other in others}


@pytest.mark.parametrize("closed", [False, True])
def test_a_chain_of_thousands_is_printed_in_pieces(closed: bool) -> None:
    depends_on = {f"s{i}": [f"s{i + 1}"] for i in range(5000)} | {"s5000": ["s0"] if closed else []}
    trees = trees_of(depends_on)
    assert len([edge for tree in trees for edge in edges_in(tree)]) == 5000 + closed
    out, lines = console()
    for tree in trees:
        out.print(tree)
    assert max(map(len, lines.getvalue().splitlines())) < 4 * DEEPEST + 20


def test_what_alerts_have_taught_is_listed_with_its_age() -> None:
    out, lines = console()
    known = [(LearntEdge("eu", "checkout", "db-1"), NOON - timedelta(hours=3))]
    print_learnt(Learnt(known, []), Config(), NOON, out)
    [row] = [line for line in lines.getvalue().splitlines() if "checkout" in line]
    assert row.split() == ["│", "checkout", "│", "db-1", "│", "eu", "│", "3h", "ago", "│"]
    assert "1 edges learnt from alerts" in lines.getvalue()
