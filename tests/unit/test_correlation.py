"""Which alerts belong together: those that share a key, in one domain, close in time."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.correlation import Cluster, Signal, assign

WINDOW = 300.0
keys = st.frozensets(st.tuples(st.sampled_from(["service", "group"]), st.sampled_from("abc")), max_size=3)
domains = st.sampled_from(["eu", "us"])
times = st.floats(0, 1000)
signals = st.lists(st.builds(Signal, st.just(""), domains, keys, times, keys), max_size=10).map(
    lambda made: [signal._replace(id=f"s{n}") for n, signal in enumerate(made)]
)
clusters = st.lists(st.builds(Cluster, st.just(""), domains, keys, times), max_size=5).map(
    lambda made: [cluster._replace(id=f"c{n}") for n, cluster in enumerate(made)]
)


def assigned(signals: list[Signal], clusters: list[Cluster]) -> dict[str, str]:
    return assign(signals, clusters, WINDOW, [f"new{n}" for n in range(len(signals))])


def signal(name: str, *services: str, at: float = 0.0, near: str = "", domain: str = "eu") -> Signal:
    def named(names: tuple[str, ...]) -> frozenset[tuple[str, str]]:
        return frozenset(("service", name) for name in names)

    return Signal(name, domain, named(services), at, named(tuple(near.split())))


def cluster(name: str, *services: str, last_at: float = 0.0, domain: str = "eu") -> Cluster:
    return Cluster(name, domain, frozenset(("service", service) for service in services), last_at)


@given(signals, clusters)
def test_every_signal_goes_to_one_cluster_of_its_own_domain(signals: list[Signal], clusters: list[Cluster]) -> None:
    found = assigned(signals, clusters)
    assert found.keys() == {signal.id for signal in signals}
    domain_of = {cluster.id: cluster.domain for cluster in clusters}
    for signal in signals:
        assert domain_of.setdefault(found[signal.id], signal.domain) == signal.domain


@given(signals, clusters)
def test_a_signal_joins_the_cluster_that_was_active_last_of_those_that_fit_or_begins_one(
    signals: list[Signal], clusters: list[Cluster]
) -> None:
    """Taken one after the other, against all clusters as they are by then."""
    state = {cluster.id: (cluster.domain, set(cluster.keys), cluster.last_at) for cluster in clusters}
    unused = [f"new{n}" for n in range(len(signals))]
    for one in signals:
        fitting = [
            (last_at, name)
            for name, (domain, has, last_at) in state.items()
            if domain == one.domain and has & (one.keys | one.near) and one.at - last_at <= WINDOW
        ]
        expected = max(fitting)[1] if fitting else unused.pop(0)
        domain, has, last_at = state.get(expected, (one.domain, set(), one.at))
        state[expected] = (domain, has | one.keys, max(last_at, one.at))
        signals_so_far = signals[: signals.index(one) + 1]
        assert assigned(signals_so_far, clusters)[one.id] == expected


@given(signals, clusters)
def test_signals_are_taken_in_order_so_later_ones_change_nothing(
    signals: list[Signal], clusters: list[Cluster]
) -> None:
    found = assigned(signals, clusters)
    half = len(signals) // 2
    assert assigned(signals[:half], clusters).items() <= found.items()


@given(signals, clusters, st.randoms(use_true_random=False))
def test_the_order_of_the_clusters_does_not_matter(
    signals: list[Signal], clusters: list[Cluster], random: Random
) -> None:
    shuffled = list(clusters)
    random.shuffle(shuffled)
    assert assigned(signals, shuffled) == assigned(signals, clusters)


@pytest.mark.parametrize(
    "signals, clusters, expected",
    [
        ([signal("a", "web"), signal("b", "web")], [], {"a": "new0", "b": "new0"}),
        ([signal("a", "web"), signal("b", "db")], [], {"a": "new0", "b": "new1"}),
        ([signal("a", "web"), signal("b", "web", domain="us")], [], {"a": "new0", "b": "new1"}),
        ([signal("a", "web"), signal("b", "web", at=300)], [], {"a": "new0", "b": "new0"}),
        ([signal("a", "web"), signal("b", "web", at=301)], [], {"a": "new0", "b": "new1"}),
        ([signal("a", "web", at=301), signal("b", "web")], [], {"a": "new0", "b": "new0"}),
        ([signal("a", "web", near="db")], [cluster("c", "db")], {"a": "c"}),
        ([signal("a", "web", near="db"), signal("b", "cache", near="web")], [], {"a": "new0", "b": "new0"}),
        ([signal("a", "web", near="db"), signal("b", "db")], [], {"a": "new0", "b": "new1"}),
        ([signal("a", "web", "db"), signal("b", "db")], [cluster("c", "web")], {"a": "c", "b": "c"}),
        ([signal("a", "web", at=9)], [cluster("c", "web", last_at=1), cluster("d", "web", last_at=2)], {"a": "d"}),
        ([signal("a"), signal("b")], [cluster("c")], {"a": "new0", "b": "new1"}),
        ([], [cluster("c", "web")], {}),
    ],
)
def test_examples(signals: list[Signal], clusters: list[Cluster], expected: dict[str, str]) -> None:
    assert assigned(signals, clusters) == expected


def test_a_chain_of_signals_keeps_a_cluster_open() -> None:
    chain = [signal(str(n), "web", at=n * WINDOW) for n in range(50)]
    assert set(assigned(chain, []).values()) == {"new0"}
