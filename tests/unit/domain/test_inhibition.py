"""A host that is down explains what fires on it: the rule, and how it is said."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.incident import Tally, visible
from bot.domain.inhibition import Folded, Placed, in_words, inhibited, is_down, says_down
from bot.domain.severity import Severity
from bot.incidents.description import summary_of
from detectors.topology import Topology
from tests.unit.notify.test_render import assert_sound, incident, render, shown, view
from tests.unit.strategies import NOON, hostile, tallies

DOWN = {"db-1": NOON}


def placed(service: str, host: str = "", name: str = "Slow", alerts: int = 1, at: datetime = NOON) -> Placed:
    return Placed(service, name, Severity.CRITICAL, False, host, alerts, at)


def folded(service: str, alerts: int = 1, host: str = "db-1", name: str = "Slow") -> Folded:
    return Folded(host, service, name, Severity.CRITICAL, False, alerts)


def tally(service: str, name: str = "Slow", alerts: int = 1, active: bool = True) -> Tally:
    return Tally("abc", service, name, Severity.CRITICAL, active, False, alerts, NOON)


@pytest.mark.parametrize(
    "name",
    ["HostDown", "InstanceDown", "TargetDown", "Down", "KubeNodeNotReady", "KubeNodeUnreachable", "node_down",
     "host is unreachable", "PrometheusTargetMissing", "ProbeFailed", "NodeExporterDown"],
)  # fmt: skip
def test_names_that_say_that_a_host_is_down(name: str) -> None:
    assert says_down(name)


@pytest.mark.parametrize(
    "name",
    ["HighLatency", "NetworkInterfaceDown", "HostOutOfMemory", "ReplicationDown", "BackupMissing", "Failed",
     "NodeSystemdServiceDown", "CountdownDown2", "slowdown", ""],
)  # fmt: skip
def test_names_that_say_something_else(name: str) -> None:
    assert not says_down(name)


@given(st.text(max_size=1000))
def test_any_name_can_be_asked_about(name: str) -> None:
    assert says_down(name) in (True, False)


def test_an_alert_is_about_the_host_where_it_stands_for_the_host_or_names_it() -> None:
    assert is_down(placed("db-1", "db-1", "InstanceDown"))
    assert is_down(placed("kube-state-metrics", "worker-3", "KubeNodeNotReady"))
    assert not is_down(placed("checkout", "db-1", "InstanceDown"))
    assert not is_down(placed("exporters", "db-1", "NodeExporterDown"))
    assert not is_down(placed("db-1", "", "HostDown"))


def test_explained_is_what_labels_place_on_the_host_and_not_what_they_place_elsewhere() -> None:
    found = inhibited([placed("cart", "db-1", alerts=3), placed("cart", "db-2"), placed("search")], DOWN, {})
    assert found == [folded("cart", 3)]


def test_explained_is_a_service_that_runs_there_and_nowhere_else() -> None:
    kinds = [placed("cart"), placed("search"), placed("checkout")]
    assert inhibited(kinds, DOWN, {"cart": {"db-1"}, "search": {"db-1", "db-2"}}) == [folded("cart")]


def test_what_a_host_says_of_itself_explains_and_is_not_explained() -> None:
    kinds = [placed("db-1", "db-1", "HostDown"), placed("db-1", "db-1", "DiskFull"), placed("k8s", "db-1", "NodeDown")]
    assert inhibited(kinds, DOWN, {}) == []


def test_what_fired_long_before_the_host_went_down_is_not_its_consequence() -> None:
    early, late = NOON - timedelta(minutes=11), NOON - timedelta(minutes=9)
    kinds = [placed("cart", "db-1", at=early), placed("search", "db-1", at=late)]
    assert inhibited(kinds, DOWN, {}) == [folded("search")]


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ([], ""),
        ([folded("cart")], "1 alert of 1 service on db-1 (down) is its consequence"),
        ([folded("")], "1 alert on db-1 (down) is its consequence"),
        ([folded("a", 9), folded("b", 5)], "14 alerts of 2 services on db-1 (down) are its consequence"),
        (
            [folded("a", n, f"h{n}") for n in range(1, 6)],
            "15 alerts of 1 service on h5, h4, h3 and 2 more hosts (down) are their consequence",
        ),
    ],
)
def test_what_is_folded_is_said_in_a_line(kinds: list[Folded], said: str) -> None:
    assert in_words(kinds) == said


@given(st.lists(tallies(), max_size=6), st.lists(tallies(), max_size=6))
def test_what_is_shown_and_what_is_folded_is_never_more_than_there_is(some: list[Tally], others: list[Tally]) -> None:
    kinds = [Folded("h", t.service, t.name, t.severity, t.flapping, t.alerts) for t in others]
    left = visible(some, kinds)
    assert sum(t.alerts for t in left) <= sum(t.alerts for t in some)
    assert bool(left) == bool(some)
    assert [t for t in left if not t.active] == [t for t in some if not t.active and t.alerts] or left == some


def _with_a_dead_host() -> tuple[Any, list[Tally]]:
    kinds = [tally("cart", alerts=3), tally("search"), tally("db-1", "HostDown"), tally("web", alerts=2)]
    return incident(inhibited=[folded("cart", 3), folded("search")]), kinds


def test_the_message_shows_the_host_and_what_is_elsewhere_and_folds_the_guests_into_a_line() -> None:
    known, kinds = _with_a_dead_host()
    said = shown(render(view(known, tallies=tuple(kinds))))
    assert "*What fires* · 7 alerts" in said
    assert "*HostDown* on db-1" in said
    assert "*Slow* on web ×2" in said
    assert "4 alerts of 2 services on db-1 (down) are its consequence" in said
    assert "on cart" not in said
    assert "on search" not in said


@given(hostile, hostile)
def test_the_name_of_a_host_is_escaped_like_any_text(host: str, service: str) -> None:
    kinds = [folded(service[:1000], 2, host[:1000]), folded("cart", 1, "db-1")]
    assert_sound(render(view(incident(inhibited=kinds), tallies=(tally("cart"), tally("web")))))


def test_the_summary_begins_with_what_is_not_folded() -> None:
    known, kinds = _with_a_dead_host()
    assert summary_of(known, kinds, [], Topology({"cart": ["db-1"]})) == (
        "Slow on web since 12:00 UTC. 3 alerts are firing on db-1, web. "
        "4 alerts of 2 services on db-1 (down) are its consequence."
    )


def test_what_is_folded_of_more_than_there_is_hides_nothing_else() -> None:
    kinds = [tally("cart", alerts=2), tally("web")]
    assert visible(kinds, [folded("cart", 9), folded("other", 5)]) == [tally("web")]
    assert visible(kinds[:1], [folded("cart", 9)]) == kinds[:1]
