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
    assert alert.annotations["summary"] == "latency_seconds of api is unlike before: 7 of 7 series"
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
    ("names", "said"),
    [
        (["a", "b_total"], "a and rate of b_total of api are unlike before: 2 of 2 series"),
        (["a", "b", "c", "d"], "d, c and 2 more of api are unlike before: 4 of 4 series"),
    ],
)
def test_several_metrics_are_named_in_few_words(names: list[str], said: str) -> None:
    group = group_of(*({"__name__": name} for name in names))
    summary = say.off_course(group, FIRING, Severity.HIGH, SERVICE_LABELS).annotations["summary"]
    assert sorted(summary.replace(",", "").split()) == sorted(said.replace(",", "").split())


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
