"""Which alerts belong together: what one service's trouble explains, close in time, in one domain."""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.correlation import Assignment, Cluster, Move, Seen, Signal, Span, assign
from detectors.topology import Topology

WINDOW = 300.0
SHOP = Topology({"web": ["api", "search"], "api": ["db"], "search": ["index"], "mail": ["queue"], "cart": ["db"]})
PLACES = ["web", "api", "db", "search", "index", "mail", "nowhere", ""]

signals = st.lists(
    st.builds(
        Signal,
        st.just(""),
        st.sampled_from(["eu", "us"]),
        st.sampled_from(PLACES),
        st.sampled_from(["Slow", "Down", "Full"]),
        st.sampled_from(["", "g", "h"]),
        st.floats(0, 1000),
        st.frozensets(st.integers(0, 3), max_size=3),
        st.sampled_from(["", "east", "west"]),
    ),
    max_size=12,
).map(lambda made: [signal._replace(id=f"s{n}") for n, signal in enumerate(made)])
topologies = st.dictionaries(st.sampled_from(PLACES[:6]), st.lists(st.sampled_from(PLACES[:6]), max_size=3)).map(
    Topology
)


QUIET = {"eu": 0.0, "us": 0.0}
"""Domains in which hardly anything breaks by itself, as is known."""


def put(
    signals: list[Signal],
    clusters: list[Cluster] | None = None,
    topology: Topology = SHOP,
    rates: Mapping[str, float] = MappingProxyType({}),
) -> Assignment:
    return assign(signals, clusters or [], topology, WINDOW, [f"new{n}" for n in range(len(signals))], rates=rates)


def alert(place: str, at: float = 0.0, name: str = "Slow", group: str = "", domain: str = "eu") -> Signal:
    return Signal(f"{place}-{name}-{at:.0f}-{domain}", domain, place, name, group, at)


def cluster(name: str, *places: str, at: float = 0.0, **later: float) -> Cluster:
    moments = dict.fromkeys(places, at) | later
    return Cluster(name, "eu", {("service", place): Span(moment, moment) for place, moment in moments.items()})


def together(*signals: Signal, topology: Topology = SHOP) -> list[list[str]]:
    """The places that ended in one cluster, each cluster's in the order of arrival."""
    found: dict[str, list[str]] = {}
    homes = put(list(signals), topology=topology).homes
    for signal in signals:
        found.setdefault(homes[signal.id], []).append(signal.service)
    return list(found.values())


@given(signals, topologies)
def test_every_signal_has_one_home_and_domains_never_meet(signals: list[Signal], topology: Topology) -> None:
    homes, merged, moved, _ = put(signals, topology=topology)
    assert not moved, "no cluster was there before"
    assert homes.keys() == {signal.id for signal in signals}
    domains: dict[str, str] = {}
    for signal in signals:
        assert domains.setdefault(homes[signal.id], signal.domain) == signal.domain
    assert not merged.keys() & set(homes.values()), "nobody lives in a cluster that became part of another"
    assert not merged.keys() & set(merged.values())


@given(signals, topologies, st.integers(0, 12), st.sampled_from([{}, QUIET]))
def test_in_two_batches_the_clusters_are_those_of_one(
    signals: list[Signal], topology: Topology, cut: int, rates: dict[str, float]
) -> None:
    """What the first batch leaves is handed to the second as clusters, as storage does."""
    ordered = sorted(signals, key=lambda signal: signal.at)
    whole = put(ordered, topology=topology, rates=rates)
    first = put(ordered[:cut], topology=topology, rates=rates)
    unused = [f"new{n + cut}" for n in range(len(ordered))]
    second = assign(ordered[cut:], _clusters(ordered[:cut], first), topology, WINDOW, unused, rates=rates)
    service_of = {signal.id: signal.service for signal in ordered}
    moved = {(service, left): joined for service, left, joined in second.moved}
    homes = {one: moved.get((service_of[one], home), home) for one, home in first.homes.items()}
    homes = {one: second.merged.get(home, home) for one, home in homes.items()} | second.homes
    assert _partition(homes) == _partition(whole.homes)


def _clusters(signals: list[Signal], assigned: Assignment) -> list[Cluster]:
    """What storage keeps of a batch: services lead where their alerts are, the rest where it led first."""
    keys: dict[str, dict[tuple[str, str], Span]] = {}
    tokens: dict[str, frozenset[int]] = {}
    domains: dict[str, str] = {}
    for signal in signals:
        first, span = assigned.first_homes[signal.id], Span(signal.at, signal.at)
        domains[first] = signal.domain
        tokens[first] = tokens.get(first, frozenset()) | signal.tokens
        for key in signal.keys:
            known = keys.setdefault(assigned.homes[signal.id] if key[0] in ("service", "namespace") else first, {})
            known[key] = known[key].extended(span) if key in known else span
    assert keys.keys() == set(assigned.homes.values()), "no incident is opened that no alert is in"
    return [
        Cluster(name, domains[name], keys[name], tokens[name]) for name in sorted(keys, key=lambda name: int(name[3:]))
    ]


def _partition(homes: dict[str, str]) -> set[frozenset[str]]:
    return {frozenset(one for one, home in homes.items() if home == name) for name in homes.values()}


@given(signals, topologies)
def test_signals_of_one_service_within_the_window_share_a_cluster(signals: list[Signal], topology: Topology) -> None:
    near = [signal._replace(service="api", namespace="", domain="eu", at=signal.at / 4) for signal in signals]
    assert len(set(put(near, topology=topology).homes.values())) <= 1


@pytest.mark.parametrize(
    "signals, expected",
    [
        ([alert("db"), alert("api", 20)], [["db", "api"]]),
        ([alert("api"), alert("db", 20)], [["api", "db"]]),
        ([alert("db"), alert("web", 40)], [["db", "web"]]),
        ([alert("db"), alert("index", 20)], [["db"], ["index"]]),
        ([alert("db"), alert("api", 400)], [["db"], ["api"]]),
        ([alert("db"), alert("db", 300)], [["db", "db"]]),
        ([alert("db"), alert("db", 301)], [["db"], ["db"]]),
        ([alert("db"), alert("api", 20, domain="us")], [["db"], ["api"]]),
        ([alert("nowhere"), alert("elsewhere", 5)], [["nowhere"], ["elsewhere"]]),
        ([alert("nowhere", group="g"), alert("elsewhere", 5, group="g")], [["nowhere", "elsewhere"]]),
        ([alert("db", group="g"), alert("index", 5, group="g")], [["db"], ["index"]]),
        ([alert("db", name="Full"), alert("", 5, name="Full")], [["db", ""]]),
        ([alert("db", name="Full"), alert("", 5, name="Hot")], [["db"], [""]]),
        ([alert("", name="Full"), alert("", 5, name="Full")], [["", ""]]),
        ([], []),
    ],
)
def test_examples(signals: list[Signal], expected: list[list[str]]) -> None:
    assert together(*signals) == expected


def test_a_fault_below_does_not_reach_what_stands_beside_it() -> None:
    """``web`` suffers from ``db``; that says nothing of ``index``, on which it depends too."""
    assert together(alert("db"), alert("api", 15), alert("web", 30), alert("index", 35)) == [
        ["db", "api", "web"],
        ["index"],
    ]


def test_two_independent_faults_at_once_stay_two() -> None:
    found = together(alert("db"), alert("queue", 2), alert("api", 20), alert("mail", 22), alert("cart", 25))
    assert found == [["db", "api", "cart"], ["queue", "mail"]]


def test_late_evidence_merges_into_the_older_cluster() -> None:
    """The dependants of ``db`` spoke first, with nothing to connect them."""
    many = Topology({name: ["db", "host"] for name in "abcdefgh"})
    apart = put([alert("a"), alert("b", 5)], topology=many)
    assert len(set(apart.homes.values())) == 2
    known = [cluster("first", "a", at=0.0), cluster("second", "b", at=5.0)]
    late = put([alert("db", 15)], known, many)
    assert late == Assignment({"db-Slow-15-eu": "first"}, {"second": "first"}, [], {"db-Slow-15-eu": "first"})


def test_what_a_second_fault_does_leaves_the_first_ones_cluster_when_the_second_one_is_seen() -> None:
    shop = Topology({"a": ["db", "queue"], "b": ["a"], "c": ["db"]})
    known = [cluster("first", "db", a=100.0, b=105.0, c=10.0)]
    late = put([alert("queue", 90)], known, shop)
    [home] = late.homes.values()
    assert home != "first"
    assert late.moved == [Move("a", "first", home), Move("b", "first", home)], "c stays: it does not depend on queue"


def test_most_dependants_of_a_silent_service_belong_together() -> None:
    silent = Topology({"a": ["db"], "b": ["db"], "c": ["db"], "x": ["other"]})
    assert together(alert("a"), alert("b", 5), alert("c", 9), alert("x", 9), topology=silent) == [
        ["a", "b", "c"],
        ["x"],
    ]


def test_a_few_dependants_of_a_busy_service_are_no_evidence_against_it() -> None:
    busy = Topology({f"s{n}": ["hub"] for n in range(40)})
    assert len(together(alert("s1"), alert("s2", 5), topology=busy)) == 2


def test_a_flood_from_one_service_swallows_nothing_elsewhere() -> None:
    flood = [alert("queue", n / 10, name=f"N{n}") for n in range(1000)]
    incident = [alert("db", 50.0, name="Down"), alert("api", 70.0, name="Slower")]
    homes = put([*flood, *incident]).homes
    assert homes[incident[0].id] == homes[incident[1].id] != homes[flood[0].id]
    assert len({homes[one.id] for one in flood}) == 1


@given(st.randoms(use_true_random=False))
def test_a_cycle_is_one_cluster_wherever_it_begins(random: Random) -> None:
    ring = Topology({"a": ["b"], "b": ["c"], "c": ["a"]})
    order = ["a", "b", "c"]
    random.shuffle(order)
    assert len(together(*[alert(name, n * 15.0) for n, name in enumerate(order)], topology=ring)) == 1


def test_five_thousand_services_are_no_obstacle() -> None:
    chain = Topology({f"s{n}": [f"s{n + 1}", "hub"] for n in range(5000)})
    alerts = [alert("hub")] + [alert(f"s{n}", 20.0) for n in range(0, 5000, 5)]
    assert len(set(put(alerts, topology=chain).homes.values())) >= 1


def _burst(count: int, apart: float = 8.0) -> list[Signal]:
    """Services that nobody described, each a few seconds after the other."""
    return [alert(f"unknown{n}", n * apart, name=f"Slow{n}") for n in range(count)]


def _clusters_of(signals: list[Signal], rates: Mapping[str, float], topology: Topology = SHOP) -> int:
    return len(set(put(signals, topology=topology, rates=rates).homes.values()))


def test_many_services_at_once_are_one_cluster_where_few_break_by_themselves() -> None:
    assert _clusters_of(_burst(8), QUIET) == 1
    assert _clusters_of(_burst(8), {"eu": 1.0}) == 8, "as many as this break there all the time"


def test_where_it_is_not_known_how_many_break_by_themselves_time_alone_joins_nothing() -> None:
    assert _clusters_of(_burst(8), {}) == 8


def test_two_services_are_no_burst_nor_are_many_that_break_one_after_the_other() -> None:
    assert _clusters_of(_burst(2, apart=0.0), QUIET) == 2
    assert _clusters_of(_burst(8, apart=100.0), QUIET) == 8


def test_what_breaks_one_by_one_all_the_time_is_no_burst_without_an_end() -> None:
    """However often that is: the more, the closer they are."""
    for apart in (1.0, 10.0, 25.0):
        assert _clusters_of(_burst(40, apart), {"eu": 1 / apart}) == 40


def test_a_namespace_that_few_others_are_in_makes_a_burst_of_what_time_alone_does_not() -> None:
    def burst(namespaces: str) -> list[Signal]:
        return [one._replace(namespace=named) for one, named in zip(_burst(6, apart=50.0), namespaces, strict=True)]

    assert _clusters_of(_burst(6, apart=50.0), QUIET) == 6
    assert _clusters_of(burst("aaaaaa"), QUIET) == 6, "where all are in one, it tells nothing"
    found = put(burst("axayaz"), rates=QUIET).homes.values()
    assert len(set(found)) < 6


def test_of_described_services_time_tells_nothing_that_the_topology_does_not() -> None:
    apart = Topology({f"unknown{n}": [f"own{n}"] for n in range(8)})
    assert _clusters_of(_burst(8), QUIET, apart) == 8


def test_services_that_never_broke_together_are_not_joined_by_time() -> None:
    seen = {f"unknown{n}": {f"unknown{n}": Seen(20.0, 20.0)} for n in range(4)}
    signals = _burst(4, apart=12.0)
    ids = [f"new{n}" for n in range(4)]
    assert len(set(assign(signals, [], SHOP, WINDOW, ids, {"eu": {}}, QUIET).homes.values())) == 1
    assert len(set(assign(signals, [], SHOP, WINDOW, ids, {"eu": seen}, QUIET).homes.values())) == 4


def test_an_incident_that_began_long_ago_is_not_taken_for_a_part_of_a_burst() -> None:
    """Its origin is not among what was seen of it lately."""
    old = cluster("old", "elsewhere", at=10.0)._replace(began=-9_000.0)
    young = cluster("old", "elsewhere", at=10.0)
    later = [one._replace(at=one.at + 12) for one in _burst(6)]
    assert put(later, [young], rates=QUIET).homes == dict.fromkeys((one.id for one in later), "old")
    assert put(later, [old], rates=QUIET).merged == {}
