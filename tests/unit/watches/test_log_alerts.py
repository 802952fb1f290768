"""What a group of log streams raises: few alerts, in plain words, without secrets, no more often than was asked for."""

import msgspec
import pytest

from bot.domain.event import AlertEvent, AlertStatus, EndedBy, LogLine
from bot.domain.watched.telemetry import Watched
from bot.watches.logs.alerts import alert_of
from bot.watches.logs.group import Group
from tests.unit.watches.log_flows import MINUTE, START, Write, normal

WATCHED = Watched.model_validate({"match": ["service=~.+"], "severity": "high"})
LABELS = {"service": "checkout", "cluster": "eu"}
LEARNT = 300


def new_group() -> Group:
    return Group("shop", LABELS, WATCHED, learn_for=3600.0)


def feed(group: Group, minute: int, lines: list[LogLine]) -> list[AlertEvent]:
    group.stream.add(lines, START + (minute + 1) * MINUTE)
    closed = group.stream.close(group.stream.clock())
    return [alert_of(notice, group, []) for one in closed for notice in group.update(one)]


def steady(minute: int, count: int = 12, text: str = "order {} was placed") -> list[LogLine]:
    return [LogLine(START + minute * MINUTE + n * 60_000 // count, text.format(n)) for n in range(count)]


def steadily(group: Group, minutes: range) -> list[AlertEvent]:
    return [alert for minute in minutes for alert in feed(group, minute, steady(minute))]


@pytest.fixture
def group() -> Group:
    """A group that is used to twelve orders a minute."""
    group = new_group()
    assert steadily(group, range(LEARNT)) == []
    return group


def after(group: Group, lines: list[LogLine], until: int = LEARNT + 3) -> list[AlertEvent]:
    return feed(group, LEARNT, lines) + steadily(group, range(LEARNT + 1, until))


def test_a_rate_is_told_with_what_was_expected_and_a_chart(group: Group) -> None:
    (alert,) = after(group, steady(LEARNT, 240))
    assert alert.annotations["summary"] == "“order <*> was placed” came 240 times a minute, 12 expected"
    assert alert.labels == {"alertname": "LogRateAnomaly", "watch": "shop", "severity": "high", **LABELS}
    assert (alert.source, alert.status, alert.annotations["template"]) == ("tandem", "firing", "order <*> was placed")
    assert alert.chart is not None and alert.chart.lines["lines"][-1] == 240.0
    assert len(alert.chart.x) == len(alert.chart.low) == len(alert.chart.high) == 60


def test_an_alert_is_told_once_and_resolved_when_it_is_quiet(group: Group) -> None:
    fired = [feed(group, minute, steady(minute, 240)) for minute in range(LEARNT, LEARNT + 10)]
    resolved = steadily(group, range(LEARNT + 10, LEARNT + 20))
    (alert, end) = [one for found in fired for one in found] + resolved
    assert (alert.fingerprint, end.status) == (end.fingerprint, AlertStatus.RESOLVED)
    assert end.ends_at is not None and end.ends_at > end.starts_at == alert.starts_at


def test_a_new_line_is_told_with_a_sample_without_its_secrets(group: Group) -> None:
    lines = [LogLine(START + LEARNT * MINUTE, "login of ada@example.com failed: password=hunter2 is wrong")]
    (alert,) = after(group, [*steady(LEARNT), *lines])
    assert alert.labels["alertname"] == "UnseenLogLine"
    assert alert.annotations["sample"] == "login of [e-mail] failed: password=[secret] is wrong"
    assert "hunter2" not in str(msgspec.to_builtins(alert))


def test_two_hundred_new_lines_at_once_are_one_alert(group: Group) -> None:
    names = [f"{a}{b}{c}" for a in "abcdefgh" for b in "ijklm" for c in "nopqr"]
    new = [LogLine(START + LEARNT * MINUTE + 5, f"{name}service {name}ed") for name in names]
    (alert,) = after(group, [*steady(LEARNT), *new])
    assert alert.annotations["summary"].startswith("200 log lines that were never seen before came")
    assert len(alert.annotations["templates"].splitlines()) == 5


def test_a_line_that_comes_no_more_is_told_and_resolved_when_it_comes_again(group: Group) -> None:
    def others(minutes: range) -> list[AlertEvent]:
        return [one for n in minutes for one in feed(group, n, steady(n, text="item {} was looked at"))]

    both = range(LEARNT, LEARNT + 5)
    started = [one for n in both for one in feed(group, n, steady(n) + steady(n, text="item {} was looked at"))]
    (stopped,) = others(range(LEARNT + 5, LEARNT + 15))
    (again,) = steadily(group, range(LEARNT + 15, LEARNT + 18))
    assert [alert.labels["alertname"] for alert in started] == ["UnseenLogLine"]
    assert stopped.labels["alertname"] == "LogLineStopped"
    assert (again.status, again.fingerprint) == (AlertStatus.RESOLVED, stopped.fingerprint)
    summary = stopped.annotations["summary"]
    assert summary == "“order <*> was placed” has not come for 5m; its longest pause before was 1m"


def test_errors_of_many_kinds_at_once_are_one_burst(group: Group) -> None:
    levels = [LogLine(START + LEARNT * MINUTE + n, f"order {n} was placed", "ERROR") for n in range(60)]
    (alert,) = after(group, levels)
    assert alert.labels["alertname"] == "ErrorBurst"
    assert alert.annotations["summary"].startswith("60 error lines a minute came, 0 expected")


def test_what_a_label_or_a_line_holds_fits_every_database(group: Group) -> None:
    alerts = after(group, [*steady(LEARNT), LogLine(START + LEARNT * MINUTE, "caf\x00e \ud800 was opened" * 300)])
    text = msgspec.json.encode(alerts).decode()
    assert alerts and "\\u0000" not in text and len(alerts[0].annotations["sample"]) <= 1000


def test_a_repeated_delivery_is_known(group: Group) -> None:
    assert not group.is_repetition(hash(tuple(steady(1))))
    assert group.is_repetition(hash(tuple(steady(1))))
    assert not group.is_repetition(hash(tuple(steady(2))))


def test_a_job_that_comes_every_hour_is_soon_usual() -> None:
    group, alerts = new_group(), []
    for minute in range(1500):
        job = steady(minute, 300, "batch row {} written") if minute > 300 and minute % 60 == 0 else []
        alerts += feed(group, minute, steady(minute) + job)
    names = [alert.labels["alertname"] for alert in alerts if alert.status is AlertStatus.FIRING]
    assert names[0] == "UnseenLogLine" and len(names) <= 3


@pytest.mark.montecarlo
def test_normal_logs_raise_no_more_false_alarms_than_was_asked_for() -> None:
    """Four days of groups: at one false alarm in a week, none or one is to be expected."""
    assert sum(_false_alarms(normal(seed), minutes=1440) for seed in range(4)) <= 1


def _false_alarms(write: Write, minutes: int) -> int:
    group = new_group()
    alerts = [alert for minute in range(minutes) for alert in feed(group, minute, write(minute))]
    return sum(alert.status is AlertStatus.FIRING for alert in alerts)


def test_a_group_goes_on_from_its_snapshot_and_raises_nothing_twice(group: Group) -> None:
    fired = [alert for minute in range(LEARNT, LEARNT + 3) for alert in feed(group, minute, steady(minute, 240))]
    assert [alert.status for alert in fired] == [AlertStatus.FIRING]
    restored = new_group()
    restored.restore(msgspec.msgpack.decode(group.serialised()))
    assert set(restored.firing) == set(group.firing) != set()
    both = [
        [alert for minute in range(LEARNT + 3, LEARNT + 15) for alert in feed(one, minute, steady(minute))]
        for one in (group, restored)
    ]
    assert [alert.status for alert in both[0]] == [AlertStatus.RESOLVED]
    assert both[0] == both[1]


def test_an_alert_that_waits_to_be_sure_says_at_once_that_its_data_is_good_and_that_it_is_not_any_more(
    group: Group,
) -> None:
    turned = []
    for minute, count in enumerate([240, 12, 12, 240, 12], LEARNT):
        feed(group, minute, steady(minute, count))
        turned += [(minute - LEARNT, alert_of(one, group, []).good_since is not None) for one in group.turned()]
    assert [good for _, good in turned] == [True, False]


def test_an_end_shows_that_it_is_over_only_if_lines_came_since(group: Group) -> None:
    feed(group, LEARNT, steady(LEARNT, 240))
    feed(group, LEARNT + 1, steady(LEARNT + 1))
    [silent] = group.resolve_all(0)
    assert alert_of(silent, group, []).ended_by is EndedBy.SOURCE_SILENT
    steadily(group, range(LEARNT + 2, LEARNT + 4))
    [ended] = group.resolve_all(0)
    assert alert_of(ended, group, []).ended_by is EndedBy.SENDER


def test_what_stopped_with_all_of_its_group_waits_until_it_was_overdue_while_its_sender_still_sent(
    group: Group,
) -> None:
    end = START + LEARNT * MINUTE
    closed = list(group.stream.close(end + 7 * MINUTE))
    assert [notice for one in closed for notice in group.update(one, quiet=True)] == []
    assert group.judge_held(end + 4 * MINUTE, 0, end + 7 * MINUTE) == []
    resumed = end + 5 * MINUTE
    assert group.judge_held(end + 8 * MINUTE, resumed, end + 8 * MINUTE) == []
    later = end + 10 * MINUTE
    [notice] = group.judge_held(later, later, later)
    assert alert_of(notice, group, []).labels["alertname"] == "LogLineStopped"


def test_a_new_line_began_when_it_came_and_a_rate_within_its_minute(group: Group) -> None:
    new = [LogLine(START + LEARNT * MINUTE + at, "disk sda is broken") for at in (41_000, 37_500, 52_000)]
    (unseen,) = after(group, [*steady(LEARNT), *new])
    assert (unseen.starts_at.timestamp() * 1000, unseen.tolerance) == (START + LEARNT * MINUTE + 37_500, 0.0)
    late = [LogLine(START + (LEARNT + 9) * MINUTE + 20_000 + n * 100, f"order {n} was placed") for n in range(240)]
    steadily(group, range(LEARNT + 3, LEARNT + 9))
    rates = feed(group, LEARNT + 9, late) + steadily(group, range(LEARNT + 10, LEARNT + 12))
    (rate,) = [one for one in rates if one.labels["alertname"] == "LogRateAnomaly"]
    assert (rate.starts_at.timestamp() * 1000, rate.tolerance) == (START + (LEARNT + 9) * MINUTE + 20_000, 60.0)


def test_when_the_first_line_came_is_known_after_a_restart_too(group: Group) -> None:
    lines = [LogLine(START + LEARNT * MINUTE + 37_500, "disk sda is broken")]
    group.stream.add([*steady(LEARNT), *lines], START + (LEARNT + 1) * MINUTE)
    again = new_group()
    again.restore(msgspec.msgpack.decode(group.serialised(), strict=False))
    (alert,) = steadily(again, range(LEARNT + 1, LEARNT + 3))
    assert alert.starts_at.timestamp() * 1000 == START + LEARNT * MINUTE + 37_500
