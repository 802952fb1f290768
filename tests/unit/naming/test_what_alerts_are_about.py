"""What an alert is about, with an empty configuration, and with rules of one's own."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.event import MAX_NAME_BYTES
from bot.domain.naming.catalogue import shipped
from bot.domain.rules import CorrelationRules
from tests.unit.naming.label_sets import EXPORTERS, NODES, OBJECTS, PLAIN, PROBES, TARGETS
from tests.unit.strategies import hostile

Case = tuple[str, Mapping[str, str], str]
CASES = [*OBJECTS, *NODES, *EXPORTERS, *PROBES, *TARGETS, *PLAIN]
LABELS = [
    "alertname",
    "service",
    "job",
    "pod",
    "container",
    "instance",
    "node",
    "namespace",
    "exported_service",
    "host",
]


@pytest.mark.parametrize("case", CASES)
def test_an_alert_is_about_what_its_labels_name_and_not_about_what_reports_it(case: Case) -> None:
    name, labels, service = case
    found = CorrelationRules().about({"alertname": name, **labels}, frozenset())
    assert found.service == service, found.why


@pytest.mark.parametrize("case", [*OBJECTS, *EXPORTERS, *PROBES])
def test_the_address_of_what_reports_is_no_host(case: Case) -> None:
    name, labels, _ = case
    found = CorrelationRules().about({"alertname": name, **labels}, frozenset())
    assert set(found.hosts) <= {labels.get("node")}


def test_the_first_that_names_something_described_counts() -> None:
    labels = {"job": "search", "instance": "db-1:9100", "queue": "mails"}
    assert CorrelationRules().about(labels, frozenset()).service == "search"
    assert CorrelationRules().about(labels, frozenset({"db-1"})).service == "db-1"
    assert CorrelationRules().about(labels, frozenset({"db-1", "search"})).service == "search"


def test_a_workload_is_not_passed_over_for_a_host_that_is_described() -> None:
    labels = {"service": "search", "pod": "web-7c4d5b6f99-b7v2n", "node": "pool-a-3"}
    assert CorrelationRules().about(labels, frozenset({"pool-a-3"})).service == "search"


def test_two_of_one_name_are_described_with_their_namespace() -> None:
    described = frozenset({"east/api", "api"})
    names = [
        CorrelationRules().about({"deployment": "api", "namespace": namespace}, described).service
        for namespace in ("east", "west")
    ]
    assert names == ["east/api", "api"]


def test_rules_of_ones_own_come_before_those_that_are_known() -> None:
    added = {
        "workloads": {"component": "name"},
        "scrapers": {"node": ["host-agent"], "objects": ["my-state"]},
        "target_alerts": ["ScrapeBroken"],
        "ignore": ["AlwaysFiring*"],
        "keep": ["Watchdog"],
    }
    rules = CorrelationRules.model_validate({"naming": added})
    named = [
        {"component": "search", "deployment": "blue"},
        {"job": "host-agent", "instance": "build-7:7070"},
        {"job": "my-state", "instance": "10.0.0.4:80", "statefulset": "db"},
        {"alertname": "ScrapeBroken", "job": "redis-exporter"},
    ]
    assert [rules.about(labels, frozenset()).service for labels in named] == [
        "search",
        "build-7",
        "db",
        "redis-exporter",
    ]
    ignored = [rules.naming.catalogue.is_ignored(name) for name in ("AlwaysFiring2", "Watchdog", "InfoInhibitor")]
    assert ignored == [True, False, True]


@given(
    st.dictionaries(st.sampled_from([*LABELS, *shipped()["workloads"], *shipped()["resources"]]), hostile, max_size=8)
)
def test_any_labels_have_a_name_that_fits_an_index(labels: dict[str, str]) -> None:
    about = CorrelationRules().about(labels, frozenset({"known"}))
    assert all(len(name.encode()) <= MAX_NAME_BYTES for name in (about.service, about.namespace, about.workload))
