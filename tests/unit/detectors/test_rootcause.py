"""The likeliest cause from alerts: where a service stands among the affected ones, and only with something to show."""

from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detectors.rootcause import Changed, Symptom, rank
from detectors.rootcause.alerts import CLEAR
from detectors.topology import Topology

SHOP = Topology({"web": ["api"], "api": ["pool"], "cart": ["api"]})
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
changes = st.lists(st.builds(Changed, services, st.just("deployed v2"), st.floats(0, 1000)), max_size=3)
topologies = st.dictionaries(services, st.lists(services, max_size=3), max_size=6)
KINDS = {"resource", "storage", "dependency", "change", "data", "model", "traffic", "unknown"}


def symptom(service: str, name: str = "Slow", at: float = 10.0) -> Symptom:
    return Symptom(service, name, 1, at)


@given(symptoms, topologies, changes)
@example([Symptom("c", "HighCPU", 1, 0.0)], {"c": ["c"]}, [Changed("c", "deployed v2", 0.0)])
def test_causes_are_named_once_each_the_likeliest_first_with_evidence_and_scores_that_sum_to_less_than_one(
    symptoms: list[Symptom], depends_on: dict[str, list[str]], changes: list[Changed]
) -> None:
    found = rank(symptoms, Topology(depends_on), changes)
    assert len({finding.service for finding in found}) == len(found)
    assert found == sorted(found, key=lambda finding: -finding.score)
    assert sum(finding.score for finding in found) < 1.01
    for finding in found:
        assert 0 < finding.score < 1
        assert finding.kind in KINDS
        assert finding.evidence and all(finding.evidence)


@given(symptoms, topologies, changes)
def test_what_is_named_first_is_likelier_right_than_wrong(
    symptoms: list[Symptom], depends_on: dict[str, list[str]], changes: list[Changed]
) -> None:
    for finding in rank(symptoms, Topology(depends_on), changes)[:1]:
        assert finding.score >= CLEAR


@given(symptoms, topologies, changes, st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_told_does_not_matter(
    symptoms: list[Symptom], depends_on: dict[str, list[str]], changes: list[Changed], random: Random
) -> None:
    shuffled = list(symptoms)
    random.shuffle(shuffled)
    backward = {service: others[::-1] for service, others in reversed(depends_on.items())}
    assert rank(shuffled, Topology(backward), changes) == rank(symptoms, Topology(depends_on), changes)


@pytest.mark.parametrize(
    "affected, named",
    [
        ([], []),
        ([symptom("web")], []),
        ([symptom("")], []),
        ([symptom("web"), symptom("cart")], []),
        ([symptom("web"), symptom("elsewhere")], []),
        ([symptom("web"), symptom("api")], ["api"]),
        ([symptom("web"), symptom("pool")], ["pool"]),
        ([symptom("web"), symptom("api"), symptom("pool")], ["pool"]),
        ([symptom("web", "HighCPU")], ["web"]),
        ([symptom("elsewhere", "DiskFull")], ["elsewhere"]),
    ],
)
def test_the_one_that_explains_the_others_is_named_and_nobody_where_it_is_not_clear(
    affected: list[Symptom], named: list[str]
) -> None:
    assert [finding.service for finding in rank(affected, SHOP)][:1] == named


def test_a_silent_service_is_named_when_all_that_depends_on_it_is_affected() -> None:
    many = Topology({name: ["db"] for name in "abcdefghijkl"})
    [found] = rank([symptom(name) for name in "abcdefghijkl"], many)
    assert (found.service, found.kind) == ("db", "dependency")
    assert "12 of 12 direct dependants affected" in found.evidence


@pytest.mark.parametrize(
    "name, kind",
    [
        ("NodeCPUStarved", "resource"),
        ("MemoryPressure", "resource"),
        ("HostOutOfDiskSpace", "storage"),
        ("DiskFillsUp", "storage"),
        ("KubePersistentVolumeFillingUp", "storage"),
        ("NodeFilesystemAlmostOutOfSpace", "storage"),
        ("HostUnusualDiskReadLatency", "resource"),
        ("ContainerOOMKilled", "resource"),
        ("HighLoad", "resource"),
        ("LoadBalancerErrors", "unknown"),
        ("HighLatency", "unknown"),
        ("FeatureDrift", "data"),
        ("DemandForecastAccuracyDrop", "model"),
        ("UnusualThroughput", "traffic"),
        ("PostgresqlDown", "dependency"),
    ],
)
def test_the_kind_is_what_the_alerts_speak_of(name: str, kind: str) -> None:
    found = rank([symptom("web"), symptom("api", name)], SHOP)[0]
    assert (found.service, found.kind) == ("api", kind)


def test_the_evidence_can_be_checked() -> None:
    affected = [symptom("web"), symptom("api"), symptom("other"), symptom("pool", "HighCPU", at=4.0)]
    assert rank(affected, SHOP)[0].evidence == [
        "HighCPU fires on pool",
        "api, web depend on it (2 of 3 other affected)",
        "first to fire, 6 s before the rest",
    ]


def test_a_recent_change_is_evidence_also_on_a_service_without_alerts() -> None:
    affected = [symptom("web", at=1000.0), symptom("cart", at=1010.0), symptom("api", at=1020.0)]
    found = rank(affected, SHOP, [Changed("api", "deployed v3", 640.0)])[0]
    assert (found.service, found.kind, found.evidence[0]) == ("api", "change", "deployed v3, 6 min earlier")
    assert found.score > rank(affected, SHOP)[0].score


@pytest.mark.parametrize("at", [1001.0, 1000.0 - 1801.0])
def test_a_change_after_the_first_alert_or_long_before_is_none(at: float) -> None:
    affected = [symptom("web", at=1000.0), symptom("api", at=1020.0)]
    assert rank(affected, SHOP, [Changed("api", "deployed v3", at)]) == rank(affected, SHOP)


FORECAST = Topology({"forecast": ["api", "sales"], "api": ["pool"]})


@pytest.mark.parametrize("hours", [0.1, 12.0])
def test_a_change_of_data_explains_a_drift_that_shows_only_hours_later(hours: float) -> None:
    changed = Changed("sales", "data of sales: prices in cents", 1e5 - hours * 3600, "data")
    found = rank([symptom("forecast", "FeatureDrift", at=1e5)], FORECAST, [changed])[0]
    assert (found.service, found.kind) == ("sales", "data")


def test_a_change_of_data_hours_ago_explains_no_latency() -> None:
    changed = Changed("sales", "data of sales", 1e5 - 12 * 3600, "data")
    affected = [symptom("forecast", at=1e5)]
    assert rank(affected, FORECAST, [changed]) == rank(affected, FORECAST)


def test_a_promotion_explains_a_model_that_got_worse() -> None:
    changed = Changed("forecast", "model of forecast: v7 is champion", 1e5 - 3600, "model")
    found = rank([symptom("forecast", "ModelPerformance", at=1e5)], FORECAST, [changed])[0]
    assert (found.service, found.kind) == ("forecast", "model")


@pytest.mark.parametrize("promoted_first", [True, False])
def test_a_promotion_explains_no_drift_of_what_the_model_is_fed(promoted_first: bool) -> None:
    promoted = Changed("forecast", "model change of forecast: v7", 100.0 - promoted_first, "model")
    released = Changed("sales", "data change of sales: v2", 99.5, "data")
    fed = Topology({"forecast": ["sales"]})
    found = rank([Symptom("forecast", "FeatureDrift", 1, 130.0)], fed, [promoted, released])
    assert (found[0].service, found[0].kind) == ("sales", "data")
    [alone] = rank([Symptom("forecast", "PredictionDrift", 1, 130.0)], fed, [promoted])
    assert (alone.service, alone.kind) == ("forecast", "model")


def test_contention_below_a_model_explains_that_it_got_worse_better_than_the_model_itself() -> None:
    affected = [symptom("forecast", "ModelPerformance", at=90.0), symptom("api", at=60.0), symptom("pool", "HighCPU")]
    assert (rank(affected, FORECAST)[0].service, rank(affected, FORECAST)[0].kind) == ("pool", "resource")


@pytest.mark.parametrize("name, kind", [("FeatureDrift", "data"), ("ModelPerformance", "model")])
def test_a_model_alone_that_drifts_or_gets_worse_is_its_own_cause(name: str, kind: str) -> None:
    [found] = rank([symptom("forecast", name)], FORECAST)
    assert (found.service, found.kind) == ("forecast", kind)


def test_a_change_within_what_a_source_cannot_tell_may_be_the_cause() -> None:
    """A log alert knows the minute: a deploy a second after its first line may be why the rest came."""
    logged = Symptom("api", "LogRateAnomaly", 1, 600.0, tolerance=60.0)
    [found] = rank([logged], SHOP, [Changed("api", "deployed v3", 601.0)])
    assert (found.service, found.kind, found.evidence[0]) == ("api", "change", "deployed v3, just as it began")
    assert rank([logged._replace(tolerance=0.0)], SHOP, [Changed("api", "deployed v3", 601.0)]) == []


def test_a_change_after_something_that_is_known_to_have_begun_is_not_the_cause() -> None:
    affected = [Symptom("api", "LogRateAnomaly", 1, 600.0, tolerance=60.0), Symptom("web", "Slow", 1, 605.0)]
    assert all(found.kind != "change" for found in rank(affected, SHOP, [Changed("api", "deployed v3", 606.0)]))
    assert rank(affected, SHOP, [Changed("api", "deployed v3", 604.0)])[0].kind == "change"


def test_what_is_to_be_explained_is_no_evidence_for_itself() -> None:
    [found] = rank([symptom("pool", "DiskFillsUp")], SHOP)
    assert (found.kind, found.evidence) == ("storage", ["no other service has an alert"])


WIDE = Topology({"web": ["api", "cdn"], "api": ["db"], "cart": ["db"], "mail": ["queue"], "search": ["index"]})


def test_a_cause_that_was_named_is_not_lost_to_one_more_alert_that_says_little() -> None:
    affected = [symptom("api", at=0.0), *(symptom(name, at=20.0) for name in ("web", "mail", "search", "cart"))]
    assert rank(affected, WIDE) == []
    held = rank(affected, WIDE, held="api")
    assert held[0].service == "api" and held[0].score < CLEAR
    assert rank(affected, WIDE, held="mail") == [], "only the likeliest is held"
    assert rank([*affected, symptom("queue"), symptom("index")], WIDE, held="api") == [], "and not for ever"


def test_a_deploy_during_an_incident_is_the_cause_of_what_began_after_it_and_of_nothing_else() -> None:
    """What fired before has another cause; it neither hides the deploy, nor is explained by it."""
    before = [Symptom("mail", "QueueGrows", 1, 0.0)]
    after = [Symptom("api", "MetricAnomaly", 1, 900.0), Symptom("web", "Slow", 1, 930.0)]
    deploy = Changed("api", "deployed v3", 840.0)
    found = rank([*before, *after], WIDE, [deploy])
    assert (found[0].service, found[0].kind, found[0].evidence[0]) == ("api", "change", "deployed v3, 60 s earlier")


def test_a_deploy_below_what_fired_already_for_another_reason_is_named_for_what_came_after_it() -> None:
    shop = Topology({"web": ["api", "cdn"], "api": ["db"], "cart": ["db"]})
    older = [Symptom("web", "Slow", 1, 0.0), Symptom("cdn", "HighCPU", 1, 0.0)]
    joined = [Symptom("db", "MetricAnomaly", 1, 720.0), Symptom("api", "Slow", 1, 730.0)]
    assert rank(older, shop)[0].service == "cdn"
    found = rank([*older, *joined], shop, [Changed("db", "deployed v3", 670.0)], held="cdn")
    assert (found[0].service, found[0].kind) == ("db", "change")
    assert found[0].evidence[1] == "api depends on it (1 of 3 other affected)", "web fired before the deploy"


def test_a_deploy_of_a_service_that_one_alert_is_of_takes_no_cause_from_what_explains_the_rest() -> None:
    affected = [Symptom(name, "Slow", 1, 10.0) for name in ("web", "api", "cart")] + [Symptom("db", "Down", 1, 0.0)]
    late = Symptom("cdn", "Slow", 1, 700.0)
    assert rank([*affected, late], WIDE, [Changed("cdn", "deployed v3", 690.0)])[0].service == "db"


@pytest.mark.parametrize(
    ("first_api", "deployed"),
    [(900.0, 901.0), (100.0, 60.0), (4000.0, 900.0)],
    ids=["after its alert", "while trouble spreads", "long before its alert"],
)
def test_a_change_during_an_incident_that_explains_nothing_changes_nothing(first_api: float, deployed: float) -> None:
    affected = [Symptom("mail", "QueueGrows", 1, 0.0), Symptom("api", "Slow", 1, first_api)]
    assert rank(affected, WIDE, [Changed("api", "deployed v3", deployed)]) == rank(affected, WIDE)


def test_a_deploy_minutes_before_its_own_part_of_an_incident_is_four_times_as_likely_its_cause_as_an_earlier_one() -> (
    None
):
    """What happens by chance is as likely at any time of the half hour; what breaks something shows soon."""
    affected = [
        Symptom("mail", "HighCPU", 1, 0.0),
        Symptom("api", "Slow", 1, 1500.0),
        Symptom("web", "Slow", 1, 1520.0),
    ]

    def odds(deployed: float) -> float:
        found = rank(affected, WIDE, [Changed("api", "deployed v3", deployed)], held="mail")
        [score] = [one.score for one in found if one.service == "api"]
        return score / (1 - score)

    assert odds(1201.0) == odds(1490.0)
    assert odds(1199.0) == odds(100.0)
    assert 3 < odds(1201.0) / odds(1199.0) < 5


def test_what_fires_below_since_before_a_deploy_does_not_hide_it() -> None:
    affected = [
        Symptom("db", "Slow", 1, 0.0),
        Symptom("api", "MetricAnomaly", 1, 900.0),
        Symptom("web", "Slow", 1, 910.0),
    ]
    hidden = [one.service for one in rank(affected, WIDE)]
    found = rank(affected, WIDE, [Changed("api", "deployed v3", 870.0)])
    assert hidden[:1] == ["db"]
    assert "api" in [one.service for one in found if one.kind == "change"]
