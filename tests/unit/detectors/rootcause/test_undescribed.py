"""Causes where nobody described what depends on what: what stands out by its alerts, and only that."""

import pytest

from detectors.rootcause import Changed, Symptom, rank
from detectors.topology import Topology


def symptom(service: str, name: str, at: float = 10.0) -> Symptom:
    return Symptom(service, name, 1, at)


NOTHING = Topology({})
SUFFERING = [
    symptom(name, kind, 60.0)
    for name in ("web", "cart", "search", "ads", "images")
    for kind in ("HighLatency", "HighErrorRate")
]
POOL = [symptom("pool", kind) for kind in ("ContainerOOMKilled", "CPUStarved", "TargetDown", "PodsPending")]


@pytest.mark.parametrize(
    "broken, named",
    [
        ([symptom("orders-postgres", "DiskFull")], ["orders-postgres"]),
        ([symptom("ledger", "PostgresqlTooManyConnections"), symptom("ledger", "PostgresqlDown")], ["ledger"]),
        (POOL, ["pool"]),
        ([symptom("pool", "ContainerOOMKilled", at=2400.0)], []),
        ([symptom("pool", "CPUStarved")], []),
        ([symptom("mail", "HighLatency")], []),
        ([symptom("redistribution", "Queue"), symptom("minions", "Errors")], []),
    ],
)
def test_where_nothing_is_described_what_stands_out_by_its_alerts_is_named_and_nobody_where_nothing_does(
    broken: list[Symptom], named: list[str]
) -> None:
    found = rank([*SUFFERING, *broken], NOTHING)
    assert [one.service for one in found][:1] == named
    assert all(one.evidence[-1] == "what depends on what here is not described" for one in found)


def test_the_evidence_where_nothing_is_described_says_what_stands_out() -> None:
    [found] = rank([*SUFFERING, symptom("orders-postgres", "DiskFull")], NOTHING)
    assert found.evidence == [
        "DiskFull fires on orders-postgres",
        "first to fire, 50 s before the rest",
        "of 6 services it alone has DiskFull",
        "databases and queues are what others depend on",
        "what depends on what here is not described",
    ]


def test_a_deploy_stands_out_though_its_service_only_suffers_as_the_others_do() -> None:
    affected = [*SUFFERING, symptom("mail", "HighLatency"), symptom("mail", "DeadlineMissed"), symptom("mail", "Slow")]
    assert rank(affected, NOTHING) == []
    assert rank(affected, NOTHING, [Changed("mail", "deployed v3", -50.0)])[0].service == "mail"


def test_one_that_is_described_is_judged_by_what_is_described() -> None:
    known = Topology({"web": ["orders-postgres"], "cart": [], "search": [], "ads": [], "images": []})
    [found, *_] = rank([*SUFFERING, symptom("orders-postgres", "DiskFull")], known)
    assert "web depends on it (1 of 5 other affected)" in found.evidence
    assert "what depends on what here is not described" not in found.evidence


def test_what_stood_out_and_does_no_longer_is_not_held() -> None:
    assert rank([*SUFFERING, *POOL], NOTHING)[0].service == "pool"
    as_likely = [symptom("zoo", kind) for kind in ("VolumeFull", "ProbeFailed", "MemoryStarved", "JobStuck")]
    assert rank([*SUFFERING, *POOL, *as_likely], NOTHING, held="pool") == []


@pytest.mark.parametrize(
    ("alerts", "changes", "named"),
    [
        ([*POOL, symptom("web", "HighLatency", 60.0)], [], "pool"),
        ([symptom("orders-postgres", "DiskFull"), symptom("web", "HighLatency", 60.0)], [], "orders-postgres"),
        ([symptom("checkout", "HighErrorRate"), symptom("web", "HighLatency", 60.0)], ["checkout"], "checkout"),
        ([symptom(name, "HighLatency") for name in ("checkout", "web", "mobile")], ["checkout"], "checkout"),
    ],
)
def test_of_two_or_three_services_the_one_that_was_changed_or_runs_short_of_something_is_named(
    alerts: list[Symptom], changes: list[str], named: str
) -> None:
    found = rank(alerts, NOTHING, [Changed(service, "deployed v2", -50.0) for service in changes])
    assert found[0].service == named
    assert found[0].evidence[-1] == "what depends on what here is not described"


def test_of_two_services_that_only_suffer_neither_is_named() -> None:
    assert rank([symptom("cart", "HighErrorRate"), symptom("web", "HighLatency", 60.0)], NOTHING) == []
