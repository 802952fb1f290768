"""Which hosts an alert names, and when that says where its service runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.host import hosts_of
from bot.domain.rules import CorrelationRules
from bot.pipeline.stages.learn_topology import taught_by
from tests.unit.strategies import hostile


@pytest.mark.parametrize(
    ("labels", "hosts"),
    [
        ({"instance": "db-1:9100"}, ["db-1"]),
        ({"instance": "db-1"}, ["db-1"]),
        ({"instance": "10.0.0.5:8080"}, ["10.0.0.5"]),
        ({"instance": "[2001:db8::5]:9100"}, ["2001:db8::5"]),
        ({"instance": "2001:db8::5"}, ["2001:db8::5"]),
        ({"node": "worker-3", "host": "worker-3", "instance": "10.0.0.5:80"}, ["worker-3", "10.0.0.5"]),
        ({"hostname": "db-1.example.com"}, ["db-1.example.com"]),
        ({"pod": "cart-0", "instance": "10.244.1.7:80"}, []),
        ({"pod": "cart-0", "node": "worker-3", "instance": "10.244.1.7:80"}, ["worker-3"]),
        ({"instance": "https://shop.example/health"}, []),
        ({"instance": "localhost:9090"}, []),
        ({"instance": "127.0.0.1:9090", "host": "[::1]:80"}, []),
        ({"host": ""}, []),
        ({"host": "h" * 254}, []),
        ({"service": "checkout"}, []),
    ],
)
def test_hosts_are_named_without_their_ports_and_by_nothing_else(labels: dict[str, str], hosts: list[str]) -> None:
    assert hosts_of(labels) == hosts


@pytest.mark.parametrize(
    ("labels", "taught"),
    [
        ({"service": "checkout", "host": "db-1"}, [("checkout", "db-1")]),
        ({"service": "checkout", "node": "n1", "instance": "db-1:80"}, [("checkout", "n1"), ("checkout", "db-1")]),
        ({"app": "checkout", "job": "checkout", "host": "db-1"}, [("checkout", "db-1")]),
        ({"service": "checkout", "job": "kubelet", "host": "rack-7"}, [("checkout", "rack-7")]),
        ({"job": "node-exporter", "host": "db-1"}, []),
        ({"job": "cart", "host": "db-1"}, [("cart", "db-1")]),
        ({"job": "kubelet", "pod": "cart-7d9f8b6c5-x2x1z", "node": "n1"}, [("cart", "n1")]),
        ({"pod": "cart-7d9f8b6c5-x2x1z", "node": "n1"}, [("cart", "n1")]),
        ({"pod": "other-7d9f8b6c5-x2x1z", "node": "n1"}, [("other", "n1")]),
        ({"job": "kube-state-metrics", "deployment": "cart", "instance": "10.1.7.20:8443"}, []),
        ({"job": "kube-state-metrics", "pod": "cart-7d9f8b6c5-x2x1z", "instance": "10.1.7.20:8443"}, []),
        ({"job": "kubelet", "service": "kubelet", "instance": "10.1.0.9:10250"}, []),
        ({"job": "blackbox", "instance": "rack-7:80"}, []),
        ({"job": "redis-exporter", "service": "redis-exporter", "instance": "10.1.9.44:9121"}, []),
        ({"job": "node-exporter", "instance": "rack-7:9100"}, []),
        ({"host": "db-1"}, []),
        ({"host": "rack-7"}, []),
        ({"service": "rack-7", "host": "rack-7"}, []),
        ({"service": "checkout"}, []),
        ({"service": ""}, []),
    ],
)
def test_a_service_runs_where_its_alert_says_unless_only_an_unknown_job_names_it(
    labels: dict[str, str], taught: list[tuple[str, str]]
) -> None:
    assert list(taught_by(CorrelationRules().about(labels, frozenset({"cart", "rack-7"})))) == taught


@given(st.dictionaries(st.sampled_from(["node", "host", "hostname", "instance", "pod"]), hostile, max_size=5))
def test_any_labels_name_hosts_that_fit_an_index_or_none(labels: dict[str, str]) -> None:
    hosts = hosts_of(labels)
    assert len(set(hosts)) == len(hosts)
    assert all(0 < len(host.encode()) <= 253 for host in hosts)
