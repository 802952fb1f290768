"""What the watch over limits says."""

from datetime import UTC, datetime
from math import inf

import pytest

from bot.domain.event import EndedBy
from bot.watches.forecast import alerts as say
from bot.watches.forecast.course import Course, Group, GroupState, Outlook, Told
from detectors.forecast import Forecast
from detectors.forecast.alarm import Alarm

NOW, MINUTE, HOUR = 1_767_225_600.0, 60.0, 3600.0  # 2026-01-01 00:00


def course(name: str, horizon: float = 2 * HOUR, **labels: str) -> Course:
    counter = name.endswith("_total")
    return Course({"__name__": name, **labels}, Forecast.over(horizon, counter), Alarm())


def outlook(*minutes: float, limit: float = 1000.0, probability: float = 0.9, beyond: bool = False) -> Outlook:
    earliest, median, latest = (NOW + MINUTE * one for one in minutes)
    return Outlook(NOW, limit, 700.0, probability, earliest, median, latest, beyond)


@pytest.mark.parametrize(
    ("name", "subject", "when", "below", "said"),
    [
        (
            "checkout_queue_length",
            "checkout",
            outlook(25, 40, 70),
            False,
            "checkout's queue length will exceed its limit of 1,000 in 40 minutes (probably 25 to 70), "
            "at about 00:40 UTC",
        ),
        (
            "node_filesystem_avail_bytes",
            "db",
            outlook(30, 90, inf, limit=5e9),
            True,
            "db's node filesystem avail will fall below its limit of 5 GB in 90 minutes "
            "(probably 30 minutes to over 2 hours), at about 01:30 UTC",
        ),
        (
            "http_request_duration_seconds",
            "cart",
            outlook(1, 5, 9, limit=0.5),
            False,
            "cart's latency will exceed its limit of 500 ms in 5 minutes (probably 1 to 9), at about 00:05 UTC",
        ),
        (
            "http_requests_total",
            "web",
            outlook(10, 20, 40),
            False,
            "web's rate of requests will exceed its limit of 1,000 requests a second in 20 minutes "
            "(probably 10 to 40), at about 00:20 UTC",
        ),
        (
            "queue_length",
            "",
            outlook(30, inf, inf, probability=0.3),
            False,
            "queue length may exceed its limit of 1,000 within 2 hours (30 % likely)",
        ),
        (
            "queue_length",
            "shop",
            outlook(0, 0, 0, beyond=True),
            False,
            "shop's queue length exceeds its limit of 1,000: it is 700",
        ),
        (
            "tokens_left",
            "shop",
            outlook(0, 0, 0, beyond=True),
            True,
            "shop's tokens left fell below its limit of 1,000: it is 700",
        ),
    ],
)
def test_a_sentence_says_whose_what_which_limit_and_when(
    name: str, subject: str, when: Outlook, below: bool, said: str
) -> None:
    assert say.sentence(course(name), when, subject, below, NOW) == said


def test_what_has_passed_since_the_forecast_is_no_longer_ahead() -> None:
    said = say.sentence(course("queue_length"), outlook(25, 40, 70), "shop", False, NOW + 10 * MINUTE)
    assert "in 30 minutes (probably 15 to 60), at about 00:40 UTC" in said


def test_a_far_horizon_is_in_hours_or_days() -> None:
    week = course("queue_length", 168 * HOUR)
    assert "in 2 days (probably 26 hours to 4 days)" in say.sentence(
        week, outlook(1560, 2900, 5760), "shop", False, NOW
    )


@pytest.mark.parametrize(
    ("name", "alert"),
    [
        ("queue_length", "SaturationForecast"),
        ("kubelet_volume_stats_used_bytes", "DiskFullForecast"),
        ("node_filesystem_avail_bytes", "DiskFullForecast"),
    ],
)
def test_disks_have_an_alert_of_their_own(name: str, alert: str) -> None:
    group = Group(GroupState("limits", {"service": "db"}))
    group.members["one"] = course(name)
    told = Told(NOW, NOW, severity="high")
    found = say.resolved(group, told, datetime.fromtimestamp(NOW, UTC), "it is over", EndedBy.SENDER)
    assert (found.labels["alertname"], found.labels["severity"]) == (alert, "high")
