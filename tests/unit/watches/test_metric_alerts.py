"""What the metrics' watch says of a group."""

from datetime import UTC, datetime

import pytest

from bot.domain.event import AlertStatus
from bot.domain.severity import Severity
from bot.watches.metrics import alerts as say
from bot.watches.metrics.group import Firing, Group, GroupState
from detectors.groups.member import Member, Off

SERVICE_LABELS = ["service"]
FIRING = Firing(1_000_000.0, reported=1)


def group_of(*labels: dict[str, str], watch: str = "latency") -> Group:
    group = Group(GroupState(watch, {"job": "api"}))
    for n, given in enumerate(labels):
        member = Member.of(given, counter=given["__name__"].endswith("_total"))
        for at in range(100):
            member.update(60.0 * at, float(5 * at if member.ensemble.intake.counter else at % 5))
        member.off = Off(0.0, 0.0, low=1.0, high=2.0, rarity=float(n), worst=10.0 * n)
        group.join(str(n), member)
    return group


def test_the_worst_come_first_with_what_was_observed_and_expected_and_the_rest_is_counted() -> None:
    group = group_of(*({"__name__": "latency_seconds", "pod": f"p{n}", "service": "shop"} for n in range(7)))
    alert = say.off_course(group, FIRING, Severity.HIGH, SERVICE_LABELS)
    lines = alert.annotations["description"].splitlines()
    assert lines[0] == "latency_seconds {pod=p6, service=shop}: 60, expected 1 to 2"
    assert (len(lines), lines[-1]) == (6, "and 2 more")
    assert alert.annotations["summary"] == "api answers in 60 s, usually 1 to 2; 6 other measurements are unusual too"
    assert alert.labels == {
        "alertname": "MetricAnomaly",
        "severity": "high",
        "watch": "latency",
        "job": "api",
        "service": "shop",
    }
    assert (alert.source, alert.group, alert.starts_at.tzinfo) == ("tandem", "latency job=api", UTC)


def test_the_chart_shows_the_last_hour_of_the_worst_and_the_unit_that_its_name_says() -> None:
    alert = say.off_course(group_of({"__name__": "latency_seconds", "pod": "a"}), FIRING, Severity.HIGH, SERVICE_LABELS)
    chart = alert.chart
    assert chart is not None
    assert (len(chart.x), chart.x[-1], chart.unit) == (60, 99 * 60_000, "seconds")
    assert chart.lines == {"observed": [float(at % 5) for at in range(40, 100)]}
    assert (set(chart.low), set(chart.high)) == ({1.0}, {2.0})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("http_request_duration_seconds", "api answers in 10 s, usually 1 to 2"),
        ("queue_length", "api: queue length is 10, usually 1 to 2"),
        ("heap_used_bytes", "api: heap used is 10 B, usually 1 to 2"),
        ("http_requests_total", "api gets 10 requests a second, usually 1 to 2"),
        ("http_errors_total", "api fails 10 requests a second, usually 1 to 2"),
        ("jobs_created_total", "api: jobs created 10 a second, usually 1 to 2"),
        ("http_request_duration_seconds_sum", "api spends 10 s a second on requests, usually 1 to 2"),
    ],
)
def test_a_metric_is_said_in_words_with_its_value_and_what_is_usual(name: str, said: str) -> None:
    counter = name.endswith(("_total", "_sum"))
    group = Group(GroupState("watch", {"job": "api"}))
    member = Member.of({"__name__": name}, counter)
    member.off = Off(0.0, 0.0, low=1.0, high=2.0, rarity=1.0, worst=10.0)
    group.join("0", member)
    assert say.off_course(group, FIRING, Severity.HIGH, SERVICE_LABELS).annotations["summary"] == said


def test_a_sum_of_seconds_is_said_as_the_mean_that_it_makes_with_its_count() -> None:
    """200 ms a request for half an hour, then 840 ms: at 10 requests a second."""
    total = Member.of({"__name__": "http_request_duration_seconds_sum", "pod": "a"}, counter=True)
    count = Member.of({"__name__": "http_request_duration_seconds_count", "pod": "a"}, counter=True)
    seconds = requests = 0.0
    for minute in range(60):
        requests += 600
        seconds += 600 * (0.84 if minute >= 50 else 0.18 + 0.01 * (minute % 9))
        total.update(60.0 * minute, seconds)
        count.update(60.0 * minute, requests)
    total.off = Off(60.0 * 50, 60.0 * 59, low=1.8, high=2.6, rarity=9.0, worst=8.4)
    group = Group(GroupState("watch", {"service": "cart"}))
    group.join("0", total)
    group.join("1", count)
    alert = say.off_course(group, FIRING, Severity.HIGH, SERVICE_LABELS)
    assert alert.annotations["summary"] == "cart answers in 840 ms, usually 180 to 260"


def test_what_comes_from_outside_is_bounded() -> None:
    group = group_of({"__name__": "x" * 5000, "pod": "y" * 5000})
    alert = say.off_course(group, FIRING, Severity.HIGH, SERVICE_LABELS)
    assert alert.chart is not None
    assert max(map(len, [*alert.annotations.values(), alert.chart.title])) < 500


def test_an_alert_and_its_resolution_are_of_one_alert_and_other_kinds_and_groups_are_of_others() -> None:
    group, now = group_of({"__name__": "a"}), datetime.fromtimestamp(2_000_000, UTC)
    fires = say.off_course(group, FIRING, Severity.HIGH, SERVICE_LABELS)
    over = say.resolved(say.OFF_COURSE, group, Severity.HIGH, FIRING.since, now, "it is over")
    others = [
        say.missing(group, FIRING, Severity.HIGH),
        say.off_course(group_of({"__name__": "a"}, watch="other"), FIRING, Severity.HIGH, SERVICE_LABELS),
    ]
    assert (over.fingerprint, over.status, over.ends_at) == (fires.fingerprint, AlertStatus.RESOLVED, now)
    assert len({fires.fingerprint, *(other.fingerprint for other in others)}) == 3
