"""The topology: what a service depends on, and what depends on it, within a few hops."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.topology import HOPS, MOST, Topology

nodes = st.sampled_from("abcdefgh")
topologies = st.dictionaries(nodes, st.lists(nodes, max_size=4), max_size=8)


def hops_between(start: str, goal: str, depends_on: Mapping[str, list[str]]) -> int | None:
    """The length of the shortest way down from one service to another."""
    reached, hops = {start}, 0
    while goal not in reached:
        further = reached | {other for name in reached for other in depends_on.get(name, ())}
        if further == reached:
            return None
        reached, hops = further, hops + 1
    return hops


@given(topologies)
def test_below_are_exactly_the_others_within_so_many_hops(depends_on: dict[str, list[str]]) -> None:
    topology = Topology(depends_on)
    for service in "abcdefgh":
        hops = {other: hops_between(service, other, depends_on) for other in "abcdefgh" if other != service}
        assert topology.below(service) == {other: n for other, n in hops.items() if n is not None and n <= HOPS}


@given(topologies)
def test_above_is_below_seen_from_the_other_end(depends_on: dict[str, list[str]]) -> None:
    topology = Topology(depends_on)
    for service in "abcdefgh":
        for other, hops in topology.below(service).items():
            assert topology.above(other)[service] == hops


@given(topologies)
def test_whoever_is_mentioned_is_in_it(depends_on: dict[str, list[str]]) -> None:
    mentioned = depends_on.keys() | {other for others in depends_on.values() for other in others}
    assert {name for name in "abcdefgh" if name in Topology(depends_on)} == mentioned


def test_what_is_near_is_bounded_and_the_nearest_come_first() -> None:
    crowd = Topology({f"s{n}": ["hub"] for n in range(2 * MOST)} | {"far": ["s1"]})
    near = crowd.above("hub")
    assert len(near) == MOST
    assert set(near.values()) == {1}


@pytest.mark.parametrize("depends_on", [{}, {"a": []}, {"a": ["a"]}, {"a": ["b", "b"]}])
def test_nobody_is_below_or_above_itself_and_nobody_is_named_twice(depends_on: dict[str, list[str]]) -> None:
    topology = Topology(depends_on)
    assert "a" not in topology.below("a")
    assert list(topology.dependants("b")) == (["a"] if "b" in topology else [])
