"""Events and the names made from their labels, which must be the same on every machine and for ever."""

import string
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.event import (
    MAX_NAME_BYTES,
    AlertEvent,
    GroupResolved,
    bounded,
    decode_events,
    domain_of,
    encode_events,
    fingerprint_of,
    partition_of,
    service_of,
)
from tests.unit.strategies import events, labels, moments

groups = st.builds(GroupResolved, st.text(), st.text(), labels, moments)
clean = st.text(st.characters(codec="utf-8", min_codepoint=32), max_size=6)


@settings(max_examples=50)
@given(st.lists(st.one_of(events(labels=labels), groups), max_size=5))
def test_the_inbox_gives_back_the_events_that_were_put_in(given_events: list[AlertEvent | GroupResolved]) -> None:
    assert decode_events(encode_events(given_events)) == given_events


@pytest.mark.parametrize(
    "domain, partition",
    [("", 5), ("prod-eu", 13), ("prod-us", 7), ("shop-eu", 14), ("eu/checkout", 11), ("プロダクション", 3)],
)
def test_the_partition_of_a_domain_is_the_same_for_ever(domain: str, partition: int) -> None:
    """Pinned: what waits in the inbox, and who works on it, is found by this number after every upgrade."""
    assert partition_of(domain, 16) == partition


@given(st.text(), st.integers(1, 1000))
def test_every_domain_has_one_of_the_partitions(domain: str, partitions: int) -> None:
    assert 0 <= partition_of(domain, partitions) < partitions


def test_domains_spread_over_all_partitions() -> None:
    used = [partition_of(f"cluster-{n}", 16) for n in range(1600)]
    assert all(50 <= used.count(partition) <= 160 for partition in range(16))


def test_a_fingerprint_is_the_same_for_ever() -> None:
    assert fingerprint_of({"alertname": "Down", "service": "checkout"}) == "4801e9810ad12865"


@given(st.dictionaries(clean, clean, max_size=4), st.randoms())
def test_a_fingerprint_does_not_depend_on_the_order_of_labels(labels: dict[str, str], random: Random) -> None:
    items = list(labels.items())
    random.shuffle(items)
    assert fingerprint_of(dict(items)) == fingerprint_of(labels)


@given(st.dictionaries(clean, clean, max_size=3), st.dictionaries(clean, clean, max_size=3))
def test_different_labels_have_different_fingerprints(one: dict[str, str], other: dict[str, str]) -> None:
    assert (fingerprint_of(one) == fingerprint_of(other)) == (one == other)


def test_a_label_cannot_be_mistaken_for_two() -> None:
    assert fingerprint_of({"a": "b=c"}) != fingerprint_of({"a=b": "c"})
    assert fingerprint_of({"a": "1", "b": "2"}) != fingerprint_of({"a": "1b2"})


def test_a_slash_in_a_value_does_not_make_two_domains_one() -> None:
    by = ["cluster", "team"]
    assert domain_of({"cluster": "a/b", "team": "c"}, by) != domain_of({"cluster": "a", "team": "b/c"}, by)


def test_the_domain_is_made_of_the_partition_labels_in_their_order() -> None:
    labels = {"cluster": "eu", "team": "shop", "pod": "x"}
    assert domain_of(labels, ["team", "cluster"]) == "shop/eu"
    assert domain_of(labels, ["region", "team"]) == "/shop"
    assert domain_of(labels, []) == ""


def test_the_service_is_the_first_label_that_says_something() -> None:
    assert service_of({"service": "", "app": "shop", "job": "node"}, ["service", "app", "job"]) == "shop"
    assert service_of({"job": "node"}, ["service", "app"]) == ""


@given(st.text(max_size=3), st.integers(0, 2000))
def test_every_name_fits_into_an_index_and_short_ones_stay_as_they_are(piece: str, times: int) -> None:
    name = piece * times
    short = bounded(name)
    assert len(short.encode()) <= MAX_NAME_BYTES
    assert bounded(short) == short
    assert short == name or len(name.encode()) > MAX_NAME_BYTES


@given(st.text(string.ascii_lowercase, max_size=3), st.text(string.ascii_lowercase, max_size=3))
def test_long_names_that_differ_at_the_end_stay_different(one: str, other: str) -> None:
    start = "x" * MAX_NAME_BYTES
    assert (bounded(start + one) == bounded(start + other)) == (one == other)
