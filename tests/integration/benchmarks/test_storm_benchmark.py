"""The storm benchmark: the same storm from the same seed, with what it promises in it; and its scores."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.storm.alerts import make_storm
from tests.benchmarks.storm.score import compare, main_incident

COMPONENTS = ("host", "service", "nginx", "haproxy", "postgresql", "redis", "kafka", "rabbitmq")
CATALOGUE = {
    component: [{"alert": f"{component}{n}", "labels": {"severity": "warning"}} for n in range(9)]
    for component in COMPONENTS
}
SIZES = pytest.mark.parametrize("services", [10, 60, 500])
groupings = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=1, max_size=20)


@SIZES
def test_a_seed_makes_the_same_storm_again_and_another_seed_another(services: int) -> None:
    again = [make_storm(CATALOGUE, services, 7, apart=True).sent for _ in range(2)]
    assert again[0] == again[1] != make_storm(CATALOGUE, services, 8, apart=True).sent


@SIZES
def test_deliveries_come_in_order_of_arrival_though_not_of_what_they_tell(services: int) -> None:
    sent = make_storm(CATALOGUE, services, 7, apart=False).sent
    assert [one.arrives for one in sent] == sorted(one.arrives for one in sent)
    told = [one.event.starts_at for one in sent]
    assert told != sorted(told)


@SIZES
def test_a_fifth_of_the_alerts_is_noise_and_both_faults_are_heard_of(services: int) -> None:
    truth = {one.alert: one.truth for one in make_storm(CATALOGUE, services, 7, apart=False).sent}
    counted = Counter(value[0] if value.startswith("n") else value for value in truth.values())
    assert counted["n"] / len(truth) == pytest.approx(0.2, abs=0.07)
    assert min(counted["f0"], counted["f1"]) >= 1


@SIZES
def test_faults_spread_only_to_what_depends_on_them(services: int) -> None:
    storm = make_storm(CATALOGUE, services, 7, apart=False)
    for fault in storm.faults:
        for name in fault.reached.keys() - {fault.root}:
            assert fault.reached.keys() & set(storm.world.depends_on[name])


@given(groupings)
def test_scores_are_one_for_the_same_grouping_whatever_its_names(pairs: list[tuple[str, str]]) -> None:
    truth = [one for one, _ in pairs]
    assert compare(truth, [f"i{one}" for one in truth]) == pytest.approx((1.0, 1.0, 1.0))


@given(groupings)
def test_homogeneity_of_one_grouping_is_completeness_seen_from_the_other(pairs: list[tuple[str, str]]) -> None:
    truth, found = [one for one, _ in pairs], [other for _, other in pairs]
    there, back = compare(truth, found), compare(found, truth)
    assert there.ari == pytest.approx(back.ari)
    assert (there.homogeneity, there.completeness) == pytest.approx((back.completeness, back.homogeneity))


def test_the_adjusted_rand_index_is_that_of_the_textbook() -> None:
    """The example of scikit-learn's documentation."""
    assert compare("0011", "0012").ari == pytest.approx(0.5714, abs=1e-4)


def test_a_faults_main_incident_holds_most_of_its_alerts() -> None:
    truth = {"a": "f0", "b": "f0", "c": "f0", "d": "f1"}
    assert main_incident(truth, {"a": "x", "b": "y", "c": "y", "d": "x"}, "f0") == "y"
    assert main_incident(truth, {}, "f0") is None
