"""A heartbeat: something that reports from time to time. When it stops, that is an alert."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from bot.domain.duration import Duration
from bot.domain.matcher import matches_all
from bot.domain.severity import Severity
from bot.domain.watched.telemetry import Matchers


class Heartbeat(BaseModel):
    """Expected ``every`` span, and missed when it is late by more than ``grace``.

    It comes as a ping to its own endpoint or, with ``alert``, as an alert that always fires: Prometheus's Watchdog.
    Such an alert shows that its sender lives, and opens no incident. ``labels`` are given to the alert when it stops.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    every: Duration
    """How often it reports."""
    grace: Duration = timedelta(minutes=1)
    """How late it may be."""
    alert: Matchers | None = None
    """Matchers of an alert that always fires and serves as the report."""
    service: str = ""
    """The service of its alert."""
    severity: Severity = Severity.HIGH
    """The severity of its alert."""
    labels: dict[str, str] = Field(default={}, max_length=50)
    """Labels of its alert."""

    def is_carried_by(self, labels: Mapping[str, str]) -> bool:
        return self.alert is not None and matches_all(self.alert, labels)


class Pulse(msgspec.Struct, frozen=True):
    """What is known of a heartbeat. ``seen_at`` is when it came last, or since when it is waited for."""

    seen_at: datetime
    ill_since: datetime | None = None
    failed: bool = msgspec.field(default=False, name="told_fail")  # the name in stored snapshots


def beat(pulse: Pulse | None, at: datetime, failed: bool) -> Pulse:
    """The pulse after a ping; one that reports a failure counts as seen, but not as good news."""
    if failed:
        ill_since = pulse.ill_since if pulse and pulse.ill_since else at
        return Pulse(at, ill_since, failed=True)
    return Pulse(at)


def waited(pulse: Pulse | None, heartbeat: Heartbeat, now: datetime) -> Pulse:
    """The pulse as time goes by."""
    if pulse is None:
        return Pulse(now)
    due = pulse.seen_at + heartbeat.every + heartbeat.grace
    return msgspec.structs.replace(pulse, ill_since=now) if pulse.ill_since is None and now > due else pulse
