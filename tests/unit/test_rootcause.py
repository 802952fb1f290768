"""The likeliest cause: the deepest of the services with symptoms, and only with something to show for it."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.rootcause import Finding, Symptom, rank

services = st.sampled_from("abcdef")
symptoms = st.lists(
    st.builds(
        Symptom,
        services | st.just(""),
        st.sampled_from(["HighLatency", "HighCPU", "DiskFull", "Down", "LoadBalancerErrors", "OOMKilled"]),
        st.integers(1, 9),
        st.floats(0, 1000),
    ),
    max_size=8,
)
topologies = st.dictionaries(services, st.lists(services, max_size=3), max_size=6)


def below(service: str, depends_on: dict[str, list[str]]) -> set[str]:
    """What a service depends on, however indirectly."""
    found: set[str] = set()
    while True:
        further = {name for one in [service, *found] for name in depends_on.get(one, ())} - found
        if not further:
            return found
        found |= further


@given(symptoms, topologies)
def test_causes_are_affected_services_each_named_once_with_a_score_within_bounds_and_evidence(
    symptoms: list[Symptom], depends_on: dict[str, list[str]]
) -> None:
    found = rank(symptoms, depends_on)
    assert len({finding.service for finding in found}) == len(found)
    for finding in found:
        assert finding.service in {symptom.service for symptom in symptoms if symptom.service}
        assert 0 < finding.score <= 1
        assert finding.kind in ("resource", "unknown")
        assert finding.evidence and all(finding.evidence)


@given(symptoms, topologies)
def test_the_likeliest_comes_first(symptoms: list[Symptom], depends_on: dict[str, list[str]]) -> None:
    found = rank(symptoms, depends_on)
    assert found == sorted(found, key=lambda finding: (-finding.score, finding.service))


@given(symptoms, topologies, st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_told_does_not_matter(
    symptoms: list[Symptom], depends_on: dict[str, list[str]], random: Random
) -> None:
    shuffled = list(symptoms)
    random.shuffle(shuffled)
    backward = {service: others[::-1] for service, others in reversed(depends_on.items())}
    assert rank(shuffled, backward) == rank(symptoms, depends_on)


@given(symptoms, topologies)
def test_no_cause_is_explained_by_something_affected_below_it(
    symptoms: list[Symptom], depends_on: dict[str, list[str]]
) -> None:
    affected = {symptom.service for symptom in symptoms if symptom.service}
    for finding in rank(symptoms, depends_on):
        deeper = below(finding.service, depends_on) & affected - {finding.service}
        assert all(finding.service in below(other, depends_on) for other in deeper)


@given(symptoms, topologies)
def test_whatever_has_a_dependant_in_trouble_and_nothing_deeper_is_named(
    symptoms: list[Symptom], depends_on: dict[str, list[str]]
) -> None:
    affected = {symptom.service for symptom in symptoms if symptom.service}
    named = {finding.service for finding in rank(symptoms, depends_on)}
    for service in affected:
        deeper = below(service, depends_on) & affected - {service}
        dependants = {other for other in affected - {service} if service in below(other, depends_on)}
        if dependants and not deeper:
            assert service in named


def symptom(service: str, name: str = "Slow", at: float = 10.0) -> Symptom:
    return Symptom(service, name, 1, at)


@pytest.mark.parametrize(
    "symptoms, depends_on, expected",
    [
        ([], {"web": ["db"]}, []),
        ([symptom("web")], {}, []),
        ([symptom("")], {}, []),
        ([symptom("web"), symptom("cart")], {}, []),
        ([symptom("web"), symptom("db")], {"web": ["db"]}, ["db"]),
        ([symptom("web"), symptom("db")], {"web": ["api"], "api": ["db"]}, ["db"]),
        ([symptom("web"), symptom("api"), symptom("db")], {"web": ["api"], "api": ["db"]}, ["db"]),
        ([symptom("web")], {"web": ["web"]}, []),
        ([symptom("a"), symptom("b")], {"a": ["b"], "b": ["a"]}, ["a", "b"]),
        ([symptom("w"), symptom("a"), symptom("b")], {"w": ["a"], "a": ["b"], "b": ["a"]}, ["a", "b"]),
        ([symptom("a"), symptom("b"), symptom("d")], {"a": ["b"], "b": ["a", "d"]}, ["d"]),
        ([symptom("web", "HighCPU")], {}, ["web"]),
        ([symptom("web"), symptom("db", "DiskFull"), symptom("mq")], {"web": ["db", "mq"]}, ["db", "mq"]),
    ],
)
def test_examples(symptoms: list[Symptom], depends_on: dict[str, list[str]], expected: list[str]) -> None:
    assert [finding.service for finding in rank(symptoms, depends_on)] == expected


@pytest.mark.parametrize(
    "name, kind",
    [
        ("NodeCPUStarved", "resource"),
        ("MemoryPressure", "resource"),
        ("DiskFull", "resource"),
        ("ContainerOOMKilled", "resource"),
        ("HighLoad", "resource"),
        ("LoadBalancerErrors", "unknown"),
        ("HighLatency", "unknown"),
    ],
)
def test_the_kind_is_a_resource_when_an_alert_speaks_of_one(name: str, kind: str) -> None:
    [found] = rank([symptom("web"), symptom("db", name)], {"web": ["db"]})
    assert found.kind == kind


def test_the_evidence_can_be_checked() -> None:
    symptoms = [symptom("web"), symptom("api"), symptom("other"), symptom("pool", "HighCPU", at=4.0)]
    assert rank(symptoms, {"web": ["api"], "api": ["pool"]})[0] == Finding(
        "pool",
        "resource",
        0.77,
        [
            "HighCPU fires on pool",
            "api, web depend on it (2 of 3 other affected)",
            "first to fire, 6 s before the rest",
        ],
    )


def test_an_early_resource_alert_weighs_more_than_a_late_one() -> None:
    early = rank([symptom("web"), symptom("pool", "HighCPU", at=9.0)], {"web": ["pool"]})[0]
    late = rank([symptom("web"), symptom("pool", "HighCPU", at=11.0)], {"web": ["pool"]})[0]
    plain = rank([symptom("web"), symptom("pool", at=9.0)], {"web": ["pool"]})[0]
    assert early.score > late.score > plain.score
