"""The neighbourhood of a service: those whose trouble is likely its own."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.rules import neighbourhood

nodes = st.sampled_from("abcdefgh")
topologies = st.dictionaries(nodes, st.lists(nodes, max_size=4), max_size=8)


def hops_between(start: str, goal: str, depends_on: Mapping[str, list[str]]) -> int | None:
    """The length of the shortest way between two services, edges taken in either direction."""
    edges = {frozenset((one, other)) for one, others in depends_on.items() for other in others}
    reached, hops = {start}, 0
    while goal not in reached:
        further = reached | {name for edge in edges if edge & reached for name in edge}
        if further == reached:
            return None
        reached, hops = further, hops + 1
    return hops


@given(topologies, st.integers(0, 3))
def test_near_are_exactly_the_others_within_so_many_edges(depends_on: dict[str, list[str]], hops: int) -> None:
    near = neighbourhood(depends_on, hops)
    for service in "abcdefgh":
        expected = {
            other
            for other in "abcdefgh"
            if other != service and (found := hops_between(service, other, depends_on)) is not None and found <= hops
        }
        assert near.get(service, frozenset()) == expected


@given(topologies)
def test_near_is_mutual(depends_on: dict[str, list[str]]) -> None:
    near = neighbourhood(depends_on)
    assert all(service in near[other] for service, others in near.items() for other in others)


@pytest.mark.parametrize(
    "depends_on, near",
    [
        ({}, {}),
        ({"a": []}, {}),
        ({"a": ["a"]}, {"a": set()}),
        ({"a": ["b"], "b": ["a"]}, {"a": {"b"}, "b": {"a"}}),
        ({"web": ["api"], "api": ["pool"], "pool": ["host"]}, {"web": {"api", "pool"}, "host": {"pool", "api"}}),
    ],
)
def test_examples(depends_on: dict[str, list[str]], near: dict[str, set[str]]) -> None:
    found = neighbourhood(depends_on)
    assert {service: set(found[service]) for service in near} == near
    assert bool(found) == bool(near)
